"""Describe the vessel tree of a mask as a graph of branches and nodes.

The skeleton of the mask is cut at its junctions. Spurs that are no longer than the
vessel is wide are removed, and junctions that are closer to each other than that are
one, because the skeleton of two vessels that cross has two junctions. Where four
branches meet and continue each other in two straight pairs, vessels may cross at
different depths. Then the pairs move apart from each other, which flow shows
(`crossings.py`); where it does not, the shape alone speaks for a crossing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_motionseg.errors import MeasurementError

Array = NDArray[np.float64]
Kind = Literal["end", "bifurcation", "crossing", "junction"]

AROUND = np.ones((3, 3))
SPUR_WIDTHS, SPUR_PX = 0.6, 3.0  # of the vessel's width there, and at least
MERGED_WIDTHS = 1.0  # distance of junctions that are one
HOLE_PX = 24  # smaller holes are noise of the mask
PRUNINGS = 5  # rounds: a spur may have carried another one
FEWEST_PIXELS = 5  # of a skeleton that is a vessel


@dataclass(frozen=True, eq=False)
class Branch:
    """A stretch of vessel between two nodes.

    Parameters
    ----------
    number
        Index of the branch in the graph.
    points
        ``(N, 2)`` row and column in px along its skeleton.
    nodes
        Indices of the nodes at its first and at its last point.
    length
        Length in widths of a pixel.
    width
        Median of twice the distance to the mask's edge, in widths of a pixel: a rough
        measure that names vessels, and no diameter.
    """

    number: int
    points: Array
    nodes: tuple[int, int]
    length: float
    width: float


@dataclass(frozen=True)
class Node:
    """An end of branches.

    Parameters
    ----------
    number
        Index of the node in the graph.
    place
        Row and column in px.
    kind
        ``"end"``, ``"bifurcation"`` of three branches, ``"crossing"`` of two vessels,
        or ``"junction"`` of other or more branches.
    branches
        Indices of the branches that end here; a loop's index comes twice.
    width
        Twice the distance to the mask's edge, in widths of a pixel.
    passing
        Pairs of branches that continue each other at a crossing; else empty.
    apart_px
        How far the two vessels of a crossing move apart, as root mean square over the
        frames; None if no flow was given or it is no crossing.
    """

    number: int
    place: tuple[float, float]
    kind: Kind
    branches: tuple[int, ...]
    width: float
    passing: tuple[tuple[int, int], ...] = ()
    apart_px: float | None = None


@dataclass(frozen=True, eq=False)
class VesselGraph:
    """Branches and nodes of all vessels in a mask."""

    branches: tuple[Branch, ...]
    nodes: tuple[Node, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return the graph as JSON values; lengths are in widths of a pixel."""
        return {
            "branches": [
                {
                    "branch": one.number, "nodes": list(one.nodes),
                    "length_px": round(one.length, 2),
                    "width_px": round(one.width, 2),
                    "points": np.round(one.points, 2).tolist(),
                }
                for one in self.branches
            ],
            "nodes": [
                {
                    "node": one.number, "kind": one.kind,
                    "row": round(one.place[0], 2), "column": round(one.place[1], 2),
                    "branches": list(one.branches),
                    "passing": [list(pair) for pair in one.passing],
                    "apart_px": None if one.apart_px is None
                    else round(one.apart_px, 3),
                }
                for one in self.nodes
            ],
        }  # fmt: skip


def vessel_graph(mask: NDArray[Any], aspect: float = 1.0) -> VesselGraph:
    """Return the graph of the vessels in a mask.

    Parameters
    ----------
    mask
        ``(H, W)``; nonzero pixels are vessel.
    aspect
        Height of a pixel over its width.

    Raises
    ------
    MeasurementError
        If the mask has no vessel of at least five pixels' length.
    """
    from skimage.morphology import skeletonize

    inside = without_small_holes(np.asarray(mask) > 0)
    lines = np.asarray(skeletonize(inside))  # type: ignore[no-untyped-call]
    lines = _without_specks(lines)
    if not lines.any():
        raise MeasurementError(
            f"the mask has no vessel of at least {FEWEST_PIXELS} px: there is no graph"
        )
    width = 2 * ndimage.distance_transform_edt(inside, sampling=(aspect, 1.0))
    for _ in range(PRUNINGS):
        cut = _Cut(lines, width, aspect)
        spurs = cut.spurs()
        if not spurs:
            break
        for spur in spurs:
            lines[tuple(spur.T)] = False
        lines = np.asarray(skeletonize(lines))  # type: ignore[no-untyped-call]
    return cut.graph()


def without_small_holes(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return a mask whose holes of a few pixels are filled: vessels enclose none."""
    holes, count = ndimage.label(~mask)
    sizes = np.bincount(holes.ravel(), minlength=count + 1)
    filled: NDArray[np.bool_] = mask | (sizes < HOLE_PX)[holes]
    return filled


def _without_specks(lines: NDArray[np.bool_]) -> NDArray[np.bool_]:
    parts, count = ndimage.label(lines, structure=AROUND)
    sizes = np.bincount(parts.ravel(), minlength=count + 1)
    sizes[0] = 0
    kept: NDArray[np.bool_] = (sizes >= FEWEST_PIXELS)[parts]
    return kept


class _Cut:
    """A skeleton ``(H, W)`` that is cut at its junctions."""

    def __init__(self, lines: NDArray[np.bool_], width: Array, aspect: float) -> None:
        self.width, self.aspect = width, aspect
        count = ndimage.convolve(lines.astype(int), AROUND, mode="constant") - 1
        forks = lines & (count >= 3)
        self.forks, self.fork_count = ndimage.label(forks, structure=AROUND)
        parts, number = ndimage.label(lines & ~forks, structure=AROUND)
        boxes = ndimage.find_objects(parts)
        self.ways = []
        for label in range(1, number + 1):
            box = boxes[label - 1]
            corner = [side.start for side in box]
            way = np.argwhere(parts[box] == label) + corner
            self.ways.append(_ordered(way))
        self.ends = [self._ends_of(way) for way in self.ways]

    def _ends_of(self, way: NDArray[np.int64]) -> tuple[int, int]:
        """Return the junctions that a way touches at its ends; 0 for none."""
        first, last = self._touched(way[0]), self._touched(way[-1])
        if len(way) == 1:  # one pixel may lie between two junctions
            return (first[0], first[1] if len(first) > 1 else 0)
        other = [one for one in last if one != first[0]] or last
        return first[0], other[0]

    def _touched(self, pixel: NDArray[np.int64]) -> list[int]:
        row, column = np.maximum(pixel - 1, 0)
        near = self.forks[row : pixel[0] + 2, column : pixel[1] + 2]
        return [int(one) for one in np.unique(near[near > 0])] or [0]

    def spurs(self) -> list[NDArray[np.int64]]:
        """Return the pixels of ways that end freely and are shorter than wide."""
        found = []
        for way, ends in zip(self.ways, self.ends, strict=True):
            if (ends[0] == 0) == (ends[1] == 0):
                continue
            base = way[0] if ends[0] else way[-1]
            limit = max(SPUR_PX, SPUR_WIDTHS * float(self.width[tuple(base)]))
            if self._length(way) < limit:
                found.append(way)
        return found

    def _length(self, way: NDArray[np.int64]) -> float:
        steps = np.diff(way, axis=0) * (self.aspect, 1.0)
        return float(np.linalg.norm(steps, axis=1).sum())

    def graph(self) -> VesselGraph:
        """Return branches and nodes; near junctions are one."""
        places = np.array(
            ndimage.center_of_mass(
                self.forks > 0, self.forks, range(1, self.fork_count + 1)
            )
        ).reshape(-1, 2)
        same, short = self._merged(places)
        nodes = _Nodes()
        for fork in range(1, self.fork_count + 1):
            nodes.add_fork(same[fork], places[fork - 1])
        branches: list[Branch] = []
        for index, (way, ends) in enumerate(zip(self.ways, self.ends, strict=True)):
            if index in short:
                continue
            number = len(branches)
            joined = [
                nodes.of_fork(same[fork], number) if fork
                else nodes.add_end(way[place], number)
                for fork, place in zip(ends, (0, -1), strict=True)
            ]  # fmt: skip
            points = nodes.completed(way, ends, joined)
            steps = np.diff(points, axis=0) * (self.aspect, 1.0)
            length = float(np.linalg.norm(steps, axis=1).sum())
            wide = float(np.median(self.width[tuple(way.T)]))
            branches.append(
                Branch(number, points, (joined[0], joined[1]), length, wide)
            )
        return VesselGraph(tuple(branches), nodes.classified(self.width))

    def _merged(self, places: Array) -> tuple[dict[int, int], set[int]]:
        """Return each junction's representative, and the ways that merging removes."""
        same = {fork: fork for fork in range(1, self.fork_count + 1)}
        short = set()
        for index, (way, ends) in enumerate(zip(self.ways, self.ends, strict=True)):
            if not (ends[0] and ends[1]) or ends[0] == ends[1]:
                continue
            wide = max(float(self.width[tuple(way[i])]) for i in (0, -1))
            gap = (places[ends[0] - 1] - places[ends[1] - 1]) * (self.aspect, 1.0)
            if max(np.hypot(*gap), self._length(way)) > MERGED_WIDTHS * wide:
                continue
            first, second = same[ends[0]], same[ends[1]]
            if first == second:
                continue  # a second way between them is a loop, and stays
            short.add(index)
            same = {k: first if v == second else v for k, v in same.items()}
        return same, short


class _Nodes:
    """Nodes that are collected while branches are."""

    def __init__(self) -> None:
        self.places: list[list[Array]] = []
        self.branches: list[list[int]] = []
        self._forks: dict[int, int] = {}

    def add_fork(self, fork: int, place: Array) -> None:
        """Add a junction to the node of a fork, which is new at its first junction."""
        if fork not in self._forks:
            self._forks[fork] = self._new()
        self.places[self._forks[fork]].append(place)

    def of_fork(self, fork: int, branch: int) -> int:
        """Let a branch end at the node of a fork, and return the node's index."""
        self.branches[self._forks[fork]].append(branch)
        return self._forks[fork]

    def add_end(self, place: NDArray[np.int64], branch: int) -> int:
        """Add a node where one branch ends, and return its index."""
        number = self._new()
        self.places[number].append(place.astype(np.float64))
        self.branches[number].append(branch)
        return number

    def _new(self) -> int:
        self.places.append([])
        self.branches.append([])
        return len(self.places) - 1

    def place(self, number: int) -> Array:
        """Return the middle of a node's junctions."""
        middle: Array = np.mean(self.places[number], axis=0)
        return middle

    def completed(
        self, way: NDArray[np.int64], ends: tuple[int, int], joined: list[int]
    ) -> Array:
        """Return a way with the places of its junctions at its ends."""
        points = [way.astype(np.float64)]
        if ends[0]:
            points.insert(0, self.place(joined[0])[None])
        if ends[1]:
            points.append(self.place(joined[1])[None])
        return np.concatenate(points)

    def classified(self, width: Array) -> tuple[Node, ...]:
        """Return the nodes; those of four branches are judged in `crossings.py`."""
        kinds: dict[int, Kind] = {1: "end", 3: "bifurcation"}
        found = []
        for number, branches in enumerate(self.branches):
            place = self.place(number)
            row, column = place.round().astype(int)
            found.append(
                Node(
                    number, (float(place[0]), float(place[1])),
                    kinds.get(len(branches), "junction"), tuple(branches),
                    float(width[row, column]),
                )
            )  # fmt: skip
        return tuple(found)


def _ordered(pixels: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the pixels ``(N, 2)`` of a way without forks in the order of travel."""
    left = {(int(r), int(c)) for r, c in pixels}

    def near(pixel: tuple[int, int]) -> list[tuple[int, int]]:
        """Return the neighbours that are not yet on the way."""
        row, column = pixel
        # straight neighbours first: a corner is passed and not cut
        steps = ((0, 1), (1, 0), (0, -1), (-1, 0), (1, 1), (1, -1), (-1, 1), (-1, -1))
        around = [(row + r, column + c) for r, c in steps]
        return [one for one in around if one in left]

    start = min(left, key=lambda one: (len(near(one)), one))
    way = [start]
    left.remove(start)
    while following := near(way[-1]):
        way.append(following[0])
        left.remove(following[0])
    return np.array(way)
