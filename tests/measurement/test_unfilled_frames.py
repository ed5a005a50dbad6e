"""A vessel's place before contrast fills it, from the phase of filled beats."""

import math
from types import SimpleNamespace

import numpy as np
import pytest

from napari_motionseg.measurement.unfilled_frames import (
    _at_phase,
    filled_frames,
    predicted_places,
)

TIMES = np.arange(40) * 1000 / 15
RATE = 75.0
SECTIONS = 30


def moving():
    """Return places ``(T, N, 2)`` of a vessel that beats."""
    share = TIMES * RATE / 60_000 % 1
    squeeze = np.where(
        share < 0.36,
        0.5 - 0.5 * np.cos(np.pi * share / 0.36),
        0.5 + 0.5 * np.cos(np.pi * ((share - 0.36) / 0.64).clip(0) ** 0.6),
    )
    line = np.stack((np.linspace(50, 80, SECTIONS), np.linspace(20, 90, SECTIONS)), 1)
    return line + squeeze[:, None, None] * [9.0, -4.0]


def filling(first=16):
    """Return contrast ``(T, N)`` that arrives, proximal sections first."""
    late = first + 0.1 * np.arange(SECTIONS)
    return 1 / (1 + np.exp(-2 * (np.arange(len(TIMES))[:, None] - late)))


def test_filled_frames_are_those_about_the_anchor():
    contrast = filling()
    contrast[30] = 0.1  # one bad frame is passed
    filled = filled_frames(contrast, 35)
    assert not filled[:17].any()
    assert filled[22:30].all()
    assert not filled[30]
    assert filled[31:].all()


def test_places_before_contrast_follow_from_the_phase():
    truth, rng = moving(), np.random.default_rng(0)
    wrong = truth + 0.2 * rng.standard_normal(truth.shape)
    wrong[:18] += np.linspace(40, 0, 18)[:, None, None]  # with the front, upstream
    unfilled, places = predicted_places(wrong, filling(), TIMES, 36)
    assert unfilled[:17].all()
    assert not unfilled[24:].any()
    away = np.linalg.norm(places - truth, axis=2)[unfilled]
    assert np.median(away) < 1.0
    assert np.median(np.linalg.norm(wrong - truth, axis=2)[unfilled]) > 10


def test_a_filled_loop_needs_no_prediction():
    assert predicted_places(moving(), np.ones((40, SECTIONS)), TIMES, 20) is None


def test_less_than_a_filled_beat_predicts_nothing():
    assert predicted_places(moving(), filling(first=35), TIMES, 39) is None


def test_motion_without_a_beat_predicts_nothing():
    rng = np.random.default_rng(1)
    noise = moving()[:1] + rng.standard_normal((40, SECTIONS, 2))
    assert predicted_places(noise, filling(), TIMES, 36) is None


@pytest.mark.parametrize("seed", range(2))
def test_places_equal_least_squares_with_weak_observations_of_no_motion(seed):
    """A ridge of 0.05 is one more observation of each harmonic, of weight 0.05."""
    rng = np.random.default_rng(seed)
    phase, points = rng.random(20), rng.normal(50, 9, (20, 4, 2))
    filled = rng.random(20) < 0.7
    found = _at_phase(points, filled, SimpleNamespace(phase=phase))
    count = min(max(int(filled.sum()) // 4, 1), 3)

    def row(share):
        turns = [2 * math.pi * share * k for k in range(1, count + 1)]
        return [1.0, *map(math.cos, turns), *map(math.sin, turns)]

    design = [row(share) for share in phase[filled]]
    weak = math.sqrt(0.05) * np.eye(2 * count + 1)[1:]
    flat = points[filled].reshape(int(filled.sum()), -1)
    wanted = np.vstack((flat, np.zeros((2 * count, flat.shape[1]))))
    fit = np.linalg.lstsq(np.vstack((design, weak)), wanted)[0]
    slow = np.array([row(share) for share in phase]) @ fit
    np.testing.assert_allclose(found, slow.reshape(points.shape), atol=1e-8)
