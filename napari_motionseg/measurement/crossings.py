"""Tell vessels that cross from vessels that join, by their shape and their motion.

In a projection, two vessels at different depths cross, and the skeleton of their mask
has a node of four branches there. Where they cross, branches continue each other in two
straight pairs, and the pairs move apart from each other, because the heart moves them
differently. The mean of the flow at two opposite places is that at the node if the
motion is linear, so that the two pairs' means agree where all four branches join.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates

from napari_motionseg.errors import MeasurementError
from napari_motionseg.measurement.vessel_graph import Branch, Node, VesselGraph

Array = NDArray[np.float64]

PAIRINGS = (((0, 1), (2, 3)), ((0, 2), (1, 3)), ((0, 3), (1, 2)))
STRAIGHT_DEG = 35.0  # by which a vessel may turn at a crossing
FROM_WIDTHS, TO_WIDTHS = 0.75, 2.5  # stretch of a branch that tells its direction
LEAST_STRETCH_PX = 6.0
APART_PX = 0.5  # root mean square over frames; flow is about as exact as that


def with_crossings(
    graph: VesselGraph, flows: Sequence[NDArray[np.floating]] = (), aspect: float = 1.0
) -> VesselGraph:
    """Return the graph with nodes of four branches told apart.

    A node whose branches continue each other in two straight pairs is a crossing,
    unless flow shows that all of them move as one.

    Parameters
    ----------
    graph
        Branches and nodes of a frame.
    flows
        Flow ``(2, H, W)``, x then y in px, from this frame to others; none to judge by
        the shape alone.
    aspect
        Height of a pixel over its width.

    Raises
    ------
    MeasurementError
        If a flow does not cover the graph.
    """
    for flow in flows:
        _check(flow, graph)
    nodes = tuple(
        _judged(node, graph.branches, flows, aspect) if _of_four(node) else node
        for node in graph.nodes
    )
    return replace(graph, nodes=nodes)


def flows_about(
    forward: NDArray[np.floating],
    backward: NDArray[np.floating],
    frame: int,
    reach: int = 4,
) -> list[Array]:
    """Return the flow from a frame to each of its neighbours, up to `reach` away.

    Vessels that cross move little apart in one frame, and more in several.

    Parameters
    ----------
    forward, backward
        ``(T - 1, 2, H, W)`` flow from frame t to t + 1, and from t + 1 to t, x then y
        in px.
    frame
        Index of the frame.
    reach
        Number of frames on each side.
    """
    found = []
    for flows, first, step in ((forward, frame, 1), (backward, frame - 1, -1)):
        way: Array | None = None
        for t in range(first, first + step * reach, step):
            if not 0 <= t < len(flows):
                break
            here = np.asarray(flows[t], np.float64)
            way = here if way is None else _added(way, here)
            found.append(way)
    return found


def _added(way: Array, following: Array) -> Array:
    """Return flow ``(2, H, W)`` with the flow of the next frame added on the way."""
    rows, columns = np.indices(way.shape[1:])
    places = (rows + way[1], columns + way[0])
    added: Array = way + np.stack(
        [map_coordinates(part, places, order=1, mode="nearest") for part in following]
    )
    return added


def _of_four(node: Node) -> bool:
    return len(set(node.branches)) == 4 == len(node.branches)


def _check(flow: NDArray[np.floating], graph: VesselGraph) -> None:
    last = np.max([one.points.max(axis=0) for one in graph.branches], axis=0)
    if flow.ndim != 3 or flow.shape[0] != 2 or (last > np.array(flow.shape[1:])).any():
        raise MeasurementError(
            "flow must be (2, H, W) and cover the vessels; got the shape "
            f"{tuple(flow.shape)}"
        )


def _judged(
    node: Node,
    branches: Sequence[Branch],
    flows: Sequence[NDArray[np.floating]],
    aspect: float,
) -> Node:
    """Return a node of four branches as a crossing or as a junction."""
    ways = [_stretch(branches[one], node, aspect) for one in node.branches]
    away = [_direction(way, node, aspect) for way in ways]
    turns = [[_turn(away[a], away[b]) for a, b in pairing] for pairing in PAIRINGS]
    best = int(np.argmin([max(pair) for pair in turns]))
    if max(turns[best]) > STRAIGHT_DEG:
        return node
    pairing = PAIRINGS[best]
    apart = _apart([ways[i] for pair in pairing for i in pair], flows)
    if apart is not None and apart < APART_PX:
        return replace(node, apart_px=apart)
    named = tuple((node.branches[a], node.branches[b]) for a, b in pairing)
    return replace(node, kind="crossing", passing=named, apart_px=apart)


def _stretch(branch: Branch, node: Node, aspect: float) -> Array:
    """Return the branch's points ``(K, 2)`` some way from a node."""
    points = branch.points if branch.nodes[0] == node.number else branch.points[::-1]
    steps = np.linalg.norm(np.diff(points * (aspect, 1.0), axis=0), axis=1)
    length = np.r_[0, steps.cumsum()]
    begin = FROM_WIDTHS * node.width
    end = max(TO_WIDTHS * node.width, begin + LEAST_STRETCH_PX)
    near = (length >= begin) & (length <= end)
    return points[near] if near.any() else points[-1:]


def _direction(way: Array, node: Node, aspect: float) -> Array:
    """Return the direction ``(2,)`` from a node along a way, of length 1."""
    away = (way.mean(axis=0) - node.place) * (aspect, 1.0)
    direction: Array = away / max(float(np.hypot(*away)), 1e-9)
    return direction


def _turn(first: Array, second: Array) -> float:
    """Return by how many degrees a vessel turns that comes and goes so."""
    return float(np.degrees(np.arccos(np.clip(-first @ second, -1, 1))))


def _apart(ways: list[Array], flows: Sequence[NDArray[np.floating]]) -> float | None:
    """Return how far the first two ways and the last two move apart; None unknown."""
    if not flows:
        return None
    square = []
    for flow in flows:
        a, b, c, d = (
            [float(np.median(map_coordinates(part, way.T, order=1, mode="nearest")))
             for part in flow]
            for way in ways
        )  # fmt: skip
        between = (np.add(a, b) - np.add(c, d)) / 2
        square.append(float(between @ between))
    return float(np.sqrt(np.mean(square)))
