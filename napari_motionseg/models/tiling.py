"""Compute a picture's result from overlapping tiles if memory is short."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Tile = tuple[slice, slice]  # rows and columns
MULTIPLE = 64  # sides of tiles are multiples, which every network takes without padding
SMALLEST_TILE = 128  # px: a smaller tile shows too little around a pixel
OVERLAP = 4  # neighbouring tiles share a quarter of their side


def smaller_tile(side: int) -> int | None:
    """Return the side of the next smaller tile in pixels.

    Parameters
    ----------
    side
        Side of a tile, or longer side of a picture, that needs too much memory.

    Returns
    -------
    int or None
        A multiple of 64, which takes about 0.4 of the memory of the previous side. None
        if `side` is already the smallest useful one.
    """
    if side <= SMALLEST_TILE:
        return None
    return max(SMALLEST_TILE, math.floor(side * 0.65 / MULTIPLE) * MULTIPLE)


def blend_tiles(
    shape: tuple[int, ...],
    side: int,
    compute: Callable[[Tile], NDArray[np.float32]],
) -> NDArray[np.float32]:
    """Combine the results for overlapping tiles to the result for a picture.

    Parameters
    ----------
    shape
        Shape ``(..., H, W)`` of the result; H and W are rows and columns of the
        picture.
    side
        Side of a tile in pixels; a tile of a smaller picture has all its rows or
        columns.
    compute
        Function that gets the rows and columns of a tile and returns ``(..., h, w)``.

    Returns
    -------
    ndarray
        ``(..., H, W)`` float32. Overlapping tiles are averaged with weights that rise
        from the edges of a tile to its middle, so that no step is visible.
    """
    height, width = shape[-2:]
    total = np.zeros(shape, np.float32)
    weights = np.zeros((height, width), np.float32)
    for rows in _windows(height, side):
        for columns in _windows(width, side):
            tile = (rows, columns)
            weight = np.outer(*(_ramp(window) for window in tile))
            total[..., rows, columns] += weight * compute(tile)
            weights[tile] += weight
    total /= weights
    return total


def _windows(length: int, side: int) -> list[slice]:
    if length <= side:
        return [slice(0, length)]
    step = side - side // OVERLAP
    count = math.ceil((length - side) / step) + 1
    starts = np.linspace(0, length - side, count).round().astype(int)
    return [slice(int(start), int(start) + side) for start in starts]


def _ramp(window: slice) -> NDArray[np.float32]:
    """Return weights that rise from both edges of a window to its middle."""
    length = window.stop - window.start
    inward = np.minimum(np.arange(length) + 1, length - np.arange(length))
    ramp: NDArray[np.float32] = (inward / (length / OVERLAP)).astype(np.float32)
    return np.minimum(ramp, np.float32(1))
