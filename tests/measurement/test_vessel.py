"""Points and loops that cannot be measured, or that must not be trusted."""

import numpy as np
import pytest
from scipy import ndimage

from napari_motionseg.cine import Cine
from napari_motionseg.errors import MeasurementError
from napari_motionseg.jobs import run
from napari_motionseg.measurement import follow_vessel_job, measure_vessel
from napari_motionseg.measurement.loop_numbers import loop_numbers
from napari_motionseg.motion import FlowSequence
from napari_motionseg.synthesis.vessel_phantom import vessel_phantom

SIZE = 112


def tube(middle, radius=4.0, upright=False):
    """Return what a straight tube absorbs, across the whole picture."""
    fine = (np.arange(SIZE * 16) + 0.5) / 16 - 0.5 - middle
    chord = 2 * np.sqrt(np.clip(radius**2 - fine**2, 0, None))
    depth = 0.03 * chord.reshape(SIZE, 16).mean(axis=1)
    found = np.repeat(depth[:, None], SIZE, axis=1)
    return found.T if upright else found


def cine_of(absorbed, frames=1, times=None):
    rng = np.random.default_rng(0)
    frame = 0.7 - ndimage.gaussian_filter(absorbed, 0.9)
    noisy = frame + rng.normal(0, 0.006, (frames, SIZE, SIZE))
    return Cine.from_array(
        np.clip(noisy, 0, 1).astype(np.float32), frame_times=times,
        intensity_relationship="LOG",
    )  # fmt: skip


def test_points_on_two_vessels_are_said():
    two = cine_of(tube(20) + tube(90))
    found = measure_vessel(two, 0, [(20, 12), (90, 100)])
    assert "the points lie on two vessels" in found.warnings[0]
    assert found.lesions[0].mld == 0


def test_a_crossing_is_passed_straight_on():
    crossed = cine_of(tube(56) + tube(56, 3.0, upright=True))
    found = measure_vessel(crossed, 0, [(56, 8), (56, 104)])
    line = found.profile.line.points
    assert np.abs(line[:, 0] - 56).max() < 2, "it takes no other branch"
    away = np.abs(line[:, 1] - 56) > 12
    np.testing.assert_allclose(found.profile.diameters[away], 8, atol=0.4)


def test_without_contrast_there_is_nothing_to_measure():
    empty = cine_of(np.zeros((SIZE, SIZE)))
    with pytest.raises(MeasurementError, match="darker than what lies beside"):
        measure_vessel(empty, 0, [(20, 12), (20, 100)])


def test_points_and_frames_that_do_not_exist():
    one = cine_of(tube(56))
    with pytest.raises(MeasurementError, match="outside"):
        measure_vessel(one, 0, [(56, 8), (56, 400)])
    with pytest.raises(MeasurementError, match="frame 4 is outside the loop's 0 to 0"):
        measure_vessel(one, 4, [(56, 8), (56, 100)])
    with pytest.raises(MeasurementError):
        measure_vessel(one, 0, [(56, 8)])
    with pytest.raises(MeasurementError):
        measure_vessel(one, 0, [(56, 8), (float("nan"), 100)])


def test_masks_of_another_loop_are_refused():
    with pytest.raises(MeasurementError, match=r"the mask has shape \(64, 64\)"):
        measure_vessel(
            cine_of(tube(56)), 0, [(56, 8), (56, 100)], probability=np.zeros((64, 64))
        )


def test_one_frame_is_measured_and_says_nothing_of_the_heart():
    one = cine_of(tube(56), times=np.zeros(1))
    found = measure_vessel(one, 0, [(56, 8), (56, 104)])
    assert np.median(found.profile.diameters) == pytest.approx(8, abs=0.2)
    none = np.zeros((0, 2, SIZE, SIZE), np.float32)
    flow = FlowSequence(none, none, 1, "exact")
    followed = run(follow_vessel_job(one, flow, 0, found.profile.line))
    numbers = loop_numbers(one, followed)
    assert (numbers.phase, numbers.arrival) == (None, None)
    assert any("frames" in note for note in numbers.notes)


def test_a_moving_table_is_no_heartbeat():
    """A pan moves all by the same way, and never back."""
    frames = 12
    rng = np.random.default_rng(0)
    phantom = vessel_phantom(radius=4.0, noise=0.0, size=SIZE)
    moved = [
        ndimage.shift(phantom.frame, (1.5 * t, 0), order=1, mode="nearest")
        for t in range(frames)
    ]
    noisy = np.array(moved) + rng.normal(0, 0.006, (frames, SIZE, SIZE))
    cine = Cine.from_array(
        np.clip(noisy, 0, 1).astype(np.float32), frame_times=np.arange(frames) * 66.7,
        intensity_relationship="LOG",
    )  # fmt: skip
    way = np.zeros((frames - 1, 2, SIZE, SIZE), np.float32)
    way[:, 1] = 1.5
    found = measure_vessel(cine, 0, phantom.ends(16))
    flow = FlowSequence(way, -way, 1, "exact")
    followed = run(follow_vessel_job(cine, flow, 0, found.profile.line))
    numbers = loop_numbers(cine, followed)
    said = " ".join(numbers.notes)
    assert numbers.phase is None
    assert "about a steady motion, as of the table" in said
