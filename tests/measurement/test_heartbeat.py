"""Heart rate and wall strain of vessels that move as they are told."""

import numpy as np
import pytest

from napari_motionseg.errors import MeasurementError
from napari_motionseg.measurement.heartbeat import heart_rate, wall_strain

TIMES = np.arange(40) * 1000 / 15


def beating(rate, noise=0.2, seed=0):
    """Positions ``(T, N, 2)`` that beat, with a second harmonic, and drift slowly."""
    rng = np.random.default_rng(seed)
    phase = 2 * np.pi * TIMES / (60_000 / rate)
    wave = np.cos(phase) + 0.4 * np.cos(2 * phase + 0.7)
    points = rng.uniform(100, 300, (1, 25, 2)) + 4 * wave[:, None, None]
    points = points + 0.004 * TIMES[:, None, None]
    return points + noise * rng.standard_normal(points.shape)


@pytest.mark.parametrize("rate", [52.0, 75.0, 110.0])
def test_the_rate_of_a_beating_vessel(rate):
    assert heart_rate(beating(rate), TIMES) == pytest.approx(rate, abs=1.5)


def test_frames_to_which_it_was_not_followed_do_not_count():
    points = beating(75.0)
    points[[3, 17, 30]] = np.nan
    assert heart_rate(points, TIMES) == pytest.approx(75.0, abs=2)


@pytest.mark.parametrize(
    ("points", "times", "words"),
    [
        (beating(75.0)[:6], TIMES[:6], "8 frames or more"),
        (beating(75.0)[:9], TIMES[:9] / 20, "less than one heartbeat"),
        (np.ones((40, 9, 2)), TIMES, "does not move"),
    ],
)
def test_what_has_no_rate(points, times, words):
    with pytest.raises(MeasurementError, match=words):
        heart_rate(points, times)


@pytest.mark.parametrize("strain", [0.04, 0.2])
def test_the_whole_of_an_uneven_pulse_is_found(strain):
    """A pulse that rises fast and falls slowly is more than its first harmonic."""
    share = TIMES * 70 / 60_000 % 1
    pulse = np.where(share < 0.25, share / 0.25, 1 - (share - 0.25) / 0.75)
    truth = 3.0 * (1 - strain * (1 - pulse))
    rng = np.random.default_rng(0)
    diameters = truth[:, None] + 0.03 * rng.standard_normal((len(TIMES), 120))
    assert wall_strain(diameters, share).typical == pytest.approx(strain, rel=0.15)


def test_a_rigid_lesion_stays_rigid():
    share = TIMES * 70 / 60_000 % 1
    rng = np.random.default_rng(0)
    diameters = 3 + 0.2 * np.cos(2 * np.pi * share)[:, None] * np.ones(80)
    diameters[:, 30:50] = 2.0
    diameters += 0.03 * rng.standard_normal(diameters.shape)
    found = wall_strain(diameters, share).strain
    assert np.median(found[30:50]) == pytest.approx(0, abs=0.01)
    assert np.median(np.delete(found, np.arange(30, 50))) == pytest.approx(
        0.4 / 3.2, abs=0.01
    )


@pytest.mark.parametrize("strain", [0.0, 0.06, 0.15])
def test_strain_without_the_noises_share(strain):
    rng = np.random.default_rng(0)
    phase = 2 * np.pi * TIMES / (60_000 / 70.0)
    largest = 3.0
    middle, amplitude = largest * (1 - strain / 2), largest * strain / 2
    truth = middle + amplitude * np.cos(phase + 0.3)
    diameters = truth[:, None] + 0.05 * rng.standard_normal((len(TIMES), 400))
    found = wall_strain(diameters, TIMES * 70 / 60_000 % 1)
    assert np.median(found.strain) == pytest.approx(strain, abs=0.006)
    assert 0.002 < np.median(found.uncertainty) < 0.02
    # the usual maximum minus minimum of the same numbers reads far more
    naive = np.ptp(diameters, axis=0) / diameters.max(axis=0)
    assert np.median(naive) > strain + 0.03


def test_a_section_measured_too_rarely_has_no_strain():
    share = TIMES * 70 / 60_000 % 1
    diameters = 3 + 0.2 * np.cos(2 * np.pi * share)[:, None] * np.ones(20)
    diameters[4:, 1] = np.nan
    found = wall_strain(diameters, TIMES * 70 / 60_000 % 1)
    assert found.strain[0] == pytest.approx(0.4 / 3.2, abs=1e-3)
    assert np.isnan(found.strain[1])


def test_a_section_that_would_vanish_has_no_strain():
    """Where another vessel was measured in a part of the frames, a fit may say so."""
    share = TIMES * 70 / 60_000 % 1
    beat = np.cos(2 * np.pi * share)
    diameters = 3 + 0.05 * beat[:, None] * np.ones(40)
    diameters[:, 5] = np.where(beat > 0, 3.0, 0.05)
    found = wall_strain(diameters, share)
    known = np.isfinite(found.strain)
    assert known.sum() >= 39
    assert (found.strain[known] < 1).all()
