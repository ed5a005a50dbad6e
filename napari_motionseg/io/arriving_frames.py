"""Look into a DICOM file that is still arriving: how many frames are whole."""

from __future__ import annotations

import time
import warnings
from pathlib import Path
from typing import Any, NamedTuple

from numpy.typing import NDArray

from napari_motionseg.errors import MotionSegError
from napari_motionseg.io.damage import DAMAGE, pydicom_quiet
from napari_motionseg.io.dicom_header import read_header
from napari_motionseg.io.dicom_pixels import PixelSource
from napari_motionseg.io.memory_budget import default_budget
from napari_motionseg.io.pixel_format import pixel_format

EVERY_S = 0.25  # from one look to the next


class Arrived(NamedTuple):
    """Frames of a loop that have arrived.

    Parameters
    ----------
    frames
        Number of whole frames.
    newest
        The last of them as gray values ``(H, W)``; None if it cannot be decoded.
    """

    frames: int
    newest: NDArray[Any] | None


class ArrivingFrames:
    """Frames of a file that grows.

    Parameters
    ----------
    path
        Path of the file.
    every_s
        Seconds in which the file is looked at once at most.
    """

    def __init__(self, path: Path, every_s: float = EVERY_S) -> None:
        self._path, self._every_s = path, every_s
        self._looked = time.monotonic()

    def look(self) -> Arrived | None:
        """Return what has arrived; None if it is too early to look, or to tell."""
        now = time.monotonic()
        if now - self._looked < self._every_s:
            return None
        self._looked = now
        return arrived_frames(self._path)


def arrived_frames(path: Path) -> Arrived | None:
    """Return the whole frames of a file that may be incomplete; None if it has none.

    Parameters
    ----------
    path
        Path of the file.
    """
    try:
        with pydicom_quiet(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that frames are missing
            header = read_header(path, default_budget())
            source = PixelSource(header, pixel_format(header))
            return Arrived(source.count, _decoded(source, source.count - 1))
    except (MotionSegError, *DAMAGE):
        return None


def _decoded(source: PixelSource, t: int) -> NDArray[Any] | None:
    try:
        return source(t)
    except MotionSegError:
        return None
