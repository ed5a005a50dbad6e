"""When memory is short: a picture's flow from overlapping tiles of it."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.float32]
MULTIPLE = 64  # sides of tiles: what a network takes without padding
SMALLEST_TILE = 128  # below it a network has too little around a pixel
OVERLAP = 4  # a tile shares this part of its side with the next


def smaller_tile(side: int) -> int | None:
    """Return the next smaller side of a tile; None below the smallest that is of use.

    A tile takes about 0.4 of the memory of the one before.
    """
    if side <= SMALLEST_TILE:
        return None
    return max(SMALLEST_TILE, math.floor(side * 0.65 / MULTIPLE) * MULTIPLE)


def flow_by_tiles(
    first: Picture,
    second: Picture,
    side: int,
    between: Callable[[Picture, Picture], NDArray[np.float32]],
) -> NDArray[np.float32]:
    """Return the flow of two pictures from the flows of tiles, blended where they meet.

    Parameters
    ----------
    first, second
        ``(H, W)`` in [0, 1].
    side
        Of a tile, px.
    between
        Gives the flow ``(2, h, w)`` px of two tiles ``(h, w)``.

    Returns
    -------
    ndarray
        ``(2, H, W)`` float32, px. Motion that leads out of a tile is not seen.
    """
    total = np.zeros((2, *first.shape), np.float32)
    weights = np.zeros(first.shape, np.float32)
    for rows in _windows(first.shape[0], side):
        for columns in _windows(first.shape[1], side):
            place = (rows, columns)
            weight = np.outer(*(_ramp(window) for window in place))
            total[:, rows, columns] += weight * between(first[place], second[place])
            weights[place] += weight
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
    """Return weights that rise from either edge of a window to its middle."""
    length = window.stop - window.start
    inward = np.minimum(np.arange(length) + 1, length - np.arange(length))
    ramp: NDArray[np.float32] = (inward / (length / OVERLAP)).astype(np.float32)
    return np.minimum(ramp, np.float32(1))
