"""Paths of least cost, and what is kept while points are moved one at a time."""

import itertools

import numpy as np
import pytest
from skimage.graph import MCP_Geometric, route_through_array

from napari_motionseg.measurement import path_search
from napari_motionseg.measurement.path_search import PathSearch


@pytest.fixture(scope="module")
def cost():
    return np.random.default_rng(0).uniform(0.02, 1, (25, 31))


def slowly(cost, pixels):
    found = [pixels[0]]
    for start, end in itertools.pairwise(pixels):
        found += route_through_array(cost, start, end)[0][1:]
    return found


def test_moved_points_have_the_paths_of_new_ones(cost):
    search, rng = PathSearch(cost), np.random.default_rng(1)
    pixels = [(3, 4), (12, 25), (22, 2)]
    for moved in (0, 0, 2, 2, 1, 1, 1, 0, 2):
        assert search.path(pixels) == slowly(cost, pixels)
        pixels[moved] = tuple(int(n) for n in rng.integers(0, 25, 2))


def test_a_point_that_is_moved_again_costs_no_search(cost, monkeypatch):
    asked = []

    class Counted(MCP_Geometric):
        def find_costs(self, starts, ends=None, **more):
            asked.append((tuple(starts), ends))
            return super().find_costs(starts, ends, **more)

    monkeypatch.setattr("skimage.graph.MCP_Geometric", Counted)
    search = PathSearch(cost)
    search.path([(1, 1), (20, 4), (12, 20)])
    assert len(asked) == 2
    for row in range(3, 9):
        search.path([(1, 1), (20, 4), (row, 20)])
    assert asked[2:] == [(((20, 4),), None)], "from the point that stays, once"
    for row in range(11, 19):
        search.path([(1, 1), (row, 4), (8, 20)])
    assert {starts for starts, _ in asked[3:]} == {((1, 1),), ((8, 20),)}
    assert len(asked) == 5
    assert len(search._whole) == 2, "what nobody needs any more is not kept"


def test_tall_pixels_make_rows_longer():
    search = PathSearch(np.ones((20, 20)))
    flat = search.path([(2, 2), (2, 17)], aspect=3.0)
    assert len(flat) == 16
    bar = np.ones((20, 20))
    bar[5, 3:17] = 6.0
    over = PathSearch(bar)
    assert over.path([(2, 10), (8, 10)], 1.0) != over.path([(2, 10), (8, 10)], 9.0)
    assert path_search.PathSearch(bar).path([(2, 10), (8, 10)], 9.0) == over.path(
        [(2, 10), (8, 10)], 9.0
    )
