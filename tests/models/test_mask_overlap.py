"""The one Dice: by hand, for arrays and tensors, and that of MONAI."""

import numpy as np
import pytest
import torch

from napari_motionseg.models.mask_overlap import dice


@pytest.mark.parametrize("kind", [np.array, torch.tensor])
def test_by_hand(kind):
    found = kind([[True, True, False, False]])
    truth = kind([[False, True, True, False]])
    assert dice(found, truth) == 0.5
    assert dice(found, found) == 1
    assert dice(found & False, truth) == 0
    assert dice(found & False, truth & False) == 1


@pytest.mark.parametrize("shape", [(40,), (7, 9), (3, 7, 9)])
def test_an_array_and_a_tensor_agree_with_a_slow_count(shape):
    rng = np.random.default_rng(4)
    found, truth = rng.random((2, *shape)) < 0.4
    both = sum(a and b for a, b in zip(found.flat, truth.flat, strict=True))
    slow = 2 * both / (sum(map(bool, found.flat)) + sum(map(bool, truth.flat)))
    assert dice(found, truth) == pytest.approx(slow, rel=1e-6)
    assert dice(torch.from_numpy(found), torch.from_numpy(truth)) == dice(found, truth)


def test_it_is_that_of_monai_bit_by_bit():
    from monai.metrics.meandice import compute_dice

    rng = np.random.default_rng(5)
    for share in (0.01, 0.3, 0.9):
        found, truth = rng.random((2, 61, 47)) < share
        masks = (torch.tensor(m).float()[None, None] for m in (found, truth))
        assert dice(found, truth) == float(compute_dice(*masks, ignore_empty=False))
