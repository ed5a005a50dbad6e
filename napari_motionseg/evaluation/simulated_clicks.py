"""Simulate the clicks of a person who corrects a mask until it is good.

The next click goes to the centre of the largest error, which is the usual robot user of
interactive segmentation (Xu et al., Deep Interactive Object Selection, CVPR 2016).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_motionseg.errors import SettingsError

Mask = NDArray[np.bool_]
NEIGHBOURS = np.ones((3, 3), bool)  # diagonal neighbours belong together as well


class NextClick(NamedTuple):
    """A click on an error.

    Parameters
    ----------
    row, column
        Pixel of the click.
    missing
        Whether the object is missing there; else something else was marked.
    """

    row: int
    column: int
    missing: bool


def next_click(found: Mask, truth: Mask) -> NextClick | None:
    """Return the click on the largest error, or None if there is no error.

    The largest error is the largest connected region of missing or of superfluous
    pixels; the click is at the pixel of the region that is farthest from its edge.

    Parameters
    ----------
    found, truth
        Masks ``(H, W)`` bool.

    Raises
    ------
    SettingsError
        If the masks differ in shape.
    """
    if found.shape != truth.shape or found.ndim != 2:
        raise SettingsError(
            f"found and truth must be (H, W) of one size; got {found.shape} and "
            f"{truth.shape}"
        )
    best: tuple[int, Mask, bool] | None = None
    for missing, error in ((True, truth & ~found), (False, found & ~truth)):
        parts: Any = ndimage.label(error, NEIGHBOURS)[0]
        sizes = np.bincount(parts.ravel())
        sizes[0] = 0
        largest = int(sizes.argmax())
        if sizes[largest] > (best[0] if best else 0):
            best = int(sizes[largest]), parts == largest, missing
    if best is None:
        return None
    return NextClick(*inmost_pixel(best[1]), best[2])


def inmost_pixel(region: Mask) -> tuple[int, int]:
    """Return the pixel of a region that is farthest from its edge.

    Of several such pixels, it is the one nearest to their mean.

    Parameters
    ----------
    region
        Mask ``(H, W)`` bool with at least one pixel.
    """
    # the border of the picture is an edge, too: nobody clicks on the last pixel
    depth: Any = ndimage.distance_transform_edt(np.pad(region, 1))
    depth = depth[1:-1, 1:-1]
    rows, columns = np.nonzero(depth >= depth.max() - 0.5)
    away = (rows - rows.mean()) ** 2 + (columns - columns.mean()) ** 2
    nearest = int(away.argmin())
    return int(rows[nearest]), int(columns[nearest])
