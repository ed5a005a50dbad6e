"""What a followed vessel says, and what it must not say."""

import numpy as np
import pytest

from napari_motionseg.cine import Cine
from napari_motionseg.measurement import Calibration, FollowedVessel, measure_vessel
from napari_motionseg.measurement.loop_numbers import loop_numbers
from napari_motionseg.synthesis.vessel_phantom import vessel_phantom

FRAMES = 30
TIMES = np.arange(FRAMES) * 66.7
BEAT_MS = 800.0


@pytest.fixture(scope="module")
def still():
    """Return a loop, and a vessel in it that was followed without moving."""
    phantom = vessel_phantom(radius=4.0, noise=0.006, size=96)
    cine = Cine.from_array(
        np.clip([phantom.frame] * FRAMES, 0, 1).astype(np.float32),
        frame_times=TIMES, intensity_relationship="LOG",
    )  # fmt: skip
    profile = measure_vessel(cine, 0, phantom.ends(12)).profile
    return cine, profile


def followed(profile, points, drift):
    count = len(profile.line)
    return FollowedVessel(
        0, profile, points, np.full((FRAMES, count), 8.0), np.ones((FRAMES, count)),
        np.r_[np.nan, np.full(FRAMES - 1, drift)], Calibration(),
        np.zeros(FRAMES, bool), np.full((FRAMES, count), 0.3),
    )  # fmt: skip


def moved(profile, way):
    """Return the line in each frame, moved by `way` ``(T,)`` px along the rows."""
    return profile.line.points + np.stack((way, 0 * way), axis=1)[:, None]


def test_a_beat_has_a_rate_and_a_strain(still):
    cine, profile = still
    way = 8 * np.clip(np.sin(2 * np.pi * TIMES / BEAT_MS), 0, None)
    found = loop_numbers(cine, followed(profile, moved(profile, way), 0.4))
    assert found.phase.rate_bpm == pytest.approx(60_000 / BEAT_MS, rel=0.05)
    assert found.strain is not None
    assert not any("px from their start" in note for note in found.notes)


def test_a_motion_without_a_beat_gives_no_numbers_of_the_heart(still):
    cine, profile = still
    way = np.random.default_rng(0).normal(size=FRAMES) * 4
    found = loop_numbers(cine, followed(profile, moved(profile, way), 0.4))
    assert (found.phase, found.strain) == (None, None)
    assert found.as_dict()["heart_rate_bpm"] is None
    assert any("explains only" in note for note in found.notes)


def test_sections_that_drift_are_said(still):
    cine, profile = still
    way = 8 * np.clip(np.sin(2 * np.pi * TIMES / BEAT_MS), 0, None)
    found = loop_numbers(cine, followed(profile, moved(profile, way), 4.2))
    assert "sections are 4.2 px from their start" in found.notes[0]


@pytest.mark.parametrize("wide", [0.0, 2.0, 14.0])
def test_a_line_that_winds_off_the_vessel_is_said(still, wide):
    cine, profile = still
    points = moved(profile, 8 * np.sin(2 * np.pi * TIMES / BEAT_MS) ** 2)
    count = points.shape[1]
    part = slice(count // 3, 2 * count // 3)
    bulge = np.sin(np.linspace(0, 2 * np.pi, len(range(count)[part])))
    points[20:22, part, 0] += wide * bulge
    points[5] = np.nan
    found = loop_numbers(cine, followed(profile, points, 0.4))
    said = [note for note in found.notes if "longer than in frame 0" in note]
    assert [note.startswith("in 2 frames") for note in said] == [True] * (wide > 10)
