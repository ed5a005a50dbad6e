"""Where a vessel really moves, by exhaustive search: no measured method is asked.

A patch around each place of the vessel's centreline is looked for in the second picture
at every whole displacement of up to 32 px. The vessel moves more than 2 px there if the
best place of all fits better than the best within 2 px, by a margin.
"""

from __future__ import annotations

import numpy as np
from cv2 import TM_CCOEFF_NORMED, matchTemplate
from scipy.ndimage import binary_dilation, distance_transform_edt
from skimage.morphology import skeletonize

PATCH = 10  # px from the middle of a patch to its edge: a vessel and its borders
REACH = 32
FAST = 2
MARGIN = 0.1  # of correlation
GRID = 5  # px: one place of the centreline in each cell


def moving_vessels(
    first: np.ndarray, second: np.ndarray, mask: np.ndarray, dilated: int
) -> np.ndarray:
    """Return ``(H, W)`` bool: pixels of the dilated mask where the vessel moves fast.

    Parameters
    ----------
    first, second
        ``(H, W)``, flat-fielded.
    mask
        ``(H, W)`` bool, vessels of the first picture.
    dilated
        By how many px the mask is widened.
    """
    places = centreline_places(mask)
    moving = np.zeros(mask.shape, bool)
    fast = np.array([moves_fast(first, second, *place) for place in places], bool)
    known = np.ones(mask.shape, bool)
    known[tuple(places.T)] = False
    moving[tuple(places[fast].T)] = True
    nearest = distance_transform_edt(known, return_distances=False, return_indices=True)
    return moving[tuple(nearest)] & binary_dilation(mask, iterations=dilated)


def centreline_places(mask: np.ndarray) -> np.ndarray:
    """Return ``(N, 2)`` rows and columns on the centreline, one a cell of 5 px."""
    places = np.argwhere(skeletonize(mask))
    _, chosen = np.unique(places // GRID, axis=0, return_index=True)
    return places[chosen]


def moves_fast(first: np.ndarray, second: np.ndarray, row: int, column: int) -> bool:
    """Say whether no displacement of up to 2 px explains the patch at this place."""
    span = PATCH + REACH
    patch = np.pad(first, PATCH, mode="reflect")[
        row : row + 2 * PATCH + 1, column : column + 2 * PATCH + 1
    ]
    around = np.pad(second, span, mode="reflect")[
        row : row + 2 * span + 1, column : column + 2 * span + 1
    ]
    likeness = matchTemplate(
        around.astype(np.float32), patch.astype(np.float32), TM_CCOEFF_NORMED
    )
    offset = np.arange(-REACH, REACH + 1)
    slow = np.hypot(offset[:, None], offset) <= FAST
    return bool(likeness.max() - likeness[slow].max() > MARGIN)
