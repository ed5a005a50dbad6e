"""The edges' paths, against every path that there is."""

from itertools import product

import numpy as np

from napari_motionseg.measurement.centreline import Centreline
from napari_motionseg.measurement.edge_contours import (
    FIRST_WEIGHT,
    MOST_CHANGE,
    edge_contours,
)
from napari_motionseg.measurement.straightening import StraightVessel

SECTIONS, STEP = 4, 0.5
OFFSETS = np.arange(-7, 8) * STEP


def slow_edge(values, side):
    """Return the best of all paths of an edge, moved to the top of its parabola."""
    strength = np.full(values.shape, -np.inf)
    for n, row in enumerate(values):
        first = np.array([
            (row[min(i + 1, 14)] - row[max(i - 1, 0)])
            / (STEP * (min(i + 1, 14) - max(i - 1, 0)))
            for i in range(15)
        ])  # fmt: skip
        bend = np.array([
            (first[min(i + 1, 14)] - first[max(i - 1, 0)])
            / (STEP * (min(i + 1, 14) - max(i - 1, 0)))
            for i in range(15)
        ])  # fmt: skip
        rises, bends = side * first, -bend
        for i in range(15):
            if side * OFFSETS[i] > 0:
                strength[n, i] = FIRST_WEIGHT * rises[i] / rises.max()
                strength[n, i] += (1 - FIRST_WEIGHT) * bends[i] / bends.max()

    def worth(path):
        moves = [abs(a - b) for a, b in zip(path, path[1:], strict=False)]
        if max(moves) > MOST_CHANGE:
            return -np.inf
        return sum(strength[n, i] for n, i in enumerate(path)) - 0.02 * sum(moves)

    places = range(8, 15) if side > 0 else range(7)
    edge = []
    for n, i in enumerate(max(product(places, repeat=SECTIONS), key=worth)):
        middle = min(max(i, 1), 13)
        low, top, high = strength[n, middle - 1 : middle + 2]
        shift = 0.0
        if np.isfinite([low, high]).all() and low - 2 * top + high < 0:
            shift = np.clip(0.5 * (low - high) / (low - 2 * top + high), -0.5, 0.5)
        edge.append(OFFSETS[middle] + STEP * shift)
    return edge


def test_edges_are_the_best_of_all_paths():
    rng = np.random.default_rng(0)
    line = Centreline(np.stack((np.zeros(SECTIONS), np.arange(SECTIONS)), 1), 1.0, 1.0)
    for _ in range(5):
        wide = rng.uniform(1, 2.5, (SECTIONS, 1))
        values = 1 - 0.5 / (1 + np.exp(4 * (np.abs(OFFSETS) - wide)))
        values += rng.normal(0, 0.03, values.shape)
        vessel = StraightVessel(values, OFFSETS, line, np.ones(values.shape, bool))
        left, right = edge_contours(vessel, blur=1e-6)
        np.testing.assert_allclose(left, slow_edge(values, -1), atol=1e-9)
        np.testing.assert_allclose(right, slow_edge(values, 1), atol=1e-9)
