"""Describe how the pixels of a DICOM file are stored, and refuse impossible formats."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pydicom import Dataset

from napari_motionseg.errors import MemoryBudgetError, ReadError
from napari_motionseg.io.damage import damage_named
from napari_motionseg.io.dicom_header import Header
from napari_motionseg.io.palette_color import Palette, read_palette

MOST_BITS = 16  # most bits of a gray value
CONTAINERS = (1, 8, 16, 32)  # supported values of BitsAllocated


@dataclass(frozen=True)
class PixelFormat:
    """Storage format of the pixels of a file.

    Parameters
    ----------
    frames
        Number of frames that the header promises; 0 if it gives no valid number.
    rows, columns
        Size of a frame in pixels.
    samples
        Number of samples of a pixel: 1 for gray or palettes, 3 for colours.
    bits_allocated
        Number of bits that a stored sample occupies: 1, 8, 16 or 32.
    bits_stored
        Number of bits of a gray value.
    signed
        Whether gray values are signed (two's complement).
    photometric
        PhotometricInterpretation, such as ``"MONOCHROME2"``.
    planar
        1 if a frame stores one colour plane after the other, 0 if it stores pixel after
        pixel.
    high_bit
        Position of the most significant bit of a sample in its container.
    palette
        Luminance of each index of a PALETTE COLOR image, whose entries have
        `bits_stored` bits; None for other images.
    index_bits
        Number of bits of an index of the palette; 0 without a palette.
    index_signed
        Whether indices are signed (two's complement).
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
    high_bit: int
    palette: Palette | None = None
    index_bits: int = 0
    index_signed: bool = False

    @property
    def dtype(self) -> np.dtype[Any]:
        """Data type of the decoded gray values."""
        wide = self.bits_stored > 8 or (self.palette is None and self._is_wide)
        return np.dtype(f"{'i' if self.signed else 'u'}{2 if wide else 1}")

    @property
    def _is_wide(self) -> bool:
        return self.bits_allocated > 8

    @property
    def sample_bytes(self) -> int:
        """Number of bytes that a stored sample occupies."""
        return max(1, self.bits_allocated // 8)

    @property
    def low_bit(self) -> int:
        """Position of the least significant bit of a sample in its container."""
        return self.high_bit + 1 - (self.index_bits or self.bits_stored)

    @property
    def chroma_is_halved(self) -> bool:
        """Whether pairs of pixels share their colour in uncompressed frames."""
        return self.samples == 3 and self.photometric.endswith("_422")


def pixel_format(header: Header) -> PixelFormat:
    """Read and check the pixel module of a file.

    Parameters
    ----------
    header
        Header of the file, from `read_header`.

    Raises
    ------
    ReadError
        If a value is missing, or is not valid for a loop.
    """
    data, path = header.dataset, header.path
    with damage_named(path, "pixel description"):
        allocated = _integer(data, "BitsAllocated", path)
        # without BitsStored, the bits up to HighBit are taken, which follow from it
        high = _integer(data, "HighBit", path, allocated - 1)
        stored = _integer(data, "BitsStored", path, high + 1)
        photometric = _photometric(data)
        form = PixelFormat(
            frames=promised_frames(data),
            rows=_integer(data, "Rows", path),
            columns=_integer(data, "Columns", path),
            samples=_integer(data, "SamplesPerPixel", path, _samples(photometric)),
            bits_allocated=allocated,
            bits_stored=stored,
            signed=_integer(data, "PixelRepresentation", path, 0) == 1,
            photometric=photometric,
            planar=_integer(data, "PlanarConfiguration", path, 0),
            high_bit=_integer(data, "HighBit", path, stored - 1),
        )
        _check(form, path)
        if photometric == "PALETTE COLOR":
            return _with_palette(form, read_palette(data))
    return form


def promised_frames(data: Dataset) -> int:
    """Return NumberOfFrames; 0 if it is missing, not a number or not positive.

    Parameters
    ----------
    data
        Attributes of the file.
    """
    # the text is parsed here, because pydicom raises an error if it is not a number
    element = data.get_item("NumberOfFrames") if "NumberOfFrames" in data else None
    value = getattr(element, "value", None)
    text = value.decode("latin-1") if isinstance(value, bytes) else str(value)
    found = re.fullmatch(r"\s*\+?(\d{1,18})(\.0*)?[\s\0]*", text)
    return int(found[1]) if found else 0


def _integer(data: Dataset, keyword: str, path: Path, default: Any = None) -> int:
    value = data.get(keyword)
    value = default if value in (None, "") else value
    if value is None:
        raise ReadError(f"{path}: lacks {keyword}, which is needed to read the pixels")
    try:
        return int(value)
    except (TypeError, ValueError):
        raise ReadError(
            f"{path}: {keyword} holds {str(value)[:40]!r} and not one whole number; it "
            "is needed to read the pixels"
        ) from None


def _photometric(data: Dataset) -> str:
    found = str(data.get("PhotometricInterpretation") or "").strip().upper()
    if found:
        return found
    return "RGB" if data.get("SamplesPerPixel") == 3 else "MONOCHROME2"


def _samples(photometric: str) -> int:
    return 3 if photometric == "RGB" or photometric.startswith("YBR") else 1


def _check(form: PixelFormat, path: Path) -> None:
    if min(form.rows, form.columns) < 1:
        raise ReadError(
            f"{path}: rows and columns must be at least 1; the header says "
            f"{form.rows} x {form.columns}"
        )
    if form.samples not in (1, 3):
        raise ReadError(
            f"{path}: has {form.samples} samples per pixel (SamplesPerPixel); 1 or 3 "
            "can be read"
        )
    if form.photometric == "PALETTE COLOR" and form.samples != 1:
        raise ReadError(
            f"{path}: has palette colours and 3 samples per pixel (SamplesPerPixel); "
            "palette colours have 1"
        )
    _check_bits(form, path)


def _check_bits(form: PixelFormat, path: Path) -> None:
    allocated, stored, high = form.bits_allocated, form.bits_stored, form.high_bit
    if allocated not in CONTAINERS:
        raise ReadError(
            f"{path}: has {allocated} bits allocated (BitsAllocated); only 1, 8, 16 "
            "and 32 can be read"
        )
    if not 0 < stored <= allocated:
        raise ReadError(
            f"{path}: stores {stored} of {allocated} bits (BitsStored, BitsAllocated); "
            f"BitsStored must lie between 1 and {allocated}"
        )
    if stored > MOST_BITS:
        raise ReadError(
            f"{path}: stores {stored} bits per sample (BitsStored); gray values of a "
            f"loop have at most {MOST_BITS}"
        )
    if not stored - 1 <= high < allocated:
        raise ReadError(
            f"{path}: says that bit {high} is the highest of {stored} bits stored "
            f"in {allocated} (HighBit, BitsStored, BitsAllocated), which is impossible"
        )


def _with_palette(form: PixelFormat, palette: Palette) -> PixelFormat:
    from dataclasses import replace

    return replace(
        form,
        palette=palette,
        bits_stored=palette.bits,
        signed=False,
        index_bits=form.bits_stored,
        index_signed=form.signed,
    )


def check_budget(form: PixelFormat, frames: int, budget: int, path: Path) -> None:
    """Raise an error if the decoded frames of a loop would exceed the memory budget.

    Parameters
    ----------
    form
        Format of the stored pixels.
    frames
        Number of frames in the file.
    budget
        Number of bytes that all decoded frames together may take.
    path
        Path of the file, for the message.

    Raises
    ------
    MemoryBudgetError
        If all frames together need more than `budget` bytes.
    """
    needed = frames * form.rows * form.columns * form.dtype.itemsize
    if needed > budget:
        raise MemoryBudgetError(
            f"{path}: promises {frames} frames of {form.rows} x {form.columns}, "
            f"{needed / 2**30:.3g} GiB; the memory budget is {budget / 2**30:.3g} GiB"
        )


def stored_range(form: PixelFormat) -> tuple[int, int]:
    """Return the smallest and largest gray value that the stored bits can hold.

    Parameters
    ----------
    form
        Format of the stored pixels.
    """
    if form.signed:
        half = 2 ** (form.bits_stored - 1)
        return -half, half - 1
    return 0, 2**form.bits_stored - 1


def sizes_agree(forms: list[PixelFormat]) -> bool:
    """Return whether single frames are alike enough to form one loop.

    Parameters
    ----------
    forms
        Format of the stored pixels of each frame.
    """
    return len({(f.rows, f.columns, f.dtype.str) for f in forms}) == 1
