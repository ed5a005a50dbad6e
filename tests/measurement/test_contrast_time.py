"""Arrival of contrast whose front is known."""

import numpy as np
import pytest

from napari_motionseg.errors import MeasurementError
from napari_motionseg.measurement.contrast_time import arrival_time, contrast_arrival

TIMES = np.arange(30) * 1000 / 15
LENGTH = np.linspace(0, 40, 81)


def front(speed, rise_ms=200.0, start_ms=300.0):
    """Return darkness ``(T, N)`` of a front that runs at a speed in length a second."""
    arrival = start_ms + 1000 * LENGTH / speed
    share = (TIMES[:, None] - arrival) / rise_ms + 0.5
    return np.clip(share, 0, 1)


@pytest.mark.parametrize("speed", [40.0, 120.0])
def test_the_fronts_speed_and_times(speed):
    noise = np.random.default_rng(0).normal(0, 0.02, (len(TIMES), len(LENGTH)))
    found = contrast_arrival(front(speed) + noise, TIMES, LENGTH)
    expected = 300 + 1000 * LENGTH / speed
    half_a_frame = found.resolution_ms / 2
    assert np.nanmax(np.abs(found.times_ms - expected)) < half_a_frame
    assert found.speed == pytest.approx(speed, rel=0.06)
    assert found.speed_low < found.speed < found.speed_high
    assert found.resolution_ms == pytest.approx(1000 / 15)


def test_uneven_frames_and_gaps():
    times = np.delete(TIMES, [7, 12])
    contrast = np.delete(front(60.0), [7, 12], axis=0)
    contrast[3] = np.nan
    found = contrast_arrival(contrast, times, LENGTH)
    assert found.speed == pytest.approx(60.0, rel=0.08)


def test_contrast_that_was_there_or_never_comes_has_no_arrival():
    still = np.ones((len(TIMES), len(LENGTH)))
    for contrast in (still, np.zeros_like(still), np.full_like(still, np.nan)):
        found = contrast_arrival(contrast, TIMES, LENGTH)
        assert np.isnan(found.times_ms).all()
        assert np.isnan(found.speed)


def test_a_front_that_runs_upstream_has_no_speed():
    found = contrast_arrival(front(60.0)[:, ::-1], TIMES, LENGTH)
    assert np.isfinite(found.times_ms).any()
    assert np.isnan(found.speed)


def test_two_frames_are_too_few():
    with pytest.raises(MeasurementError, match="3 frames or more; got 2"):
        contrast_arrival(np.zeros((2, 5)), TIMES[:2], LENGTH[:5])


def slow_arrival(dark, times):
    """Return where a course, walked frame by frame, first stays above half."""
    ranked = sorted(dark)

    def level(share):
        low = int(share * (len(ranked) - 1))
        part = share * (len(ranked) - 1) - low
        return ranked[low] + part * (ranked[min(low + 1, len(dark) - 1)] - ranked[low])

    half = (level(0.05) + level(0.95)) / 2
    for t in range(1, len(dark)):
        stays = t == len(dark) - 1 or dark[t + 1] >= half
        if dark[t] >= half and stays:
            part = (half - dark[t - 1]) / (dark[t] - dark[t - 1])
            return times[t - 1] + part * (times[t] - times[t - 1])
    return float("nan")


@pytest.mark.parametrize("seed", range(4))
def test_arrival_and_speed_equal_slow_versions(seed):
    rng = np.random.default_rng(seed)
    times = np.cumsum(rng.uniform(20, 60, len(TIMES)))
    dark = front(rng.uniform(30, 90)) + rng.normal(0, 0.05, (len(TIMES), len(LENGTH)))
    dark[0] = 0
    found = contrast_arrival(dark, times, LENGTH)
    for n in range(len(LENGTH)):
        slow = slow_arrival(list(dark[:, n]), times)
        assert arrival_time(dark[:, n], times) == pytest.approx(slow, nan_ok=True)
    slopes = [
        (found.times_ms[b] - found.times_ms[a]) / (LENGTH[b] - LENGTH[a])
        for a in range(len(LENGTH))
        for b in range(a + 1, len(LENGTH))
        if np.isfinite(found.times_ms[[a, b]]).all()
    ]
    assert found.speed == pytest.approx(1000 / np.median(slopes))
