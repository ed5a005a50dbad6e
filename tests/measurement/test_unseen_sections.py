"""Sections that a frame does not show lie between those that it shows."""

import numpy as np
import pytest

from napari_motionseg.measurement.unseen_sections import (
    BEND,
    FLOW_PX,
    SEEN_PX,
    SHARED_PX,
    placed_between,
)

STEP = 0.5


def drawn(seed, count=61):
    rng = np.random.default_rng(seed)
    anchor = np.stack((rng.normal(size=count).cumsum(), np.arange(count) * STEP), 1)
    places = anchor + rng.normal(size=(count, 2)) * 4
    return anchor, places, rng.random(count) < 0.5, rng.integers(0, 6, count)


@pytest.mark.parametrize("seed", range(3))
def test_places_are_those_of_dense_least_squares(seed):
    anchor, places, seen, age = drawn(seed)
    found, spread = placed_between(anchor, places, seen, age, STEP)
    rows, wanted = [], []
    for n, place in enumerate(places - anchor):
        flow = FLOW_PX * np.sqrt(max(age[n], 1) * SHARED_PX / STEP)
        row = np.zeros(len(places))
        row[n] = 1 / (SEEN_PX if seen[n] else flow)
        rows.append(row)
        wanted.append(place * row[n])
    for n in range(1, len(places) - 1):
        row = np.zeros(len(places))
        row[n - 1 : n + 2] = np.array([1, -2, 1]) / (BEND * STEP**1.5)
        rows.append(row)
        wanted.append(np.zeros(2))
    slow = anchor + np.linalg.lstsq(np.array(rows), np.array(wanted))[0]
    np.testing.assert_allclose(found[~seen], slow[~seen], atol=1e-6)
    np.testing.assert_array_equal(found[seen], places[seen])
    variance = np.diag(np.linalg.inv(np.transpose(rows) @ np.array(rows)))
    np.testing.assert_allclose(spread, np.sqrt(variance), rtol=1e-6)


def test_a_linear_motion_is_completed_and_its_uncertainty_grows_inwards():
    along = np.arange(121) * STEP
    anchor = np.stack((20 * np.sin(along / 15), along), axis=1)
    truth = anchor + np.stack((6 - 0.1 * along, 0.05 * along), axis=1)
    seen = np.ones(len(along), bool)
    seen[40:80] = False
    carried = np.where(seen[:, None], truth, truth + 9.0)
    found, spread = placed_between(anchor, carried, seen, np.full(121, 3), STEP)
    assert np.linalg.norm(found - truth, axis=1).max() < 0.3
    assert (np.diff(spread[40:60]) > 0).all()
    assert (np.diff(spread[60:80]) < 0).all()
    assert spread[seen].max() <= SEEN_PX


def test_where_nothing_is_seen_the_flow_decides():
    anchor, _, _, _ = drawn(0)
    carried = anchor + (3.0, -2.0)
    found, spread = placed_between(
        anchor, carried, np.zeros(61, bool), np.full(61, 4), STEP
    )
    np.testing.assert_allclose(found, carried, atol=1e-6)
    assert (spread > FLOW_PX).all()
