"""Pixels of a DICOM file, one frame at a time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydicom.encaps import encapsulate
from pydicom.pixels.decoders.base import get_decoder
from pydicom.uid import UID, ExplicitVRBigEndian

from napari_motionseg.errors import (
    DamagedFrameError,
    MemoryBudgetError,
    MissingDecoderError,
    ReadError,
)
from napari_motionseg.io.damage import damage_named, frame_damage_named, pydicom_quiet
from napari_motionseg.io.dicom_header import Header
from napari_motionseg.io.encapsulation import Span, find_items, group_fragments
from napari_motionseg.io.jpeg_repair import with_sequential_scan

Frame = NDArray[Any]
LUMINANCE = (0.299, 0.587, 0.114)  # ITU-R BT.601, the weights of YBR_FULL
EXTENDED_JPEG = "1.2.840.10008.1.2.4.51"
MOST_BITS = 16


@dataclass(frozen=True)
class PixelFormat:
    """How the pixels of a file are stored.

    Parameters
    ----------
    frames
        Frames that the header promises.
    rows, columns, samples
        Of a frame.
    bits_allocated, bits_stored
        Of a sample.
    signed
        Whether stored values are two's complement.
    photometric
        PhotometricInterpretation.
    planar
        Whether colours are stored one after the other.
    """

    frames: int
    rows: int
    columns: int
    samples: int
    bits_allocated: int
    bits_stored: int
    signed: bool
    photometric: str
    planar: int

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the decoded gray values."""
        kind = "i" if self.signed else "u"
        return np.dtype(f"{kind}{self.bits_allocated // 8}")

    @property
    def frame_bytes(self) -> int:
        """Bytes of a frame that is not compressed."""
        return self.rows * self.columns * self.samples * self.bits_allocated // 8


def pixel_format(header: Header) -> PixelFormat:
    """Read and check the pixel module.

    Raises
    ------
    ReadError
        If a value is missing or none that a loop can have.
    """
    data, path = header.dataset, header.path

    def integer(keyword: str, default: int | None = None) -> int:
        """Return an element as an integer; absent or empty is `default`."""
        value = data.get(keyword)
        value = default if value in (None, "") else value
        if value is None:
            raise ReadError(f"{path}: lacks {keyword}, without which no pixel is known")
        return int(value)

    with damage_named(path, "pixel description"):
        allocated = integer("BitsAllocated")
        form = PixelFormat(
            frames=integer("NumberOfFrames", 1),
            rows=integer("Rows"),
            columns=integer("Columns"),
            samples=integer("SamplesPerPixel", 1),
            bits_allocated=allocated,
            bits_stored=integer("BitsStored", allocated),
            signed=integer("PixelRepresentation", 0) == 1,
            photometric=str(data.get("PhotometricInterpretation", "MONOCHROME2")),
            planar=integer("PlanarConfiguration", 0),
        )
    _check(form, path)
    return form


def _check(form: PixelFormat, path: Any) -> None:
    if min(form.frames, form.rows, form.columns) < 1:
        raise ReadError(
            f"{path}: promises {form.frames} frames of {form.rows} x {form.columns}"
        )
    if form.bits_allocated not in (8, MOST_BITS):
        raise ReadError(
            f"{path}: has {form.bits_allocated} bits allocated; 8 and 16 can be read"
        )
    if not 0 < form.bits_stored <= form.bits_allocated:
        raise ReadError(
            f"{path}: stores {form.bits_stored} of {form.bits_allocated} bits"
        )
    if form.samples not in (1, 3):
        raise ReadError(f"{path}: has {form.samples} samples a pixel; 1 or 3 can be")
    if form.photometric == "PALETTE COLOR":
        raise ReadError(f"{path}: has palette colours; gray, RGB and YBR can be read")


def check_budget(form: PixelFormat, budget: int, path: Any) -> None:
    """Refuse a loop whose frames would not fit, before anything is allocated.

    Raises
    ------
    MemoryBudgetError
        If all frames together need more than `budget` bytes.
    """
    needed = form.frames * form.rows * form.columns * form.bits_allocated // 8
    if needed > budget:
        raise MemoryBudgetError(
            f"{path}: promises {form.frames} frames of {form.rows} x {form.columns}, "
            f"{needed / 2**30:.3g} GiB; the memory budget is {budget / 2**30:.3g} GiB"
        )


class PixelSource:
    """Decodes frame after frame of one file.

    Parameters
    ----------
    header, form
        What the file says.

    Attributes
    ----------
    count : int
        Whole frames that the file holds, whatever its header says.

    Raises
    ------
    ReadError
        If no whole frame is there.
    MissingDecoderError
        If nothing installed decodes the transfer syntax.
    """

    def __init__(self, header: Header, form: PixelFormat) -> None:
        self._header, self._form = header, form
        self._fragments: list[list[Span]] = []
        if header.syntax.is_encapsulated:
            require_decoder(header)
            with damage_named(header.path, "pixel data"):
                self._fragments = _fragments(header, form)
            self.count = len(self._fragments)
        else:
            self.count = _whole_frames(header, form)
        if not self.count:
            raise MemoryBudgetError(
                f"{header.path}: promises {form.frames} frames of {form.rows} x "
                f"{form.columns}, but the file holds not one whole frame"
            )

    def __call__(self, t: int) -> Frame:
        """Return frame `t` as stored, ``(H, W)`` or ``(H, W, 3)``.

        Raises
        ------
        DamagedFrameError
            If the frame is damaged.
        """
        path = self._header.path
        with frame_damage_named(path, t), pydicom_quiet():
            frame = self._compressed(t) if self._fragments else self._plain(t)
        wanted = (self._form.rows, self._form.columns)
        if frame.shape[:2] != wanted:
            raise DamagedFrameError(
                f"{path}: frame {t} is {frame.shape[:2]}, not {wanted}", t
            )
        return frame

    def _plain(self, t: int) -> Frame:
        form, header = self._form, self._header
        start, size = t * form.frame_bytes, form.frame_bytes
        if header.inflated is not None:
            raw = header.inflated[start : start + size]
        else:
            with header.path.open("rb") as file:
                file.seek(header.pixels_at + start)
                raw = file.read(size)
        order: Literal["<", ">"] = "<"
        if header.syntax == ExplicitVRBigEndian:
            order = ">"
        if order == ">" and form.bits_allocated == 8 and header.words:
            # bytes were stored two by two as big-endian words (PS3.5 annex A.3)
            raw = np.frombuffer(raw + b"\0" * (size % 2), ">u2").astype("<u2").tobytes()
            raw = raw[:size]
        flat = np.frombuffer(raw, form.dtype.newbyteorder(order)).astype(form.dtype)
        if form.samples == 1:
            return _without_unused_bits(flat.reshape(form.rows, form.columns), form)
        if form.planar:
            return np.moveaxis(flat.reshape(3, form.rows, form.columns), 0, -1)
        return flat.reshape(form.rows, form.columns, 3)

    def _compressed(self, t: int) -> Frame:
        form, header = self._form, self._header
        with header.path.open("rb") as file:
            parts = []
            for offset, length in self._fragments[t]:
                file.seek(offset)
                parts.append(file.read(length))
        stream = b"".join(parts)
        if header.syntax == EXTENDED_JPEG:
            stream = with_sequential_scan(stream)
        described: dict[str, Any] = {
            "number_of_frames": 1,
            "rows": form.rows,
            "columns": form.columns,
            "samples_per_pixel": form.samples,
            "planar_configuration": form.planar,
            "bits_allocated": form.bits_allocated,
            "bits_stored": form.bits_stored,
            "pixel_representation": int(form.signed),
            "photometric_interpretation": form.photometric,
            "pixel_keyword": "PixelData",
        }
        one = encapsulate([stream], has_bot=False)
        decoded, _ = get_decoder(header.syntax).as_array(one, index=0, **described)
        return decoded


def _without_unused_bits(values: Frame, form: PixelFormat) -> Frame:
    """Clear what lies above the bits stored: overlays of old files hid there."""
    unused = form.bits_allocated - form.bits_stored
    if not unused:
        return values
    shifted: Frame = np.right_shift(np.left_shift(values, unused), unused)
    return shifted


def _whole_frames(header: Header, form: PixelFormat) -> int:
    if header.inflated is not None:
        held = len(header.inflated)
    else:
        held = header.path.stat().st_size - header.pixels_at
        held = min(held, header.pixels_length)
    return held // form.frame_bytes


def _fragments(header: Header, form: PixelFormat) -> list[list[Span]]:
    size = header.path.stat().st_size
    table = header.dataset.get("ExtendedOffsetTable") or b""
    extended = np.frombuffer(table[: len(table) // 8 * 8], "<u8").tolist()
    with header.path.open("rb") as file:
        items = find_items(file, header.pixels_at, size)
        return group_fragments(file, items, form.frames, extended)


def require_decoder(header: Header) -> None:
    """Check that something installed decodes a file's transfer syntax.

    Raises
    ------
    MissingDecoderError
        Naming the extra that brings a decoder.
    """
    syntax: UID = header.syntax
    try:
        available = get_decoder(syntax).is_available
    except NotImplementedError:
        available = False
    if available and syntax == EXTENDED_JPEG:
        available = _twelve_bits_can_be(header)
    if available:
        return
    if syntax == EXTENDED_JPEG:
        remedy = "pip install 'napari-motionseg[jpeg12]'"
    else:
        remedy = "install a pydicom plugin for it"
    raise MissingDecoderError(
        f"{header.path}: no decoder for {syntax.name} ({syntax}); {remedy}"
    )


def _twelve_bits_can_be(header: Header) -> bool:
    """Return whether 12-bit JPEG is decoded right: only pylibjpeg-libjpeg does."""
    if int(header.dataset.get("BitsStored", 8)) <= 8:
        return True
    from importlib.util import find_spec

    return find_spec("libjpeg") is not None


def gray_reader(
    source: Callable[[int], Frame], form: PixelFormat
) -> tuple[Callable[[int], Frame], list[str]]:
    """Return a reader of gray frames, dark where contrast is, and what it does.

    Colours become luminance; MONOCHROME1, where small values are bright, is turned
    round once and for all.
    """
    if form.samples == 3:
        note = f"colours ({form.photometric}) were read as luminance"
        return (lambda t: luminance(source(t), form.dtype)), [note]
    if form.photometric == "MONOCHROME1":
        low, high = stored_range(form)
        turned = low + high
        note = "MONOCHROME1: gray values were turned round, so that vessels are dark"
        dtype = form.dtype

        def turn_round(t: int) -> Frame:
            return (turned - source(t).astype(np.int64)).astype(dtype)

        return turn_round, [note]
    return source, []


def stored_range(form: PixelFormat) -> tuple[int, int]:
    """Return the least and greatest value that the bits stored can hold."""
    if form.signed:
        half = 2 ** (form.bits_stored - 1)
        return -half, half - 1
    return 0, 2**form.bits_stored - 1


def luminance(colours: Frame, dtype: np.dtype[Any]) -> Frame:
    """Return the luminance of ``(H, W, 3)`` red, green and blue, rounded to `dtype`."""
    gray: Frame = np.rint(colours @ np.asarray(LUMINANCE)).astype(dtype)
    return gray


def frame_count(source: PixelSource, form: PixelFormat) -> tuple[int, str | None]:
    """Return how many frames to trust, and a note if header and data disagree."""
    if source.count == form.frames:
        return form.frames, None
    if source.count < form.frames:
        missing = form.frames - source.count
        return source.count, (
            f"{missing} of {form.frames} frames are missing: the file ends too early"
        )
    extra = source.count - form.frames
    return form.frames, (
        f"the pixel data hold {extra} more frames than the {form.frames} of the header"
    )


def sizes_agree(forms: list[PixelFormat]) -> bool:
    """Return whether single frames can make up one loop."""
    return len({(f.rows, f.columns, f.dtype.str) for f in forms}) == 1
