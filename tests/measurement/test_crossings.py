"""Crossings and junctions, told by shape and by motion."""

import math
import statistics

import numpy as np
import pytest
from helpers.drawn_vessels import CROSS
from helpers.drawn_vessels import drawn_vessels as drawn
from scipy import ndimage

from napari_motionseg.errors import MeasurementError
from napari_motionseg.measurement.crossings import flows_about, with_crossings
from napari_motionseg.measurement.vessel_graph import vessel_graph

SIZE = 96


@pytest.fixture(scope="module")
def crossed():
    return vessel_graph(drawn(CROSS))


def node_of_four(graph):
    return next(node for node in graph.nodes if len(node.branches) == 4)


def linear_flow(rng):
    """Return a flow that turns, stretches and shifts all alike."""
    row, column = np.mgrid[:SIZE, :SIZE] - 48.0
    turn = rng.normal(size=(2, 2)) * 0.05
    shift = rng.normal(size=2) * 4
    return np.stack([turn[i, 0] * column + turn[i, 1] * row + shift[i] for i in (0, 1)])


def test_straight_pairs_are_a_crossing(crossed):
    node = node_of_four(with_crossings(crossed))
    assert node.kind == "crossing"
    assert node.apart_px is None
    ends = {
        one: max(crossed.branches[one].points, key=lambda p: abs(p[0] - 48))
        for one in node.branches
    }
    for a, b in node.passing:
        middle = (ends[a] + ends[b]) / 2
        np.testing.assert_allclose(middle, (47, 48), atol=4)


def test_what_moves_as_one_is_no_crossing(crossed):
    rng = np.random.default_rng(0)
    flows = [linear_flow(rng) for _ in range(3)]
    node = node_of_four(with_crossings(crossed, flows))
    assert node.kind == "junction"
    assert node.apart_px < 0.1
    assert node.passing == ()


def test_what_moves_apart_is_a_crossing_of_that_size(crossed):
    rng = np.random.default_rng(1)
    first = linear_flow(rng)
    row, column = np.mgrid[:SIZE, :SIZE]
    falling = (row - 48) * (column - 48) > 0  # one vessel lies in these quarters
    second = first + falling * np.array([3.0, 4.0])[:, None, None]
    node = node_of_four(with_crossings(crossed, [first, second]))
    assert node.kind == "crossing"
    assert node.apart_px == pytest.approx(5 / np.sqrt(2), abs=0.2)
    assert len({one for pair in node.passing for one in pair}) == 4


def test_branches_that_turn_are_no_crossing():
    # three branches on one side and one on the other
    mask = drawn(
        [((48, 48), (8, 48)), ((48, 48), (80, 12)), ((48, 48), (88, 44)),
         ((48, 48), (80, 80))]
    )  # fmt: skip
    graph = with_crossings(vessel_graph(mask))
    assert all(node.kind != "crossing" for node in graph.nodes)


def test_a_flow_of_another_size_is_refused(crossed):
    with pytest.raises(
        MeasurementError, match=r"cover the vessels; got the shape \(2,"
    ):
        with_crossings(crossed, [np.zeros((2, 20, 20))])


def test_flow_to_farther_frames_is_the_sum_on_the_way():
    """Points that are carried a frame at a time end where the sum says."""
    rng = np.random.default_rng(3)
    forward = np.stack([linear_flow(rng) * 0.3 for _ in range(4)])
    backward = np.stack([linear_flow(rng) * 0.3 for _ in range(4)])
    found = flows_about(forward, backward, 2, reach=2)
    assert len(found) == 4
    for steps, whole in ((forward[2:4], found[1]), (backward[1::-1], found[3])):
        row, column = 40, 52
        place = np.array([column, row], float)
        for flow in steps:
            c, r = place
            low, high = int(c), int(r)
            corner = flow[:, high : high + 2, low : low + 2]
            right, down = c - low, r - high
            top = corner[:, 0, 0] * (1 - right) + corner[:, 0, 1] * right
            bottom = corner[:, 1, 0] * (1 - right) + corner[:, 1, 1] * right
            place = place + top * (1 - down) + bottom * down
        np.testing.assert_allclose(whole[:, row, column], place - (column, row))
    assert len(flows_about(forward, backward, 0)) == 4, "nothing before the first frame"
    assert len(flows_about(forward, backward, 4)) == 4


def slow_bilinear(field, row, column):
    low, left = int(row), int(column)
    down, right = row - low, column - left
    rows, columns = (1 - down, down), (1 - right, right)
    return sum(
        field[low + i, left + j] * rows[i] * columns[j] for i in (0, 1) for j in (0, 1)
    )


def slow_stretch(graph, node, number):
    """Return the points of a branch that tell its direction, walked one at a time."""
    points = [tuple(p) for p in graph.branches[number].points]
    if math.dist(points[0], node.place) > math.dist(points[-1], node.place):
        points.reverse()
    begin = 0.75 * node.width
    end, way, found = max(2.5 * node.width, begin + 6), 0.0, []
    for n, point in enumerate(points):
        way += math.dist(point, points[n - 1]) if n else 0.0
        if begin <= way <= end:
            found.append(point)
    return found


@pytest.mark.parametrize("seed", range(3))
def test_pairs_and_their_motion_equal_slow_versions(crossed, seed):
    rng = np.random.default_rng(seed)
    flows = [
        ndimage.gaussian_filter(rng.normal(size=(2, SIZE, SIZE)), (0, 9, 9)) * 60
        for _ in range(2)
    ]
    node = node_of_four(with_crossings(crossed, flows))
    ways = {one: slow_stretch(crossed, node, one) for one in node.branches}
    angle = {
        one: math.atan2(
            np.mean([c for _, c in way]) - node.place[1],
            np.mean([r for r, _ in way]) - node.place[0],
        )
        for one, way in ways.items()
    }

    def turn(a, b):
        between = abs(angle[a] - angle[b]) % (2 * math.pi)
        return abs(math.pi - min(between, 2 * math.pi - between))

    a, *others = node.branches
    partner = min(
        others,
        key=lambda b: max(turn(a, b), turn(*(one for one in others if one != b))),
    )
    pairs = (a, partner), tuple(one for one in others if one != partner)
    square = 0.0
    for flow in flows:
        for part in flow:
            middle = [
                sum(
                    statistics.median(slow_bilinear(part, r, c) for r, c in ways[one])
                    for one in pair
                ) / 2
                for pair in pairs
            ]  # fmt: skip
            square += (middle[0] - middle[1]) ** 2
    assert node.apart_px == pytest.approx(math.sqrt(square / len(flows)), abs=1e-9)
    assert set(map(frozenset, node.passing)) == set(map(frozenset, pairs))
