"""Halving frames, and means over sizes, against slow ones."""

import numpy as np
import pytest
import torch

from napari_motionseg.errors import SettingsError
from napari_motionseg.models.octaves import halved, mean_of_octaves


def test_half_a_frame_is_the_mean_of_its_pixels_two_by_two():
    frame = np.random.default_rng(0).random((5, 7))
    wanted = [
        [frame[r : r + 2, c : c + 2].mean() for c in range(0, 7, 2)]
        for r in range(0, 5, 2)
    ]
    found = halved(torch.from_numpy(frame)[None, None])[0, 0].numpy()
    np.testing.assert_allclose(found, wanted)


def test_answers_of_all_sizes_are_averaged_at_the_largest():
    whole, half = torch.rand(1, 2, 5, 7), torch.full((1, 2, 3, 4), 3.0)
    torch.testing.assert_close(mean_of_octaves([whole]), whole)
    torch.testing.assert_close(mean_of_octaves([whole, half]), (whole + 3) / 2)
    quarter = torch.full((1, 2, 2, 2), 6.0)
    three = mean_of_octaves(iter([whole, half, quarter]))
    torch.testing.assert_close(three, (whole + 9) / 3)


def test_no_answer_is_refused():
    with pytest.raises(SettingsError, match="at least one size"):
        mean_of_octaves([])
