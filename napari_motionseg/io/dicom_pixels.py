"""Decode the pixels of a DICOM file as gray values, one frame at a time."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_motionseg.errors import DamagedFrameError, MemoryBudgetError, ReadError
from napari_motionseg.io.compressed_pixels import CompressedFrames
from napari_motionseg.io.damage import damage_named, frame_damage_named
from napari_motionseg.io.dicom_header import Header
from napari_motionseg.io.encapsulation import ITEM, find_items
from napari_motionseg.io.gray_values import colour_warnings, gray_notes, to_gray
from napari_motionseg.io.native_pixels import NativeFrames
from napari_motionseg.io.pixel_format import PixelFormat
from napari_motionseg.io.stored_frames import StoredFrames

Frame = NDArray[Any]


class PixelSource:
    """Decode single frames of one file as gray values.

    Takes the same parameters as `StoredFrames`.

    Attributes
    ----------
    form : PixelFormat
        Format of the stored pixels, corrected where the pixel data contradict it.
    count : int
        Number of whole frames that the file holds, whatever its header promises.
    promised : int
        Frames that the header promises; 0 if it says nothing that can be true.
    frame_bits : int
        Bits of a frame that is not compressed.
    notes : list of str
        Sentences about what is done to the pixels.
    warnings : list of str
        Sentences about what was missing, superfluous or guessed.

    Raises
    ------
    ReadError
        If the format of the pixels cannot be determined.
    MemoryBudgetError
        If the file does not hold one complete frame.
    MissingDecoderError
        If no decoder can read the compression of the frames.
    """

    def __init__(self, header: Header, form: PixelFormat) -> None:
        self._path, self._form = header.path, form
        self._frames: StoredFrames
        with damage_named(header.path, "pixel data"):
            compressed, warning = _is_compressed(header, form)
            frames = CompressedFrames if compressed else NativeFrames
            self._frames = frames(header, form)
        self.form = form = self._form = self._frames.form
        self.count, self.promised = self._frames.count, form.frames
        self.frame_bits = form.rows * form.columns * form.samples * form.bits_allocated
        if not self.count:
            raise MemoryBudgetError(
                f"{header.path}: promises {form.frames or 1} frames of {form.rows} x "
                f"{form.columns}, but the file holds not one whole frame"
            )
        self.notes = gray_notes(form)
        self.warnings = [*header.warnings, *warning, *self._frames.warnings]
        self.warnings += colour_warnings(form)
        whole = not self._frames.cut_off
        self.warnings += _about_count(self.count, form.frames, whole)

    def __call__(self, t: int) -> Frame:
        """Return frame `t` as gray values, in which contrast agent is dark.

        Parameters
        ----------
        t
            Index of the frame, counted from 0.

        Returns
        -------
        gray
            ``(H, W)`` array of `form.dtype`.

        Raises
        ------
        DamagedFrameError
            If the frame is damaged.
        ReadError
            If the file is missing or may not be read.
        """
        form, wanted = self._form, (self._form.rows, self._form.columns)
        with frame_damage_named(self._path, t):
            frame = np.asarray(to_gray(*self._frames(t), form))
        if frame.shape != wanted:
            raise DamagedFrameError(
                f"{self._path}: frame {t} is {frame.shape}, not {wanted}", t
            )
        return frame


def _about_count(held: int, promised: int, whole: bool) -> list[str]:
    """Return a sentence if header and pixel data disagree on the frame count.

    Parameters
    ----------
    held, promised
        Numbers of frames in the pixel data, and according to the header.
    whole
        Whether the pixel data are as long as the file says.
    """
    if held == promised or (not promised and held == 1):
        return []
    if not promised:
        return [
            f"NumberOfFrames is missing or wrong; the pixel data hold {held} frames"
        ]
    if held < promised:
        why = "the pixel data hold no more" if whole else "the file ends too early"
        return [f"{promised - held} of {promised} frames are missing: {why}"]
    return [
        f"the pixel data hold {held - promised} more frames than the {promised} of the "
        "header; all of them are read"
    ]


def _is_compressed(header: Header, form: PixelFormat) -> tuple[bool, list[str]]:
    """Return whether pixel data are encapsulated, and a note if the syntax disagrees.

    Raises
    ------
    ReadError
        If the data have undefined length but do not consist of items.
    """
    syntax = header.syntax
    known = syntax.is_transfer_syntax and not syntax.is_private
    said = known and syntax.is_encapsulated
    with header.open_pixels() as file:
        file.seek(header.pixels_at)
        items = file.read(4) == ITEM
        if items and not said and header.pixels_length >= 0:
            items = (
                not _fits(header, form)
                and not find_items(
                    file, header.pixels_at, header.pixels_at + header.pixels_length
                ).cut_off
            )
    if header.pixels_length < 0 and said and not items:
        raise ReadError(
            f"{header.path}: its compressed pixel data do not begin with an item"
        )
    if items or not said:  # `CompressedFrames` finds out the compression
        return items, []
    name = syntax.name
    return False, [f"the pixel data are not compressed, though the file says {name}"]


def _fits(header: Header, form: PixelFormat) -> bool:
    """Return whether the length of the pixel data fits uncompressed frames."""
    frame = form.rows * form.columns * form.samples * form.bits_allocated / 8
    needed = frame * (form.frames or 1)
    return needed <= header.pixels_length <= needed + 1
