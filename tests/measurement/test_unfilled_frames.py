"""A vessel's place before contrast fills it, from the phase of filled beats."""

import numpy as np

from napari_motionseg.measurement.unfilled_frames import (
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
