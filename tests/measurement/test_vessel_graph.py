"""Graphs of vessel trees, against what the mask's topology says."""

import numpy as np
import pytest
from helpers.drawn_vessels import CROSS, FORK
from helpers.drawn_vessels import drawn_vessels as drawn
from skimage.measure import euler_number

from napari_motionseg.errors import MeasurementError
from napari_motionseg.measurement.vessel_graph import vessel_graph, without_small_holes


def kinds(graph):
    return sorted(node.kind for node in graph.nodes)


def test_a_fork_has_three_branches_of_their_lengths():
    graph = vessel_graph(drawn(FORK))
    assert kinds(graph) == ["bifurcation", "end", "end", "end"]
    fork = next(node for node in graph.nodes if node.kind == "bifurcation")
    np.testing.assert_allclose(fork.place, (48, 48), atol=3)
    lengths = sorted(one.length for one in graph.branches)
    np.testing.assert_allclose(lengths, [40, 45.6, 45.6], atol=5)
    assert all(one.width == pytest.approx(6, abs=1) for one in graph.branches)
    for one in graph.branches:
        for node, point in zip(one.nodes, one.points[[0, -1]], strict=True):
            np.testing.assert_allclose(graph.nodes[node].place, point)
            assert one.number in graph.nodes[node].branches


def test_two_vessels_that_cross_have_one_node():
    graph = vessel_graph(drawn(CROSS))
    assert kinds(graph) == ["end"] * 4 + ["junction"]
    assert len(graph.branches) == 4


def test_bumps_of_the_edge_are_no_branches():
    mask = drawn([((48, 6), (48, 90))], radius=5)
    mask[41, 30:33] = mask[42, 60] = mask[54, 45:47] = True
    graph = vessel_graph(mask)
    assert len(graph.branches) == 1
    assert kinds(graph) == ["end", "end"]


@pytest.mark.parametrize("seed", range(6))
def test_nodes_and_branches_count_what_the_mask_has(seed):
    """Nodes minus branches are parts minus holes, whatever the tree."""
    rng = np.random.default_rng(seed)
    corners = rng.integers(8, 88, (7, 2))
    lines = [(corners[rng.integers(i)], corners[i]) for i in range(1, 7)]
    mask = without_small_holes(drawn(lines, radius=1.5))
    graph = vessel_graph(mask)
    assert len(graph.nodes) - len(graph.branches) == euler_number(mask, connectivity=2)
    for node in graph.nodes:
        ends = sum(one.nodes.count(node.number) for one in graph.branches)
        assert ends == len(node.branches)


def test_tall_pixels_make_rows_longer():
    mask = drawn([((10, 48), (80, 48))])
    flat, tall = vessel_graph(mask), vessel_graph(mask, aspect=2.0)
    assert tall.branches[0].length == pytest.approx(2 * flat.branches[0].length)


def test_the_graph_is_json():
    row = vessel_graph(drawn(FORK)).as_dict()
    assert {one["kind"] for one in row["nodes"]} == {"end", "bifurcation"}
    assert len(row["branches"]) == 3
    assert row["branches"][0]["length_px"] > 30


def test_a_mask_without_a_vessel_is_refused():
    mask = np.zeros((30, 30), bool)
    mask[3, 4] = True
    with pytest.raises(MeasurementError, match="no vessel of at least 5 px"):
        vessel_graph(mask)
