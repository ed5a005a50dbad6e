"""Define the common interface of readers of compressed and uncompressed frames."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from numpy.typing import NDArray

from napari_motionseg.io.dicom_header import Header
from napari_motionseg.io.pixel_format import PixelFormat
from napari_motionseg.io.settled_format import Settled

Pixels = NDArray[Any]


class StoredFrames(ABC):
    """Read frames of the pixel data of one file as they are stored.

    Parameters
    ----------
    header
        Header of the file.
    form
        Format of the stored pixels according to the header.

    Attributes
    ----------
    count : int
        Number of complete frames in the file.
    cut_off : bool
        Whether the file ends before its pixel data do.
    warnings : list of str
        Sentences about contradictions between header and pixel data.
    """

    count: int
    cut_off: bool = False

    def __init__(self, header: Header, form: PixelFormat) -> None:
        self._header, self._form = header, form
        self.warnings: list[str] = []

    @property
    def form(self) -> PixelFormat:
        """Format of the stored pixels, corrected where the pixel data contradict it."""
        return self._form

    def _settle(self, settled: Settled) -> None:
        self._form = settled.form
        self.warnings += settled.warnings

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
