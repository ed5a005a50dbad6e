"""The loss of mask training, against NumPy and against numerical gradients."""

import numpy as np
import pytest
import torch

from napari_motionseg.training.masks.class_loss import class_loss


def shares(rng, batch=2, side=4):
    """Return masks of two classes that share pixels with the background."""
    drawn = rng.random((batch, 3, side, side + 1))
    return (drawn / drawn.sum(axis=1, keepdims=True))[:, 1:]


@pytest.mark.parametrize("weights", [(1.0, 1.0), (1.0, 0.3), (2.0, 0.0)])
def test_against_numpy(weights):
    rng = np.random.default_rng(0)
    logits, masks = rng.normal(size=(2, 3, 4, 5)), shares(rng)
    powers = np.exp(logits)
    chance = powers / powers.sum(axis=1, keepdims=True)
    total = weighed = 0.0
    for b in range(2):
        for row in range(4):
            for column in range(5):
                share = masks[b, :, row, column]
                for k, part in enumerate((1 - share.sum(), *share)):
                    weight = (1.0, *weights)[k]
                    total -= weight * part * np.log(chance[b, k, row, column])
                    weighed += weight * part
    overlaps = [
        (2 * (chance[:, k + 1] * masks[:, k]).sum() + 1)
        / (chance[:, k + 1].sum() + masks[:, k].sum() + 1)
        for k in range(2)
    ]
    found = class_loss(torch.from_numpy(logits), torch.from_numpy(masks), weights)
    overlap = np.average(overlaps, weights=weights)
    assert float(found) == pytest.approx(total / weighed + 1 - overlap, rel=1e-9)


def test_its_gradient_is_exact():
    rng = np.random.default_rng(1)
    logits = torch.from_numpy(rng.normal(size=(1, 3, 3, 4))).requires_grad_()
    masks = torch.from_numpy(shares(rng, batch=1, side=3))
    assert torch.autograd.gradcheck(
        lambda x: class_loss(x, masks, (1.0, 0.3)), (logits,)
    )


def test_the_truth_costs_next_to_nothing_and_a_wrong_class_much():
    masks = torch.zeros(1, 2, 8, 8)
    masks[:, 0, 2:4], masks[:, 1, 6:] = 1, 1
    right = torch.cat((1 - masks.sum(1, keepdim=True), masks), dim=1) * 20
    swapped = right[:, [0, 2, 1]]
    assert float(class_loss(right, masks, (1, 1))) < 1e-3
    assert float(class_loss(swapped, masks, (1, 1))) > 5


def test_what_looks_alike_is_left_to_the_class_that_weighs_more():
    masks = torch.zeros(1, 2, 2, 8)
    masks[:, 0, 0], masks[:, 1, 1] = 1, 1  # each class has half of the pixels
    vessel = torch.tensor([-9.0, 2.0, 0.0])[None, :, None, None].expand(1, 3, 2, 8)
    catheter = vessel[:, [0, 2, 1]]
    even = [float(class_loss(x, masks, (1, 1))) for x in (vessel, catheter)]
    assert even[0] == pytest.approx(even[1], rel=1e-5)
    low = [float(class_loss(x, masks, (1, 0.3))) for x in (vessel, catheter)]
    assert low[0] < low[1] - 0.5
