"""Define what readers of stored frames share, compressed or not."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from numpy.typing import NDArray

from napari_motionseg.io.dicom_header import Header
from napari_motionseg.io.pixel_format import PixelFormat

Pixels = NDArray[Any]


class StoredFrames(ABC):
    """Read the frames of one file's pixel data as they are stored.

    Parameters
    ----------
    header
        Header of the file.
    form
        How its pixels are stored.

    Attributes
    ----------
    count : int
        Number of whole frames that the file holds.
    warnings : list of str
        What in the header contradicts the pixel data, a sentence each.
    """

    count: int

    def __init__(self, header: Header, form: PixelFormat) -> None:
        self._header, self._form = header, form
        self.warnings: list[str] = []

    @abstractmethod
    def __call__(self, t: int) -> tuple[Pixels, str]:
        """Return the stored values of frame `t` and its colour space.

        Parameters
        ----------
        t
            Index of the frame, counted from 0.

        Returns
        -------
        values
            ``(H, W)`` or ``(H, W, 3)`` integers.
        colours
            ``"YBR"`` or ``"RGB"``; it says something where there are three samples.

        Raises
        ------
        ValueError
            If the frame is damaged, cut short, or contradicts the header.
        RuntimeError
            If a decoder refuses the frame.
        """
