"""Find the connected part of a mask that the user has clicked."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

REACH = 3  # px by which a click may miss a part, because many are that thin


def island_at(
    mask: NDArray[np.integer], row: int, column: int, reach: int = REACH
) -> NDArray[np.bool_]:
    """Return the connected part of one class at a pixel, or next to it.

    Parameters
    ----------
    mask
        ``(H, W)`` classes, 0 = background.
    row, column
        Row and column of the clicked pixel, which may lie outside the mask.
    reach
        Distance in px by which the pixel may miss the part.

    Returns
    -------
    NDArray
        ``(H, W)``: the pixels of the part, connected by edges or corners; none where
        there is no class within reach.
    """
    mask = np.asarray(mask)
    seed = _nearest(mask, row, column, reach)
    if seed is None:
        return np.zeros(mask.shape, bool)
    parts, _ = ndimage.label(mask == mask[seed], structure=np.ones((3, 3)))
    return np.asarray(parts == parts[seed], bool)


def _nearest(
    mask: NDArray[np.integer], row: int, column: int, reach: int
) -> tuple[int, int] | None:
    """Return the nearest pixel of any class, or None if none is within reach."""
    top, left = max(row - reach, 0), max(column - reach, 0)
    rows, columns = np.nonzero(
        mask[top : max(row + reach + 1, 0), left : max(column + reach + 1, 0)]
    )
    if not len(rows):
        return None
    distances = np.hypot(rows + top - row, columns + left - column)
    best = int(distances.argmin())
    if distances[best] > reach:
        return None
    return int(rows[best] + top), int(columns[best] + left)
