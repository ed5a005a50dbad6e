"""Find the direction across a vessel at given points, from the frame alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_motionseg.guidance.points import Point

GRADIENT_PX = 1.5  # standard deviation of the smoothing before the gradient
REACH_PX = 12  # half side of the square around a point that is looked at
NEAR_PX = 5.0  # standard deviation of the weight of its pixels
LEAST_TRACE = 1e-12  # below it, the picture is flat and has no direction


def across_axis(frame: NDArray[np.float32], points: Sequence[Point]) -> float:
    """Return the angle of the direction across the vessel, in radians.

    It is the direction in which gray values change most around the points, by the
    structure tensor (Bigun and Granlund, 1987). Each point has the same weight.

    Parameters
    ----------
    frame
        Frame ``(H, W)`` in [0, 1].
    points
        Row and column of the points in px.

    Returns
    -------
    float
        Angle in [0, pi) from the columns' axis (right) towards the rows' axis (down);
        0 if the frame is flat around all points.
    """
    total = np.zeros((2, 2))
    for point in points:
        tensor = _structure_tensor(frame, point)
        trace = float(np.trace(tensor))
        if trace > LEAST_TRACE:
            total += tensor / trace
    if not total.any():
        return 0.0
    angle = 0.5 * np.arctan2(2 * total[0, 1], total[0, 0] - total[1, 1])
    return float(angle % np.pi)


def _structure_tensor(frame: NDArray[np.float32], point: Point) -> NDArray[Any]:
    """Return the mean outer product ``(2, 2)`` of the gradient (x, y) near a point."""
    row, column = (round(value) for value in point)
    rows = slice(max(0, row - REACH_PX), row + REACH_PX + 1)
    columns = slice(max(0, column - REACH_PX), column + REACH_PX + 1)
    window = frame[rows, columns]
    down = ndimage.gaussian_filter(window, GRADIENT_PX, order=(1, 0))
    right = ndimage.gaussian_filter(window, GRADIENT_PX, order=(0, 1))
    y, x = np.indices(window.shape)
    square = (y + rows.start - row) ** 2 + (x + columns.start - column) ** 2
    weight = np.exp(-square / (2 * NEAR_PX**2))
    parts = np.stack((right, down))
    tensor: NDArray[Any] = np.einsum("ahw,bhw,hw->ab", parts, parts, weight)
    return tensor
