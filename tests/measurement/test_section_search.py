"""A vessel that lies beside its place is found, and nothing else is."""

from itertools import product

import numpy as np
import pytest

from napari_motionseg.measurement.centreline import Centreline
from napari_motionseg.measurement.section_search import (
    AWAY_COST,
    SLOPE_COST,
    best_offsets,
    relocated_offsets,
)
from napari_motionseg.measurement.straightening import straighten
from napari_motionseg.measurement.tube_profile import tube_values

RADIUS, BLUR, CONTRAST = 4.0, 0.9, 0.03
COUNT = 120


def picture(away, contrast=CONTRAST):
    """Return a frame whose vessel departs from row 48 by `away` ``(96,)`` px."""
    rows = np.arange(96.0)
    distance = (rows[None] - 48 - away[:, None]).astype(float)
    tube = tube_values(distance, np.full(96, RADIUS), BLUR).T
    noise = np.random.default_rng(0).normal(0, 0.008, (96, 96))
    return 0.6 - contrast * tube + noise


def looked(frame, seen, spread=5.0):
    along = np.stack((np.full(COUNT, 48.0), 12 + 0.6 * np.arange(COUNT)), axis=1)
    line = Centreline(along, 1.0, 0.6)
    vessel = straighten(frame, line, 31.0, 1.0)
    full = np.full(COUNT, RADIUS)
    depth = CONTRAST * tube_values(np.zeros((1, 1)), full[:1], BLUR)[0, 0]
    return relocated_offsets(
        vessel, full, BLUR, np.full(COUNT, depth), np.full(COUNT, spread), seen
    ), line


def bulge(size):
    column = np.arange(96)
    return size * np.clip(np.sin((column - 24) / 48 * np.pi), 0, None)


def test_a_stretch_that_moved_by_twice_its_radius_is_found():
    seen = np.zeros(COUNT, bool)
    seen[:20] = seen[-20:] = True
    (offset, alike), line = looked(picture(bulge(9.0)), seen)
    truth = np.interp(line.points[:, 1], np.arange(96), bulge(9.0))
    # rows run down, normals to the left of the direction of travel
    assert np.abs(-offset - truth)[~seen].max() < 1.5
    assert (offset[seen] == 0).all()
    assert np.median(alike) > 0.5


def test_where_no_vessel_is_nothing_is_alike():
    (_, alike), _ = looked(picture(bulge(0.0), contrast=0.0), np.zeros(COUNT, bool))
    assert np.median(alike) < 0.25


@pytest.mark.parametrize("seed", range(3))
def test_the_sequence_is_the_best_of_all(seed):
    rng = np.random.default_rng(seed)
    scores = rng.random((6, 4))
    scores[2, 1:] = -np.inf  # seen
    found = best_offsets(scores, step=1.0)

    def worth(path):
        steps = np.abs(np.diff(path))
        if steps.max() > 1:
            return -np.inf
        return scores[range(6), path].sum() - SLOPE_COST * steps.sum()

    best = max(product(range(4), repeat=6), key=worth)
    np.testing.assert_array_equal(found, best)
    assert AWAY_COST > 0
