"""Define the common interface of readers of compressed and uncompressed frames."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from numpy.typing import NDArray

from napari_motionseg.io.dicom_header import Header
from napari_motionseg.io.pixel_format import PixelFormat

Pixels = NDArray[Any]


class StoredFrames(ABC):
    """Read frames of the pixel data of one file as they are stored.

    Parameters
    ----------
    header
        Header of the file.
    form
        Format of the stored pixels.

    Attributes
    ----------
    count : int
        Number of complete frames in the file.
    warnings : list of str
        Sentences about contradictions between header and pixel data.
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
            Stored values, ``(H, W)`` or ``(H, W, 3)`` integers.
        colours
            Colour space ``"YBR"`` or ``"RGB"`` of three samples; meaningless for one.

        Raises
        ------
        ValueError
            If the frame is damaged, cut short, or contradicts the header.
        RuntimeError
            If a decoder reports an error.
        """
