"""Flow leaves out the pairs of which one frame is damaged, and says so."""

import dataclasses

import numpy as np
import pytest

from napari_motionseg.cine import Cine
from napari_motionseg.cine.frame_stack import FrameStack
from napari_motionseg.errors import MotionError
from napari_motionseg.evaluation.temporal import temporal_consistency
from napari_motionseg.jobs import run
from napari_motionseg.motion import FlowSettings, estimate_flow, lazy_flow
from napari_motionseg.motion.contrast_arrival import frames_before_contrast
from napari_motionseg.motion.flow_export import provenance
from napari_motionseg.motion.frame_motion import FrameMotion, entry_at
from napari_motionseg.motion.speed import mean_speed
from napari_motionseg.segmentation.flow_propagation import (
    carry_labels,
    smooth_along_flow,
)
from napari_motionseg.viewmodel.layer_jobs import (
    FlowRequest,
    flow_layer_job,
    reversed_cine,
)

MISSING = frozenset({1, 2, 4, 5})  # of pairs one frame apart, where 2 and 5 are damaged


@pytest.fixture
def blank(small_cine):
    """The loop of `synthetic` whose frames 2 and 5 are damaged."""
    pixels = np.array(small_cine.frames)
    pixels[[2, 5]] = 0
    frames = FrameStack.from_array(pixels, damaged=[2, 5])
    return dataclasses.replace(small_cine, frames=frames)


@pytest.fixture
def flow(blank):
    return estimate_flow(blank, gap=1, method="ilk", backward=True)


def test_pairs_of_a_damaged_frame_are_missing(flow):
    assert flow.missing == MISSING
    for t in range(7):
        assert bool(flow.forward[t].any()) == (t not in MISSING)
        assert bool(flow.backward[t].any()) == (t not in MISSING)
    (note,) = flow.notes
    assert note == (
        "2 of 8 frames are damaged and left out (2, 5): the flow of 4 pairs is missing "
        "and set to zero"
    )


def test_a_good_loop_misses_nothing(small_cine):
    flow = estimate_flow(small_cine, gap=1, method="ilk")
    assert not flow.missing
    assert not flow.notes


def test_a_file_with_damaged_frames_has_flow(damaged_cine, flow):
    with pytest.warns(UserWarning, match="2 of 8 frames are damaged"):
        found = estimate_flow(damaged_cine, gap=1, method="ilk", backward=True)
    assert found.missing == MISSING
    np.testing.assert_array_equal(found.forward[0], flow.forward[0])


def test_lazy_flow_misses_the_same(blank):
    assert lazy_flow(blank, FlowSettings(gap=1, method="ilk")).missing == MISSING
    assert lazy_flow(blank, FlowSettings(gap=3, method="ilk")).missing == {2}


def test_no_good_pair_is_an_error(small_cine):
    frames = FrameStack.from_array(np.array(small_cine.frames), [1, 3, 5, 7])
    cine = dataclasses.replace(small_cine, frames=frames)
    with pytest.raises(MotionError, match="no pair 1 frames apart is left"):
        estimate_flow(cine, gap=1, method="ilk")
    assert len(estimate_flow(cine, gap=2, method="ilk").missing) == 3


def test_no_flow_begins_or_ends_at_a_damaged_frame(blank, flow):
    begins = {t for t in range(8) if entry_at(flow, t) is not None}
    assert begins == {0, 3, 6}
    assert entry_at(flow, 1, "backward") == 0
    assert entry_at(flow, 3, "backward") is None
    with pytest.raises(MotionError, match="begins at frame 1: .* is damaged"):
        FrameMotion.at(blank, flow, 1)
    with pytest.raises(MotionError, match="flow begins at frames 0 to 6"):
        FrameMotion.at(blank, flow, 7)


def test_statistics_leave_missing_pairs_out(blank, flow):
    assert set(np.flatnonzero(np.isnan(mean_speed(flow)))) == MISSING
    whole = dataclasses.replace(flow, missing=frozenset())
    assert flow.full_color_px >= whole.full_color_px
    masks = np.ones(blank.shape, np.uint8)
    steady = temporal_consistency(masks, flow)
    assert set(np.flatnonzero(np.isnan(steady))) == {*MISSING, 7}
    assert provenance(blank, flow)["missing_pairs"] == sorted(MISSING)


def test_labels_do_not_travel_over_a_damaged_frame(blank, flow):
    target = np.ones(blank.shape[1:], np.int16)
    reached = {label.frame for label in carry_labels({3: target}, flow)}
    assert reached == {4}
    assert not carry_labels({2: target}, flow)


def test_damaged_neighbours_smooth_nothing(blank, flow):
    probabilities = np.full(blank.shape, 0.75, np.float32)
    probabilities[[2, 5]] = 0
    for t in (1, 3, 4, 6):
        smooth = smooth_along_flow(probabilities, flow, t)
        np.testing.assert_allclose(smooth, 0.75, atol=1e-3)


@pytest.mark.parametrize("known", [False, True])
def test_flow_for_a_layer_knows_what_is_missing(blank, tmp_path, known, flow):
    settings = FlowSettings(gap=1, method="ilk", backward=True)
    request = FlowRequest(settings, known)
    (stored,) = run(flow_layer_job(blank, [request], tmp_path, 1))
    found = stored.open(flow)
    assert found.missing == MISSING
    for t in range(7):
        assert bool(found.backward[t].any()) == (t not in MISSING)


def test_a_loop_in_reverse_has_its_damage_in_reverse(blank):
    assert reversed_cine(blank).frames.damaged == {2, 5}
    frames = FrameStack.from_array(np.array(blank.frames), [0])
    turned = reversed_cine(dataclasses.replace(blank, frames=frames))
    assert turned.frames.damaged == {7}


def test_a_blank_frame_is_no_background_without_contrast():
    rng = np.random.default_rng(0)
    pixels = rng.integers(150, 170, (6, 64, 64)).astype(np.uint8)
    vessel = np.zeros((64, 64), bool)
    vessel[20:23, 8:56] = True
    pixels[4:, vessel] = 40
    without = pixels[0].astype(np.float32) / 255
    pixels[1] = 0
    frames = FrameStack.from_array(pixels, damaged=[1])
    found = frames_before_contrast(Cine(frames), 4, vessel, without)
    assert found == [0, 2, 3]
