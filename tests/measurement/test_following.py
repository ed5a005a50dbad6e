"""A vessel that moves by a known motion is followed with its sections."""

import math
import statistics

import numpy as np
import pytest
from scipy import ndimage
from scipy.interpolate import RegularGridInterpolator

from napari_motionseg.cine import Cine
from napari_motionseg.errors import MeasurementError
from napari_motionseg.jobs import STOP, run
from napari_motionseg.measurement import (
    Calibration,
    follow_vessel_job,
    trace_centreline,
)
from napari_motionseg.measurement.centreline import vessel_cost
from napari_motionseg.measurement.following import _drift
from napari_motionseg.motion import FlowSequence
from napari_motionseg.synthesis.vessel_phantom import vessel_phantom

STEP = np.array([1.5, 0.7])  # rows and columns a frame
FRAMES, ANCHOR = 5, 2
PX = Calibration()


@pytest.fixture(scope="module")
def moving():
    """Return a loop whose vessel moves evenly, its exact flow, and the phantom."""
    phantom = vessel_phantom(radius=4.0, depth=0.4, noise=0.004, size=112)
    frames = [
        ndimage.shift(phantom.frame, STEP * (t - ANCHOR), order=3, mode="nearest")
        for t in range(FRAMES)
    ]
    cine = Cine.from_array(np.clip(frames, 0, 1), intensity_relationship="LOG")
    forward = np.zeros((FRAMES - 1, 2, *cine.shape[1:]), np.float32)
    forward[:, 0], forward[:, 1] = STEP[1], STEP[0]
    return cine, FlowSequence(forward, -forward, 1, "exact"), phantom


def line_of(phantom):
    ends = phantom.ends(margin=14)
    return trace_centreline(vessel_cost(phantom.frame), ends)


def test_sections_keep_their_place_and_their_diameter(moving):
    cine, flow, phantom = moving
    found = run(follow_vessel_job(cine, flow, ANCHOR, line_of(phantom), PX))
    assert found.followed.all()
    at_anchor = found.points[ANCHOR]
    truth = 2 * phantom.radius_at(at_anchor)
    for t in range(FRAMES):
        away = found.points[t] - (at_anchor + STEP * (t - ANCHOR))
        assert np.median(np.linalg.norm(away, axis=1)) < 0.15
        assert np.nanmedian(np.abs(found.diameters[t] - truth)) < 0.15
    others = np.arange(FRAMES) != ANCHOR
    assert (found.drift[others] < 0.3).all()
    assert np.isnan(found.drift[ANCHOR])
    np.testing.assert_allclose(
        found.contrast[others], found.contrast[[ANCHOR] * 4], rtol=0.2
    )


def test_a_stop_keeps_the_frames_so_far(moving):
    cine, flow, phantom = moving
    job = follow_vessel_job(cine, flow, ANCHOR, line_of(phantom), PX)
    next(job)
    with pytest.raises(StopIteration) as end:
        job.send(STOP)
    assert list(np.flatnonzero(end.value.value.followed)) == [2, 3]


def test_missing_pairs_end_the_way(moving):
    cine, flow, phantom = moving
    broken = FlowSequence(
        flow.forward, flow.backward, 1, "exact", missing=frozenset({3})
    )
    found = run(follow_vessel_job(cine, broken, ANCHOR, line_of(phantom), PX))
    assert list(np.flatnonzero(found.followed)) == [0, 1, 2, 3]


def test_before_contrast_comes_sections_are_carried_and_not_measured(moving):
    cine, flow, phantom = moving
    frames = cine.frames[:].copy()
    rng = np.random.default_rng(0)
    frames[:2] = rng.normal(40_000, 200, frames[:2].shape).astype(frames.dtype)
    empty = Cine.from_array(frames, intensity_relationship="LOG")
    found = run(follow_vessel_job(empty, flow, ANCHOR, line_of(phantom), PX))
    assert found.followed.all()
    assert np.isnan(found.diameters[0]).all()
    assert np.median(found.contrast[0]) < 0.1 * np.median(found.contrast[ANCHOR])


def test_flow_of_another_kind_is_refused(moving):
    cine, flow, phantom = moving
    line = line_of(phantom)
    for wrong, words in (
        (FlowSequence(flow.forward[:3], flow.backward[:3], 2, ""), "gap of 2"),
        (FlowSequence(flow.forward, None, 1, ""), "no backward flow"),
        (FlowSequence(flow.forward[:2], flow.backward[:2], 1, ""), "another loop"),
    ):
        with pytest.raises(MeasurementError, match=words):
            run(follow_vessel_job(cine, wrong, ANCHOR, line, PX))
    with pytest.raises(MeasurementError, match="frame 9 is outside"):
        run(follow_vessel_job(cine, flow, 9, line, PX))


HIDDEN = slice(60, 110)  # sections of the middle


def hidden_and_misled(moving, hide):
    """Return the loop and its flow, wrong about the middle of the vessel.

    Parameters
    ----------
    hide
        Whether contrast is missing there too, so that no picture can correct it.
    """
    cine, flow, phantom = moving
    frames = np.stack([cine.normalized(t) for t in range(FRAMES)])
    forward = flow.forward.copy()
    middle = line_of(phantom).points[HIDDEN].mean(axis=0)
    grid = np.stack(np.mgrid[: cine.shape[1], : cine.shape[2]], axis=-1)
    for t in range(FRAMES):
        at = middle + STEP * (t - ANCHOR)
        near = np.linalg.norm(grid - at, axis=-1) < 12
        if hide and t != ANCHOR:
            noise = np.random.default_rng(t).normal(0.6, 0.004, near.sum())
            frames[t][near] = noise
        if t < FRAMES - 1:
            wide = np.linalg.norm(grid - at, axis=-1) < 20
            forward[t][:, wide] += np.array([2.0, 9.0])[:, None]
    loop = Cine.from_array(np.clip(frames, 0, 1), intensity_relationship="LOG")
    return loop, FlowSequence(forward, -forward, 1, "misled"), phantom


def away_of(found, t):
    truth = found.points[ANCHOR] + STEP * (t - ANCHOR)
    return np.linalg.norm(found.points[t] - truth, axis=1)


def test_a_hidden_stretch_stays_between_what_is_seen(moving):
    """Without that, the flow carries it away by 9 px a frame."""
    cine, flow, phantom = hidden_and_misled(moving, hide=True)
    found = run(follow_vessel_job(cine, flow, ANCHOR, line_of(phantom), PX))
    for t in (0, 1, 3, 4):
        hidden = found.interpolated[t]
        assert hidden[HIDDEN].mean() > 0.3
        assert np.isnan(found.diameters[t][hidden]).all()
        assert np.isfinite(found.contrast[t]).all()
        assert away_of(found, t).max() < 4.0
        # what is guessed is known less well, and least in its middle
        assert found.place_sd[t][hidden].min() > found.place_sd[t][~hidden].max()
    assert not found.interpolated[ANCHOR].any()


def test_a_stretch_that_the_flow_has_lost_is_found_again(moving):
    cine, flow, phantom = hidden_and_misled(moving, hide=False)
    found = run(follow_vessel_job(cine, flow, ANCHOR, line_of(phantom), PX))
    for t in (1, 3):
        assert found.interpolated[t].mean() < 0.1
        assert np.percentile(away_of(found, t), 90) < 2.5


def test_sections_beyond_the_found_line_keep_apart(moving):
    cine, flow, phantom = moving
    found = run(follow_vessel_job(cine, flow, ANCHOR, line_of(phantom), PX))
    apart = np.linalg.norm(np.diff(found.points, axis=1), axis=2)
    assert apart.min() > 0.2


def test_a_vessel_that_leaves_the_picture_is_measured_where_it_is_seen(moving):
    cine, flow, phantom = moving
    # the same loop, cut so that the vessel's end moves out at the right
    cut = 98
    small = Cine.from_array(
        np.stack([cine.normalized(t)[:, :cut] for t in range(FRAMES)]),
        intensity_relationship="LOG",
    )
    same = FlowSequence(flow.forward[..., :cut], flow.backward[..., :cut], 1, "exact")
    found = run(follow_vessel_job(small, same, ANCHOR, line_of(phantom), PX))
    for t in range(FRAMES):
        outside = found.points[t][:, 1] > cut - 1
        assert np.isnan(found.diameters[t][outside]).all()
    assert outside.any()
    assert (~found.interpolated[4]).mean() > 0.9
    # far outside, nothing is measured, and nothing fails
    gone = FlowSequence(
        flow.forward[..., :cut] + 200, flow.backward[..., :cut] + 200, 1, "away"
    )
    found = run(follow_vessel_job(small, gone, ANCHOR, line_of(phantom), PX))
    assert found.interpolated[[0, 1, 3, 4]].all()
    assert (found.contrast[[0, 1, 3, 4]] == 0).mean() > 0.9


def slow_carried(points, field, aspect):
    """Carry points ``(N, 2)`` along a flow field, by other means than the program."""
    rows, columns = map(np.arange, field.shape[1:])
    shift = np.stack(
        [
            RegularGridInterpolator((rows, columns), part)(points)
            for part in (field[1], field[0])
        ],
        axis=1,
    )
    apart = [math.hypot(aspect * r, c) for r, c in np.diff(points, axis=0)]
    spread = 3.0 / statistics.median(apart)
    reach = int(4 * spread + 0.5)
    bell = np.exp(-0.5 * (np.arange(-reach, reach + 1) / spread) ** 2)
    wide = np.pad(shift, ((reach, reach), (0, 0)), mode="symmetric")
    smooth = [np.convolve(part, bell / bell.sum(), mode="valid") for part in wide.T]
    return points + np.transpose(smooth)


def test_drift_is_the_distance_after_the_way_back_frame_by_frame():
    rng = np.random.default_rng(0)
    shape, count, aspect = (60, 70), 41, 1.3
    both = ndimage.gaussian_filter(
        rng.normal(size=(2, FRAMES - 1, 2, *shape)), (0, 0, 0, 6, 6)
    ).astype(np.float32)
    forward, backward = 12 * both
    along = np.stack((np.linspace(22, 35, count), np.linspace(20, 50, count)), axis=1)
    points = along + rng.normal(size=(FRAMES, 1, 2))
    found = _drift(points, FlowSequence(forward, backward, 1, ""), ANCHOR, aspect)
    for t in range(FRAMES):
        here = points[t]
        for frame in range(t, ANCHOR, -1):
            here = slow_carried(here, backward[frame - 1], aspect)
        for frame in range(t, ANCHOR):
            here = slow_carried(here, forward[frame], aspect)
        away = [math.hypot(aspect * r, c) for r, c in here - points[ANCHOR]]
        # frames that are carried together share one width of smoothing
        if t != ANCHOR:
            assert found[t] == pytest.approx(statistics.median(away), rel=3e-3)
