"""Heart rate and wall strain of vessels that move as they are told."""

import math

import numpy as np
import pytest
from scipy import optimize, stats

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


def slow_waves(share, count):
    """Return 1, cos and sin of a share of the beat and of its multiples."""
    row = [1.0]
    for k in range(1, count + 1):
        row += [math.cos(2 * math.pi * k * share), math.sin(2 * math.pi * k * share)]
    return row


def slow_strain(diameters, phase):
    """Strain and deviation, section by section, with scipy's fits and regression."""
    frames, count = diameters.shape
    harmonics = min(max(frames // 6, 1), 4)
    relative = diameters / np.nanmedian(diameters, axis=0) - 1
    parts = np.array_split(np.arange(count), 8)
    found = []
    for n in range(count):
        mine = next(set(part) for part in parts if n in part)
        others = [m for m in range(count) if m not in mine]
        usual = [np.nanmedian([relative[t, m] for m in others]) for t in range(frames)]
        design = np.array([slow_waves(share, harmonics) for share in phase])
        fit = optimize.lsq_linear(design, np.array(usual), lsmr_tol="auto").x

        def course(share, fit=fit):
            return float(np.dot(slow_waves(share, harmonics)[1:], fit[1:]))

        wave = [course(k / 100) for k in range(100)]
        known = [t for t in range(frames) if np.isfinite(relative[t, n])]
        line = stats.linregress(
            [course(phase[t]) for t in known], [relative[t, n] for t in known]
        )
        curve = [1 + line.intercept + line.slope * one for one in wave]
        sign = np.sign(line.slope)
        size = (max(curve) - min(curve)) / max(curve)
        deviation = line.stderr * (max(wave) - min(wave)) / max(curve)
        found.append((sign * size, deviation))
    return np.transpose(found)


@pytest.mark.parametrize("seed", range(2))
def test_strain_equals_a_slow_version(seed):
    rng = np.random.default_rng(seed)
    share = TIMES * 70 / 60_000 % 1
    beat = np.exp(-3 * share) * rng.uniform(0.05, 0.2)
    diameters = rng.uniform(2, 4, 19) * (1 + beat[:, None] * rng.normal(1, 0.3, 19))
    diameters += 0.04 * rng.standard_normal(diameters.shape)
    diameters[rng.random(diameters.shape) < 0.1] = np.nan
    found = wall_strain(diameters, share)
    strain, deviation = slow_strain(diameters, share)
    np.testing.assert_allclose(found.strain, strain, atol=1e-7)
    np.testing.assert_allclose(found.uncertainty, deviation, atol=1e-7)


@pytest.mark.parametrize("rate", [52.0, 97.0])
def test_the_rate_equals_a_slow_search(rate):
    """Every rate, every coordinate: trend and harmonics fitted in one go."""
    points = beating(rate, noise=1.5, seed=int(rate))[:, :6]
    seconds = (TIMES - TIMES.mean()) / 1000
    span = TIMES[-1] - TIMES[0]
    slowest = max(40.0, 60_000 / span)
    left = {}
    for step in range(int((180 - slowest) / 0.5) + 1):
        tried = slowest + 0.5 * step
        design = np.array(
            [
                [1, s, s * s, *slow_waves(t * tried / 60_000, 2)[1:]]
                for s, t in zip(seconds, TIMES, strict=True)
            ]
        )
        q, _ = np.linalg.qr(design)
        flat = points.reshape(len(TIMES), -1)
        left[tried] = float((flat**2).sum() - ((q.T @ flat) ** 2).sum())
    assert heart_rate(points, TIMES) == pytest.approx(min(left, key=left.get))
