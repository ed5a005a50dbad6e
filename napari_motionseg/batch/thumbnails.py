"""Draw a small picture of a loop for the index of a batch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from napari_motionseg.cine import Cine
from napari_motionseg.io.png_files import save_png

THUMBNAIL = "_thumbnail.png"  # end of the name of a result
SIDE = 192  # longer side in px
COLOR = (255, 90, 54)  # of vessels, as in the window
OPACITY = 0.6


def write_thumbnail(
    path: Path, cine: Cine, t: int, marked: NDArray[Any] | None = None
) -> None:
    """Write a small picture of a frame, with its vessels in colour.

    Parameters
    ----------
    path
        PNG file to write.
    cine
        The loop.
    t
        Index of the frame.
    marked
        Mask ``(H, W)`` of what is shown in colour; None for nothing.
    """
    save_png(path, thumbnail(np.asarray(cine.normalized(t)), marked))


def thumbnail(
    frame: NDArray[np.floating], marked: NDArray[Any] | None = None
) -> NDArray[np.uint8]:
    """Return a small picture ``(h, w, 3)`` of a frame, with what is marked in colour.

    Parameters
    ----------
    frame
        Gray values ``(H, W)`` in [0, 1].
    marked
        Mask ``(H, W)``; None for nothing.
    """
    gray = _smaller(frame.astype(np.float32))
    picture = np.repeat(gray[..., None], 3, axis=2)
    if marked is not None:
        share = _smaller((np.asarray(marked) > 0).astype(np.float32))[..., None]
        color = np.array(COLOR, np.float32) / 255
        picture += OPACITY * share * (color - picture)
    rounded = np.clip(picture * 255 + 0.5, 0, 255)
    return np.asarray(rounded, np.uint8)


def _smaller(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the means over the pixels of a picture of at most `SIDE`."""
    rows, columns = values.shape
    factor = min(1.0, SIDE / max(rows, columns))
    size = (max(1, round(columns * factor)), max(1, round(rows * factor)))
    small = Image.fromarray(values).resize(size, Image.Resampling.BOX)
    return np.array(small, np.float32)
