"""Write pictures as PNG with the mark of this program."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from napari_motionseg.io.program_marks import MARK


def save_png(path: Path, pixels: NDArray[Any]) -> None:
    """Write a picture to a temporary path; see `atomic.replacing`.

    Parameters
    ----------
    path
        Path of the file to write.
    pixels
        Gray ``(H, W)`` uint8 or uint16, or colours ``(H, W, 3)`` uint8.

    Raises
    ------
    OSError
        If the file cannot be written.
    """
    described = PngInfo()
    described.add_text("Software", MARK)
    image = Image.fromarray(np.ascontiguousarray(pixels))
    image.save(path, format="PNG", pnginfo=described)
