"""The gap that is filled, and what is written into it."""

import numpy as np
import pytest
from helpers.plain_layers import PlainLabels

from napari_motionseg.viewmodel.corrected_labels import (
    gap_around,
    missing_for_filling,
    write_filled,
)


@pytest.mark.parametrize(
    ("painted", "t", "expected"),
    [([2, 6], 4, (2, 6)), ([2, 6], 2, (2, 6)), ([2, 6], 6, (2, 6)), ([2, 6], 1, None),
     ([2, 3], 2, None), ([], 4, None), ([1, 4, 9], 4, (4, 9)), ([1, 4, 9], 3, (1, 4)),
     ([1, 4, 5], 4, (1, 4)), ([2, 6], 7, None)],
)  # fmt: skip
def test_a_gap_lies_between_two_labelled_frames(painted, t, expected):
    assert gap_around(painted, t) == expected


@pytest.mark.parametrize(
    ("labelled", "words"),
    [((), "so far none is labelled"), ({3}, "so far 1 frame is labelled"),
     ({4, 3}, "no frames lie between"), ({2, 4}, ""), ({7, 1, 2}, "")],
)  # fmt: skip
def test_what_is_missing_before_a_gap_can_be_filled_is_said(labelled, words):
    missing = missing_for_filling(labelled)
    assert words in missing
    assert bool(missing) == bool(words)


@pytest.mark.parametrize("named", [True, False])
def test_filled_frames_are_one_step_of_undo_and_draw_no_background(named):
    painting = PlainLabels(np.zeros((4, 3, 3), np.uint8), named=named)
    target = np.full((3, 3), -1, np.int16)
    target[0], target[1] = 1, 0
    write_filled(painting, {1: target, 2: target}, "scribbles")
    assert len(painting.steps) == 1
    expected = [1, 254, 0] if named else [2, 1, 0]
    for t in (1, 2):
        assert painting.data[t, :, 0].tolist() == expected
    assert not painting.data[[0, 3]].any()
