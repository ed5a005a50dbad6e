"""What else turns one click into a mask, and few vectors into flow.

Each mask peer has one free number. `clicks.py` chooses it for each peer on pictures of
its own, as well as it can be chosen.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage
from scipy.interpolate import LinearNDInterpolator, NearestNDInterpolator
from skimage.graph import MCP_Geometric
from skimage.segmentation import flood, random_walker

SMOOTH_PX = 1.0  # noise would stop every method that looks at single pixels
WALKER_SIDE = 128  # px of the window in which the walker walks; it has no seeds beyond


def region_growing(frame, click, tolerance):
    """Everything connected whose gray differs little from the click's."""
    smooth = ndimage.gaussian_filter(frame, SMOOTH_PX)
    return flood(smooth, click, tolerance=tolerance)


def geodesic(frame, click, reach):
    """Everything within a distance that grows with changes of gray on the way."""
    smooth = ndimage.gaussian_filter(frame, SMOOTH_PX)
    cost = 1e-3 + np.abs(smooth - smooth[click])
    found, _ = MCP_Geometric(cost).find_costs([click])
    return found <= reach


def walker(frame, click, beta):
    """Where a random walk meets the click before the border of a window."""
    row, column = click
    half = WALKER_SIDE // 2
    rows = slice(max(0, row - half), row + half)
    columns = slice(max(0, column - half), column + half)
    window = ndimage.gaussian_filter(frame, SMOOTH_PX)[rows, columns]
    seeds = np.zeros(window.shape, np.int32)
    seeds[[0, -1]] = seeds[:, [0, -1]] = 2
    seeds[row - rows.start, column - columns.start] = 1
    found = np.zeros(frame.shape, bool)
    answer = random_walker(
        window, seeds, beta=beta, mode="cg_j", tol=1e-2, prob_tol=0.1
    )
    found[rows, columns] = answer == 1
    return found


PEERS = {
    "region growing": (region_growing, (0.01, 0.02, 0.04, 0.06, 0.08, 0.12)),
    "geodesic distance": (geodesic, (0.1, 0.3, 0.6, 1.0, 2.0, 4.0)),
    "random walker": (walker, (1000, 10_000)),
}


def nearest(points, vectors, shape):
    """Each pixel has the vector of the nearest guided point."""
    return _interpolated(NearestNDInterpolator(points, vectors), shape)


def linear(points, vectors, shape):
    """Vectors between guided points are linear; beyond them, that of the nearest."""
    beyond = nearest(points, vectors, shape)
    if len(points) < 4 or np.linalg.matrix_rank(points - points[0]) < 2:
        return beyond
    inside = _interpolated(LinearNDInterpolator(points, vectors), shape)
    return np.where(np.isnan(inside), beyond, inside)


def _interpolated(interpolator, shape):
    rows, columns = np.indices(shape)
    return np.moveaxis(interpolator(rows, columns), -1, 0)


INTERPOLATIONS = {"nearest neighbour": nearest, "linear": linear}
