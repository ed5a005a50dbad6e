"""Labels along the flow: exact shifts, slow loops, and what is refused."""

import numpy as np
import pytest

from napari_motionseg.errors import MotionError, SettingsError
from napari_motionseg.motion import FlowSequence
from napari_motionseg.segmentation.flow_propagation import (
    CarrySettings,
    carry_labels,
    smooth_along_flow,
)

SIZE = (19, 23)


def moving(pairs=4, x=2.0, y=-1.0, gap=1):
    """Everything moves by (x, y) from each frame to the one a gap later."""
    forward = np.zeros((pairs, 2, *SIZE), np.float32)
    forward[:, 0], forward[:, 1] = x, y
    return FlowSequence(forward, -forward, gap, "made up")


def blob(row, column):
    target = np.full(SIZE, -1, np.int16)
    target[row - 1 : row + 2, column - 1 : column + 2] = 1
    target[row, column + 2] = 0
    return target


def test_labels_go_where_the_pixels_go():
    carried = carry_labels({2: blob(9, 11)}, moving(), CarrySettings(decay=1.0))
    by_frame = {label.frame: label for label in carried}
    assert sorted(by_frame) == [0, 1, 3, 4]
    for frame, label in by_frame.items():
        steps = frame - 2
        expected = blob(9 - steps, 11 + 2 * steps)
        np.testing.assert_array_equal(label.target, expected)
        np.testing.assert_allclose(label.weight[expected >= 0], 1, atol=1e-5)
        assert label.source == 2


def test_weights_fall_with_each_step_and_with_the_miss():
    flow = moving(x=0, y=0)
    backward = flow.backward.copy()
    backward[2, 0, :, :10] = 1.5  # there and back miss by 1.5 px at the left
    flow = FlowSequence(flow.forward, backward, 1, "made up")
    settings = CarrySettings(decay=0.5, least=0.01, tolerance=1.5)
    target = np.ones(SIZE, np.int16)
    carried = {c.frame: c for c in carry_labels({2: target}, flow, settings)}
    assert carried[3].weight[5, 20] == pytest.approx(0.5)
    assert carried[4].weight[5, 20] == pytest.approx(0.25)
    assert carried[3].weight[5, 4] == pytest.approx(0.5 * np.exp(-0.5), rel=1e-4)
    assert carried[1].weight[5, 4] == pytest.approx(0.5)


def test_what_does_not_agree_or_leaves_the_picture_is_left_out():
    flow = moving(x=30.0, y=0.0)
    assert carry_labels({2: blob(9, 11)}, flow) == []
    wrong = FlowSequence(moving().forward, moving().forward, 1, "made up")
    assert carry_labels({2: blob(9, 11)}, wrong) == []


def test_painted_frames_keep_what_was_painted():
    carried = carry_labels({2: blob(9, 11), 3: blob(8, 13)}, moving())
    assert {c.frame for c in carried} == {0, 1, 4}
    assert [c.source for c in carried if c.frame == 4] == [2, 3]


def test_the_pairs_needed_are_those_that_are_looked_at():
    looked = set()

    class Watched:
        def __init__(self, flow):
            self.flow = flow

        def __len__(self):
            return len(self.flow)

        def __getitem__(self, pair):
            looked.add(pair)
            return self.flow[pair]

    flow = moving(pairs=9, gap=2)
    watched = FlowSequence(Watched(flow.forward), Watched(flow.backward), 2, "")
    carry_labels({1: blob(9, 11), 6: blob(9, 11)}, watched, CarrySettings(steps=2))
    assert sorted(looked) == [1, 2, 3, 4, 6, 8]  # two steps of gap 2 either way


def test_smoothing_is_the_mean_along_the_way():
    flow = moving(x=3.0, y=0.0)
    probabilities = np.zeros((5, *SIZE), np.float32)
    for t in range(5):
        probabilities[t, 9, 5 + 3 * t] = 1 if t != 2 else 0.2
    smooth = smooth_along_flow(probabilities, flow, 2)
    assert smooth[9, 11] == pytest.approx((0.2 + 0.5 + 0.5) / 2, abs=1e-4)
    assert smooth[9, 14] == pytest.approx(0, abs=1e-4)
    first = smooth_along_flow(probabilities, flow, 0)
    assert first[9, 5] == pytest.approx((1 + 0.5 * 0.2 / 0.2) / 1.5, abs=0.3)


def test_smoothing_leaves_what_does_not_agree_alone():
    wrong = FlowSequence(moving(x=9.0).forward, moving(x=9.0).forward, 1, "")
    probabilities = np.random.default_rng(0).random((5, *SIZE)).astype(np.float32)
    np.testing.assert_allclose(
        smooth_along_flow(probabilities, wrong, 2), probabilities[2], atol=1e-5
    )


def test_one_way_is_not_enough():
    flow = FlowSequence(moving().forward, None, 1, "made up")
    with pytest.raises(MotionError, match="backward=True"):
        carry_labels({2: blob(9, 11)}, flow)
    with pytest.raises(MotionError, match="backward=True"):
        smooth_along_flow(np.zeros((5, *SIZE)), flow, 2)
    with pytest.raises(SettingsError, match="steps must be at least 1"):
        CarrySettings(steps=0)
    with pytest.raises(SettingsError, match="decay must be above 0"):
        CarrySettings(decay=0)


def test_labels_reach_the_first_row_and_column():
    target = np.arange(SIZE[0] * SIZE[1], dtype=np.int16).reshape(SIZE)
    still = carry_labels({2: target}, moving(x=0.0, y=0.0), CarrySettings(decay=1.0))
    for label in still:
        np.testing.assert_array_equal(label.target, target)


def test_neighbours_weigh_less_the_less_the_flows_agree():
    flow = moving(x=0.0, y=0.0)
    backward = flow.backward.copy()
    backward[2, 0] = 1.0  # of frames 2 and 3: misses by 1 px
    flow = FlowSequence(flow.forward, backward, 1, "made up")
    probabilities = np.zeros((5, *SIZE), np.float32)
    probabilities[3] = 1.0
    smooth = smooth_along_flow(probabilities, flow, 2, tolerance=0.8)
    weight = 0.5 * np.exp(-(1.0**2) / (2 * 0.8**2))
    assert smooth[9, 11] == pytest.approx(weight / (1 + 0.5 + weight), rel=1e-4)
