"""Frames between two labelled ones: exact shifts, slow loops, and what is refused."""

import numpy as np
import pytest

from napari_motionseg.errors import LabelError, MotionError, SettingsError
from napari_motionseg.motion import FlowSequence
from napari_motionseg.segmentation.fill_between import FillSettings, fill_between
from napari_motionseg.segmentation.flow_propagation import carry_labels

SIZE = (19, 23)
ALL = FillSettings(reach=100)


def moving(pairs=6, x=2.0, y=-1.0, gap=1):
    """Everything moves by (x, y) from each frame to the one a gap later."""
    forward = np.zeros((pairs, 2, *SIZE), np.float32)
    forward[:, 0], forward[:, 1] = x, y
    return FlowSequence(forward, -forward, gap, "made up")


def bar(row, column):
    """A labelled frame: a short vessel, background all around."""
    target = np.zeros(SIZE, np.int16)
    target[row : row + 2, column : column + 5] = 1
    return target


def test_a_vessel_that_moves_evenly_is_filled_in_exactly():
    filled = fill_between(1, 4, (bar(12, 4), bar(9, 10)), moving(), ALL)
    assert sorted(filled) == [2, 3]
    for t, target in filled.items():
        steps = t - 1
        expected = bar(12 - steps, 4 + 2 * steps)
        np.testing.assert_array_equal(target[expected == 1], 1)
        assert not ((target == 1) & (expected == 0)).any()


def slow_fill(first, last, targets, flow, settings):
    """Choose for each pixel from what was carried from either side."""
    steps = last - first - 1
    sides = [
        {c.frame: c for c in carry_labels({t: target}, flow, settings.carried(steps))}
        for t, target in zip((first, last), targets, strict=True)
    ]
    filled = {}
    for t in range(first + 1, last):
        found = np.full(SIZE, -1, np.int16)
        for row in range(SIZE[0]):
            for column in range(SIZE[1]):
                answers = [
                    (float(s[t].weight[row, column]), int(s[t].target[row, column]))
                    for s in sides
                    if t in s
                ]
                answers = [(w, c) for w, c in answers if c >= 0]
                if len({c for _, c in answers}) == 1:
                    found[row, column] = answers[0][1]
                elif answers:
                    (low, _), (high, best) = sorted(answers)
                    if high > settings.margin * low:
                        found[row, column] = best
        filled[t] = found
    return filled


@pytest.mark.parametrize("seed", range(3))
def test_uneven_flow_and_contradictions_are_those_of_a_loop_over_pixels(seed):
    rng = np.random.default_rng(seed)
    forward = rng.normal(0, 1.5, (6, 2, *SIZE)).astype(np.float32)
    backward = (-forward + rng.normal(0, 0.5, forward.shape)).astype(np.float32)
    flow = FlowSequence(forward, backward, 1, "made up")
    targets = tuple(rng.integers(-1, 3, SIZE).astype(np.int16) for _ in range(2))
    filled = fill_between(1, 5, targets, flow, ALL)
    expected = slow_fill(1, 5, targets, flow, ALL)
    assert sorted(filled) == sorted(expected)
    for t, target in filled.items():
        np.testing.assert_array_equal(target, expected[t])
    assert {-1, 0, 1, 2} <= set(np.unique(filled[3]))


def test_background_is_filled_in_near_a_class_alone():
    still = moving(x=0.0, y=0.0)
    filled = fill_between(0, 2, (bar(9, 9), bar(9, 9)), still, FillSettings(reach=2))
    rows, columns = np.nonzero(filled[1] >= 0)
    assert (rows.min(), rows.max()) == (7, 12)
    assert (columns.min(), columns.max()) == (7, 15)
    nothing = np.zeros(SIZE, np.int16)
    filled = fill_between(0, 2, (nothing, nothing), still)
    assert (filled[1] == -1).all()


def test_flow_over_two_frames_fills_what_it_reaches():
    filled = fill_between(0, 4, (bar(9, 4), bar(9, 4)), moving(x=0.0, y=0.0, gap=2))
    assert sorted(filled) == [2]


@pytest.mark.parametrize(("first", "last", "gap"), [(2, 3, 1), (2, 4, 2), (3, 3, 1)])
def test_there_must_be_a_frame_between(first, last, gap):
    with pytest.raises(LabelError, match=f"no frame between {first} and {last}"):
        fill_between(first, last, (bar(9, 4), bar(9, 4)), moving(gap=gap))


def test_flow_must_go_both_ways():
    one_way = FlowSequence(moving().forward, None, 1, "made up")
    with pytest.raises(MotionError, match="backward"):
        fill_between(0, 2, (bar(9, 4), bar(9, 4)), one_way)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [({"margin": 0.5}, "margin must be at least 1; got 0.5"),
     ({"reach": -1}, "reach must be at least 0 px; got -1"),
     ({"tolerance": 0.0}, "tolerance must be positive"),
     ({"decay": 2.0}, "decay must be above 0")],
)  # fmt: skip
def test_settings_that_cannot_be_are_refused(wrong, words):
    with pytest.raises(SettingsError, match=words):
        fill_between(0, 2, (bar(9, 4), bar(9, 4)), moving(), FillSettings(**wrong))
