"""Find the edges of a vessel as paths of steepest change on the straightened vessel.

This is the usual method of quantitative angiography: each edge is the path of least
cost along the vessel, and the cost decreases with a weighted sum of the first and the
second derivative across it (Reiber et al. 1985). The first derivative alone places
edges too far inside, the second one too far outside.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_motionseg.measurement.straightening import StraightVessel

Array = NDArray[np.float64]

FIRST_WEIGHT = 0.5  # of the first derivative; the second has the rest
MOST_CHANGE = 2  # samples by which an edge moves between neighbouring sections


def edge_contours(vessel: StraightVessel, blur: float) -> tuple[Array, Array]:
    """Return the left and the right edge ``(N,)`` in widths of a pixel.

    Parameters
    ----------
    vessel
        The straightened vessel, whose line runs within the lumen.
    blur
        Standard deviation of the blur in widths of a pixel; derivatives are smoothed
        by half of it.
    """
    step = float(vessel.offsets[1] - vessel.offsets[0])
    spread = (0.5 * blur / vessel.line.step, 0.5 * blur / step)
    smooth = ndimage.gaussian_filter(vessel.values, spread)
    first = np.gradient(smooth, step, axis=1)
    second = np.gradient(first, step, axis=1)
    edges = []
    for side in (-1, 1):  # gray falls into the lumen and rises out of it
        strength = FIRST_WEIGHT * _scaled(side * first)
        # the second derivative peaks outside of the steepest place, where gray bends
        strength += (1 - FIRST_WEIGHT) * _scaled(-second)
        allowed = side * vessel.offsets > 0
        edges.append(_path(np.where(allowed, strength, -np.inf), vessel.offsets))
    return edges[0], edges[1]


def _scaled(derivative: Array) -> Array:
    """Return a derivative in units of its largest value in each section."""
    largest = derivative.max(axis=1, keepdims=True)
    scaled: Array = derivative / np.maximum(largest, 1e-12)
    return scaled


def _path(strength: Array, offsets: Array) -> Array:
    """Return the offsets ``(N,)`` of the strongest path, below the sample."""
    count, width = strength.shape
    best, back = strength[0], np.zeros((count, width), np.intp)
    index = np.arange(width)
    for n in range(1, count):
        moves = range(-MOST_CHANGE, MOST_CHANGE + 1)
        ways = np.stack([_moved(best, move) - 0.02 * abs(move) for move in moves])
        chosen = ways.argmax(axis=0)
        back[n] = np.clip(index + chosen - MOST_CHANGE, 0, width - 1)
        best = ways.max(axis=0) + strength[n]
    path = np.empty(count, np.intp)
    path[-1] = best.argmax()
    for n in range(count - 1, 0, -1):
        path[n - 1] = back[n, path[n]]
    return _between_samples(strength, path, offsets)


def _moved(values: Array, by: int) -> Array:
    moved = np.full_like(values, -np.inf)
    if by >= 0:
        moved[: len(values) - by] = values[by:]
    else:
        moved[-by:] = values[:by]
    return moved


def _between_samples(strength: Array, path: NDArray[np.intp], offsets: Array) -> Array:
    """Return the top of the parabola through each chosen sample and its neighbours."""
    rows = np.arange(len(path))
    middle = np.clip(path, 1, strength.shape[1] - 2)
    left, centre, right = (strength[rows, middle + k] for k in (-1, 0, 1))
    with np.errstate(invalid="ignore"):
        bend = left - 2 * centre + right
        shift = np.where(bend < 0, 0.5 * (left - right) / np.minimum(bend, -1e-12), 0.0)
    shift = np.nan_to_num(np.clip(shift, -0.5, 0.5))
    edge: Array = offsets[middle] + shift * (offsets[1] - offsets[0])
    return edge
