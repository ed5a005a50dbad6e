"""Hatching: the pattern of pixels of which nothing is known.

Black would say "no motion" or "dark", and a plain colour could be taken for a label. A
hatch is neither, on a dark and on a light background.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

PERIOD_PX = 8  # distance of two stripes along a row
DARK, LIGHT = "#15181d", "#f4f4f2"  # grays: no class of a labels layer has one
NOTHING, DARK_STRIPE, LIGHT_STRIPE = 0, 1, 2
FAINT_INK = 150  # gray value of a hatch that is multiplied with the picture below it


def stripes(size: tuple[int, int]) -> NDArray[np.bool_]:
    """Return diagonal stripes ``(H, W)``, which take half of the pixels.

    Parameters
    ----------
    size
        Rows and columns.
    """
    rows, columns = np.ogrid[: size[0], : size[1]]
    pattern: NDArray[np.bool_] = (rows + columns) % PERIOD_PX < PERIOD_PX // 2
    return pattern


def hatch_labels(unknown: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Return labels ``(H, W)``: two kinds of stripes where a pixel is unknown, else 0.

    Parameters
    ----------
    unknown
        ``(H, W)``, True where a pixel is hatched.
    """
    labels = np.where(stripes(unknown.shape), DARK_STRIPE, LIGHT_STRIPE)
    return np.where(unknown, labels, NOTHING).astype(np.uint8)


def hatch_picture(unknown: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Return the hatch as a picture ``(H, W, 4)``, transparent elsewhere.

    Parameters
    ----------
    unknown
        ``(H, W)``, True where a pixel is hatched.
    """
    inks = [(0, 0, 0, 0), (*_rgb(DARK), 255), (*_rgb(LIGHT), 255)]
    return np.asarray(inks, np.uint8)[hatch_labels(unknown)]


def _rgb(ink: str) -> tuple[int, ...]:
    return tuple(bytes.fromhex(ink[1:]))
