"""Draw masks into the frames of a loop, for a movie."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from napari_motionseg.cine import Cine
from napari_motionseg.report.pictures import as_gray

RGB = tuple[int, int, int]
RESULT_RGB: RGB = (255, 176, 0)
ZOOM = 2  # outlines of one pixel stay visible after video compression
FILLING = 0.45  # opacity of the tint of a filled mask


def overlay_frames(
    cine: Cine,
    masks: NDArray[Any],
    *,
    filled: bool = False,
    colors: Mapping[int, RGB] | None = None,
) -> NDArray[np.uint8]:
    """Return the frames of a loop with masks drawn in.

    Parameters
    ----------
    cine
        Loop with frames ``(T, H, W)``.
    masks
        Class numbers ``(T, H, W)``, 0 for background.
    filled
        Whether masks are filled with a tint; if not, only outlines are drawn.
    colors
        Colours by class number; other classes are amber.

    Returns
    -------
    NDArray
        Frames ``(T, 2 H, 2 W, 3)`` uint8, at twice the size.
    """
    return np.stack(list(each_overlay(cine, masks, filled=filled, colors=colors)))


def each_overlay(
    cine: Cine,
    masks: NDArray[Any],
    *,
    filled: bool = False,
    colors: Mapping[int, RGB] | None = None,
    zoom: int = ZOOM,
) -> Iterator[NDArray[np.uint8]]:
    """Yield the frames of `overlay_frames` one by one, enlarged `zoom` times."""
    for gray, mask in zip(as_gray(cine), masks, strict=True):
        yield _drawn(gray, np.asarray(mask), filled, colors or {}, zoom)


def _drawn(
    gray: NDArray[np.uint8],
    mask: NDArray[Any],
    filled: bool,
    colors: Mapping[int, RGB],
    zoom: int,
) -> NDArray[np.uint8]:
    from skimage.segmentation import find_boundaries

    size = (gray.shape[1] * zoom, gray.shape[0] * zoom)
    large = np.asarray(Image.fromarray(gray).resize(size, Image.Resampling.BICUBIC))
    picture = np.repeat(large[..., None], 3, axis=2)
    for label in np.unique(mask[mask != 0]):
        inside = np.kron(mask == label, np.ones((zoom, zoom), np.uint8)) > 0
        color = np.asarray(colors.get(int(label), RESULT_RGB), np.float32)
        if filled:
            tinted = (1 - FILLING) * picture[inside] + FILLING * color
            picture[inside] = np.round(tinted)
        picture[find_boundaries(inside, mode="outer")] = color
    return picture
