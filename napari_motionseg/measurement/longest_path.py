"""Find the longest course of a vessel tree, for measuring without anybody's points."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, sparse
from scipy.sparse.csgraph import dijkstra

from napari_motionseg.errors import MeasurementError

SHORTEST = 20  # pixels of a course
NEIGHBOURS = ((0, 1), (1, 0), (1, 1), (1, -1))


def longest_path(
    mask: NDArray[Any], apart: float = 30.0, ends: float = 0.05
) -> list[tuple[float, float]]:
    """Return points along the longest course of the largest tree in a mask.

    The course is the longest of the shortest ways between two ends of the tree's
    skeleton. Its two ends are left out, because vessels fade or leave the picture
    there.

    Parameters
    ----------
    mask
        ``(H, W)``; nonzero pixels are vessel.
    apart
        Distance of the points along the course in px.
    ends
        Share of the course that is left out at each end.

    Returns
    -------
    list of tuple
        Rows and columns of at least two points, in order.

    Raises
    ------
    MeasurementError
        If there is no vessel of at least 20 px in the mask.
    """
    pixels = _largest_skeleton(np.asarray(mask) > 0)
    if len(pixels) < SHORTEST:
        raise MeasurementError(
            f"no vessel of at least {SHORTEST} px was found to be measured"
        )
    graph = _graph(pixels)
    first = int(np.argmax(_finite(dijkstra(graph, indices=0))))
    distances, before = dijkstra(graph, indices=first, return_predecessors=True)
    last = int(np.argmax(_finite(distances)))
    course = [last]
    while course[-1] != first:
        course.append(int(before[course[-1]]))
    kept = [one for one in course if _inner(distances[one], distances[last], ends)]
    count = max(2, round(float(np.ptp(distances[kept])) / apart) + 1)
    chosen = np.linspace(0, len(kept) - 1, count).round().astype(int)
    return [(float(r), float(c)) for r, c in pixels[np.array(kept)[chosen]]]


def _inner(distance: float, length: float, ends: float) -> bool:
    return ends * length <= distance <= (1 - ends) * length


def _finite(distances: NDArray[np.floating]) -> NDArray[np.floating]:
    return np.where(np.isfinite(distances), distances, -1)


def _largest_skeleton(mask: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return the pixels ``(N, 2)`` of the largest connected skeleton."""
    from skimage.morphology import skeletonize

    lines = np.asarray(skeletonize(mask))  # type: ignore[no-untyped-call]
    parts, count = ndimage.label(lines, structure=np.ones((3, 3)))
    if not count:
        return np.empty((0, 2), np.int64)
    sizes = np.bincount(parts[parts > 0])
    return np.argwhere(parts == int(sizes.argmax()))


def _graph(pixels: NDArray[np.int64]) -> sparse.csr_array:
    """Return the distances of pixels that touch each other, diagonally too."""
    numbers = {tuple(pixel): number for number, pixel in enumerate(pixels.tolist())}
    pairs, lengths = [], []
    for (row, column), number in numbers.items():
        for down, right in NEIGHBOURS:
            other = numbers.get((row + down, column + right))
            if other is not None:
                pairs.append((number, other))
                lengths.append(float(np.hypot(down, right)))
    here, there = np.array(pairs).T
    size = (len(pixels), len(pixels))
    values = np.array([*lengths, *lengths])
    places = (np.concatenate([here, there]), np.concatenate([there, here]))
    return sparse.csr_array((values, places), shape=size)
