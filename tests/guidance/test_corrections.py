"""Clicks correct what a network takes for vessel."""

import math

import numpy as np
import pytest

from napari_motionseg.errors import SettingsError
from napari_motionseg.guidance import Clicks
from napari_motionseg.guidance.corrections import corrected_scores

SHAPE = 24, 40


@pytest.fixture
def vessel():
    """Two horizontal vessels; the lower one is faint."""
    chance = np.full(SHAPE, 0.02, np.float32)
    chance[5:8], chance[16:19] = 0.825, 0.3
    return chance


def share_of(rows):
    share = np.zeros(SHAPE, np.float32)
    share[rows] = 1
    return share


UPPER, LOWER = share_of(slice(5, 8)), share_of(slice(16, 19))


def slowly(vessel, clicks, maps):
    """Return the mean of a Gaussian process by its definition, pixel by pixel."""
    points = [(int(row), int(column)) for row, column in clicks.points]
    logit = np.log(vessel / (1 - vessel))

    def covariance(a, b):
        near = math.exp(-((a[0] - b[0]) ** 2 + (a[1] - b[1]) ** 2) / (2 * 3.2**2))
        return 1 + 4 * near + 4 * sum(float(m[a]) * float(m[b]) for m in maps)

    known = np.array([[covariance(a, b) for b in points] for a in points])
    signs = [1] * len(clicks.positive) + [-1] * len(clicks.negative)
    lacking = [
        s * max(0.0, 1.5 - s * float(logit[p]))
        for s, p in zip(signs, points, strict=True)
    ]
    weights = np.linalg.solve(known + np.eye(len(points)), lacking)
    found = [
        logit[place]
        + sum(w * covariance(place, p) for w, p in zip(weights, points, strict=True))
        for place in np.ndindex(*vessel.shape)
    ]
    return 1 / (1 + np.exp(-np.reshape(found, vessel.shape)))


def test_corrections_are_the_mean_of_a_gaussian_process(vessel):
    rng = np.random.default_rng(3)
    vessel = np.clip(vessel + rng.uniform(0, 0.02, SHAPE), 0, 1).astype(np.float32)
    clicks = Clicks(((17, 9), (6, 30)), ((6, 3), (12, 20)))
    maps = [rng.random(SHAPE).astype(np.float32) for _ in clicks.points]
    expected = slowly(vessel.astype(float), clicks, maps)
    np.testing.assert_allclose(
        corrected_scores(vessel, clicks, maps), expected, atol=1e-5
    )


def test_without_clicks_nothing_is_corrected(vessel):
    found = corrected_scores(vessel, Clicks(()), [])
    np.testing.assert_allclose(found, vessel, rtol=1e-5)


def test_clicks_on_what_is_right_already_correct_nothing(vessel):
    clicks = Clicks(((6, 9),), ((12, 20),))
    found = corrected_scores(vessel, clicks, [UPPER, share_of(slice(11, 14))])
    np.testing.assert_allclose(found, vessel, rtol=1e-5)


def test_a_click_brings_a_missing_branch_and_takes_a_wrong_one_away(vessel):
    added = corrected_scores(vessel, Clicks(((17, 9),)), [LOWER]) > 0.5
    assert (added == (UPPER + LOWER > 0)).all()
    exchanged = corrected_scores(vessel, Clicks(((17, 9),), ((6, 30),)), [LOWER, UPPER])
    assert (exchanged[16:19] > 0.5).all()
    assert (exchanged[5:8] < 0.6).all()
    assert (exchanged[5:8, 24:37] < 0.5).all()


def test_clicks_beside_vessels_tell_that_outlines_lie_further_out(vessel):
    rims = Clicks(((4, 5), (8, 20), (4, 35)), ((12, 10), (12, 30), (1, 20)))
    nothing = [np.zeros(SHAPE, np.float32)] * 6
    wider = corrected_scores(vessel, rims, nothing) > 0.5
    assert wider[4:9].all()
    assert not wider[10:14].any()
    assert not wider[:3].any()


@pytest.mark.parametrize("place", [(0, 0), (23, 39), (0.4, 38.6)])
def test_clicks_at_the_border_are_answered(vessel, place):
    found = corrected_scores(vessel, Clicks((place,)), [share_of(slice(0, 0))])
    assert found.shape == SHAPE
    assert found[round(place[0]), round(place[1])] > 0.5


def test_each_point_needs_its_map(vessel):
    with pytest.raises(SettingsError, match="one map for each point; got 1 for 2"):
        corrected_scores(vessel, Clicks(((6, 9),), ((12, 20),)), [UPPER])
