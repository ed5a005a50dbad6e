"""Views of one frame's motion against loops over pixels and known motions."""

import numpy as np
import pytest

from napari_motionseg.cine import Cine
from napari_motionseg.errors import MotionError
from napari_motionseg.motion import FlowSequence, FrameMotion

HEIGHT, WIDTH = 19, 26


@pytest.fixture
def moved():
    """A picture and itself, moved by 3 columns and -2 rows."""
    earlier = np.random.default_rng(0).random((HEIGHT, WIDTH), np.float32)
    later = np.roll(earlier, (-2, 3), (0, 1))
    forward = np.zeros((2, HEIGHT, WIDTH), np.float32)
    forward[0], forward[1] = 3, -2
    return FrameMotion(earlier, later, forward, -forward)


def test_a_pure_translation_is_brought_back_but_for_what_left(moved):
    hidden = np.zeros((HEIGHT, WIDTH), bool)
    hidden[:2], hidden[:, -3:] = True, True
    np.testing.assert_array_equal(moved.hidden, hidden)
    without = FrameMotion(moved.frame, moved.other, moved.flow)
    np.testing.assert_array_equal(without.hidden, hidden)
    brought = moved.warped_frame
    np.testing.assert_allclose(brought[~hidden], moved.frame[~hidden], atol=1e-5)
    assert (brought[hidden] == 0).all()
    np.testing.assert_allclose(moved.residual(), 0, atol=1e-5)


def test_there_and_back_is_zero_where_flows_agree(moved):
    error = moved.forward_backward_error()
    assert np.isinf(error[:2]).all()
    np.testing.assert_allclose(error[2:, :-3], 0, atol=1e-5)
    other = FrameMotion(moved.frame, moved.other, moved.flow, 0 * moved.flow)
    np.testing.assert_allclose(
        other.forward_backward_error()[2:, :-3], 13**0.5, rtol=1e-5
    )
    assert other.hidden.all()


def test_without_a_backward_flow_nothing_can_disagree(moved):
    with pytest.raises(MotionError, match="needs backward flow"):
        FrameMotion(moved.frame, moved.other, moved.flow).forward_backward_error()


def test_lengths_are_those_of_a_loop():
    forward = np.random.default_rng(1).normal(size=(2, 5, 7)).astype(np.float32)
    frame = np.zeros((5, 7), np.float32)
    expected = [
        [np.sqrt(forward[0, r, c] ** 2 + forward[1, r, c] ** 2) for c in range(7)]
        for r in range(5)
    ]
    np.testing.assert_allclose(
        FrameMotion(frame, frame, forward).length(), expected, rtol=1e-6
    )


@pytest.mark.parametrize(("step", "least"), [(1, 0.0), (4, 0.25), (16, 0.5)])
def test_arrows_are_those_of_a_loop(step, least):
    forward = np.random.default_rng(2).normal(0, 0.4, (2, HEIGHT, WIDTH))
    forward = forward.astype(np.float32)
    frame = np.zeros((HEIGHT, WIDTH), np.float32)
    expected = []
    for row in range(step // 2, HEIGHT, step):
        for column in range(step // 2, WIDTH, step):
            x, y = forward[:, row, column]
            if np.hypot(x, y) >= least:
                expected.append([[row, column], [y, x]])
    found = FrameMotion(frame, frame, forward).arrows(step, least)
    np.testing.assert_allclose(found, np.reshape(expected, (-1, 2, 2)), rtol=1e-5)


def test_arrows_need_a_step(moved):
    with pytest.raises(MotionError, match="step must be at least 1"):
        moved.arrows(0)


def test_sizes_must_be_one(moved):
    with pytest.raises(MotionError, match="one size"):
        FrameMotion(moved.frame, moved.other[:-1], moved.flow)


@pytest.fixture
def loop():
    pixels = np.random.default_rng(3).integers(0, 255, (6, 12, 14), dtype=np.uint8)
    flow = np.random.default_rng(4).normal(size=(4, 2, 12, 14)).astype(np.float32)
    return Cine.from_array(pixels), FlowSequence(flow, None, 2, "given")


def test_a_frame_of_a_loop(loop):
    cine, flow = loop
    motion = FrameMotion.at(cine, flow, 3)
    np.testing.assert_array_equal(motion.frame, cine.normalized(3))
    np.testing.assert_array_equal(motion.other, cine.normalized(5))
    np.testing.assert_array_equal(motion.flow, flow.forward[3])
    for t in (-1, 4):
        with pytest.raises(MotionError, match="flow begins at frames 0 to 3"):
            FrameMotion.at(cine, flow, t)


def test_backward_begins_at_the_later_frame(loop):
    cine, flow = loop
    with pytest.raises(MotionError, match="backward flow was not estimated"):
        FrameMotion.at(cine, flow, 3, "backward")
    both = FlowSequence(flow.forward, -flow.forward, 2, "given")
    motion = FrameMotion.at(cine, both, 3, "backward")
    np.testing.assert_array_equal(motion.frame, cine.normalized(3))
    np.testing.assert_array_equal(motion.other, cine.normalized(1))
    np.testing.assert_array_equal(motion.flow, both.backward[1])
    np.testing.assert_array_equal(motion.back, both.forward[1])
    for t in (1, 6):
        with pytest.raises(MotionError, match="flow begins at frames 2 to 5"):
            FrameMotion.at(cine, both, t, "backward")
