"""End diastole and phase of points that move with a known heart."""

import math
from itertools import product

import numpy as np
import pytest

from napari_motionseg.errors import MeasurementError
from napari_motionseg.measurement import beat_phase
from napari_motionseg.measurement.beat_phase import contraction, heart_phase
from napari_motionseg.synthesis.phantom_loop import BeatConfig

TIMES = np.arange(36) * 1000 / 15


def moving(beat, seed=0, noise=0.3, times=TIMES):
    """Return positions ``(T, N, 2)`` of points that move with a heart, and R waves."""
    rng = np.random.default_rng(seed)
    waves = beat.r_waves(float(times[-1]) + 3000, rng)
    n = np.searchsorted(waves, times, side="right") - 1
    share = (times - waves[n]) / (waves[n + 1] - waves[n])
    way = rng.normal(size=(1, 25, 2)) * 2 + rng.normal(size=2) * 4
    points = rng.uniform(100, 300, (1, 25, 2))
    points = points + beat.contraction(share)[:, None, None] * way
    points = points + 5 * np.sin(2 * np.pi * times / 4000)[:, None, None]
    return points + noise * rng.standard_normal(points.shape), waves


@pytest.mark.parametrize("rate", [55.0, 75.0, 100.0])
@pytest.mark.parametrize("kick", [0.0, 0.1])
def test_end_diastole_is_where_contractions_begin(rate, kick):
    beat = BeatConfig(rate_bpm=rate, first_ms=330, irregular=0.03, kick=kick)
    points, waves = moving(beat, seed=int(rate))
    found = heart_phase(points, TIMES)
    assert found.rate_bpm == pytest.approx(rate, rel=0.1)
    for wave in waves[(waves > 130) & (waves < TIMES[-1] - 300)]:
        assert np.abs(found.end_diastoles_ms - wave).min() < 1000 / 15
    assert found.explained > 0.75
    assert len(found.end_diastolic_frames(TIMES)) == len(found.end_diastoles_ms)


def test_the_phase_begins_anew_at_each_beat():
    points, _ = moving(BeatConfig(rate_bpm=75.0, first_ms=330))
    found = heart_phase(points, TIMES)
    assert ((found.phase >= 0) & (found.phase < 1)).all()
    inside = (found.end_diastoles_ms[0] < TIMES) & (found.end_diastoles_ms[1] > TIMES)
    assert (np.diff(found.phase[inside]) > 0).all()
    ends = found.end_systoles_ms
    after = ends[:, None] - found.end_diastoles_ms
    share = after[(after > 0) & (after < 800)] / 800
    assert share == pytest.approx(0.36, abs=0.08)


def test_the_sign_of_the_motion_does_not_matter():
    points, _ = moving(BeatConfig(rate_bpm=75.0, first_ms=330))
    turned = 400 - points
    np.testing.assert_allclose(
        heart_phase(points, TIMES).end_diastoles_ms,
        heart_phase(turned, TIMES).end_diastoles_ms,
        atol=1,
    )


def test_frames_to_which_it_was_not_followed_have_a_phase_too():
    points, _ = moving(BeatConfig(rate_bpm=75.0, first_ms=330))
    whole = heart_phase(points, TIMES)
    points[[4, 5, 20]] = np.nan
    found = heart_phase(points, TIMES)
    assert np.isfinite(found.phase).all()
    np.testing.assert_allclose(found.end_diastoles_ms, whole.end_diastoles_ms, atol=70)


def test_noise_alone_explains_little():
    rng = np.random.default_rng(0)
    points = 200 + rng.standard_normal((len(TIMES), 25, 2))
    assert heart_phase(points, TIMES).explained < 0.5


def test_too_short_a_loop_is_said():
    points, _ = moving(BeatConfig(), times=TIMES[:9] / 20)
    with pytest.raises(MeasurementError, match="less than one heartbeat"):
        heart_phase(points, TIMES[:9] / 20)


def test_the_heart_rests_at_both_ends():
    share = np.array([0.0, 0.36, 1 - 1e-9])
    np.testing.assert_allclose(contraction(share, 0.36, 0.6), [0, 1, 0], atol=1e-6)


def slow_contraction(share, systole, filling):
    if share < systole:
        return (1 - math.cos(math.pi * share / systole)) / 2
    rest = (share - systole) / (1 - systole)
    return (1 + math.cos(math.pi * rest**filling)) / 2


def slow_share(time, begins):
    last = max(n for n, one in enumerate(begins) if one <= time)
    return (time - begins[last]) / (begins[last + 1] - begins[last])


def slow_gain(points, times, slow_waves, shape):
    """Return the motion that a shape explains beside slow motion, by two fits."""
    flat = points.reshape(len(times), -1)

    def left(design):
        fit = np.linalg.lstsq(design, flat, rcond=None)[0]
        return ((flat - design @ fit) ** 2).sum()

    return left(slow_waves) - left(np.column_stack((slow_waves, shape)))


def test_the_best_beat_equals_a_slow_search(monkeypatch):
    """Every rate, beginning, systole and filling is tried by itself."""
    grid = {
        "RATES": np.array([0.95, 1.0, 1.05]), "PHASES": 12,
        "SYSTOLES": np.array([0.3, 0.36, 0.42]), "FILLINGS": (0.5, 0.85),
    }  # fmt: skip
    for name, value in grid.items():
        monkeypatch.setattr(beat_phase, name, value)
    # two directions of motion: the main motions are all there is
    points, _ = moving(BeatConfig(rate_bpm=75.0, first_ms=330), noise=0.0)
    rough, times = 800.0, TIMES
    fit = beat_phase._BeatFit.of(points, times, rough)
    begins, systole, filling = fit.search(rough)
    span = times[-1] - times[0]
    most = min(max(2, int(2 * span / (1.8 * rough))), len(times) // 4)
    waves = np.array(
        [[math.cos(math.pi * k * t / span) for k in range(most + 1)] for t in times]
    )
    found = {}
    for rate, step, length, power in product(
        grid["RATES"], range(12), grid["SYSTOLES"], grid["FILLINGS"]
    ):
        period = rough * rate
        shape = [
            slow_contraction((t / period - step / 12) % 1, length, power) for t in times
        ]
        key = (period, step, length, power)
        found[key] = slow_gain(points, times, waves, shape)
    period, step, length, power = max(found, key=found.get)
    assert (systole, filling) == (length, power)
    np.testing.assert_allclose(np.diff(begins), period)
    assert (begins[0] / period - step / 12) % 1 == pytest.approx(0, abs=1e-9)
    # the share that is explained, of the motion that is left beside slow motion
    begins = beat_phase._extended(begins, times)
    shape = [slow_contraction(slow_share(t, begins), systole, filling) for t in times]
    flat = points.reshape(len(times), -1)
    slow = flat - waves @ np.linalg.lstsq(waves, flat, rcond=None)[0]
    share = slow_gain(points, times, waves, shape) / (slow**2).sum()
    assert fit.explained(begins, systole, filling) == pytest.approx(share, rel=1e-6)


def test_shares_and_contractions_equal_loops():
    rng = np.random.default_rng(0)
    begins = np.cumsum(rng.uniform(500, 900, 7)) - 900
    times = np.sort(rng.uniform(begins[0], begins[-1] - 1, 50))
    found = beat_phase._shares(times, begins)
    slow = [slow_share(t, begins) for t in times]
    np.testing.assert_allclose(found, slow)
    np.testing.assert_allclose(
        contraction(found, 0.34, 0.65), [slow_contraction(s, 0.34, 0.65) for s in slow]
    )
