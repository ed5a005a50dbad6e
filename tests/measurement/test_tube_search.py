"""The search of rough tubes against every sequence, and against least squares."""

from itertools import product

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter1d

from napari_motionseg.measurement import tube_search
from napari_motionseg.measurement.centreline import Centreline
from napari_motionseg.measurement.straightening import StraightVessel
from napari_motionseg.measurement.tube_profile import tube_profile

OFFSETS_PX = np.arange(-12, 13) * 0.5


@pytest.mark.parametrize("seed", range(6))
def test_the_sequence_is_the_best_of_all(seed):
    scores = np.random.default_rng(seed).uniform(0, 0.02, (4, 2, 3))
    ranks, places = tube_search._best_sequence(scores)

    def worth(course):
        gain = sum(scores[n][own] for n, own in enumerate(course))
        changes = sum(
            abs(a[0] - b[0]) + abs(a[1] - b[1])
            for a, b in zip(course, course[1:], strict=False)
        )
        return gain - tube_search.CHANGE_COST * changes

    best = max(product(product(range(2), range(3)), repeat=4), key=worth)
    assert list(zip(ranks.tolist(), places.tolist(), strict=True)) == list(best)


def test_what_a_tube_explains_is_what_least_squares_says():
    draws = np.random.default_rng(0)
    rows = np.arange(5) * 1.0
    line = Centreline(np.stack((rows, np.zeros(5)), axis=1), 1.0, 1.0)
    tube = tube_profile(OFFSETS_PX[None] - 1.0, np.array([2.0]), 0.9).value
    values = 0.5 - 0.2 * tube + draws.normal(0, 0.01, (5, len(OFFSETS_PX)))
    vessel = StraightVessel(values, OFFSETS_PX, line, np.ones(values.shape, bool))
    radii = np.array([1.4, 2.0, 2.8])
    scores, contrast = tube_search._explained(vessel, radii)
    smooth = gaussian_filter1d(values, tube_search.SMOOTHED_PX, axis=0)
    plain = np.stack((np.ones_like(OFFSETS_PX), OFFSETS_PX), axis=1)
    for n, r, c in product(range(5), range(3), range(len(tube_search.OFFSETS))):
        away = OFFSETS_PX - tube_search.OFFSETS[c]
        shape = tube_profile(away[None], radii[r : r + 1], 0.9).value[0]
        flat = np.linalg.lstsq(plain, smooth[n], rcond=None)[0]
        both = np.column_stack((plain, shape))
        fitted = np.linalg.lstsq(both, smooth[n], rcond=None)[0]
        left = ((smooth[n] - both @ fitted) ** 2).sum()
        share = 1 - left / ((smooth[n] - plain @ flat) ** 2).sum()
        dark = fitted[2] < 0  # brighter tubes are no vessels
        assert scores[n, r, c] == pytest.approx(share if dark else 0, abs=1e-9)
        assert contrast[n, r, c] == pytest.approx(max(-fitted[2], 0), abs=1e-9)
    assert scores[2].argmax() == np.ravel_multi_index((1, 5), scores[2].shape)
