"""Read and write PNG of several 16-bit channels, which Pillow reduces to 8 bits.

The codec is libpng from imagecodecs. This module adds the checks that a library cannot
make: the kind of PNG, its largest size, and the mark of this program.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_motionseg.errors import MemoryBudgetError, ReadError, WriteError
from napari_motionseg.io.atomic import replacing
from napari_motionseg.io.damage import damage_named
from napari_motionseg.io.program_marks import png_mark_chunk
from napari_motionseg.io.regular_files import open_regular

Pixels = NDArray[np.uint16]
SIGNATURE = b"\x89PNG\r\n\x1a\n"
_HEADER = struct.Struct(">IIBBBBB")  # fields of IHDR (PNG specification 11.2.1)
_LENGTH = struct.Struct(">I")
_HEADER_END = len(SIGNATURE) + 4 + 4 + _HEADER.size + 4  # length, name, check sum
DEPTH, TRUECOLOUR = 16, 2
SAMPLE_BYTES = 2
CHANNELS = {TRUECOLOUR: 3, 4: 2, 6: 4}  # of colour types (PNG specification 11.2.1)
LONGEST_SIDE = 2**31 - 1  # px, PNG specification 7.1


def write_png16(path: str | Path, pixels: Pixels) -> None:
    """Write a picture of three 16-bit channels.

    Parameters
    ----------
    path
        Path of the file; an existing file is replaced.
    pixels
        Picture ``(H, W, 3)`` uint16.

    Raises
    ------
    WriteError
        If the array is not such a picture, or the file cannot be written.
    """
    from imagecodecs import png_encode

    if pixels.ndim != 3 or pixels.shape[2] != 3 or pixels.dtype != np.uint16:
        raise WriteError(
            f"{path}: pixels must be (H, W, 3) uint16; got {pixels.shape} "
            f"{pixels.dtype}"
        )
    if 0 in pixels.shape:
        raise WriteError(
            f"{path}: pixels must have at least one row and column; got {pixels.shape}"
        )
    coded = bytes(png_encode(np.ascontiguousarray(pixels)))
    marked = coded[:_HEADER_END] + png_mark_chunk() + coded[_HEADER_END:]
    with replacing(path) as temporary:
        temporary.write_bytes(marked)


def read_png16(path: str | Path, *, memory_budget: int = 2**30) -> Pixels:
    """Read a picture of three 16-bit channels.

    Parameters
    ----------
    path
        Path of the file.
    memory_budget
        Number of bytes that the file and its pixels may each take.

    Returns
    -------
    ndarray
        Picture ``(H, W, 3)`` uint16.

    Raises
    ------
    ReadError
        If the file is damaged, cut short, or another kind of PNG.
    MemoryBudgetError
        If the file or its pixels are larger than the budget.
    """
    return _decoded(Path(path), memory_budget, {TRUECOLOUR: 3})


def read_deep_colours(path: str | Path, *, memory_budget: int = 2**30) -> Pixels:
    """Read a picture of two to four 16-bit channels, whatever they are.

    Parameters
    ----------
    path
        Path of a PNG file of gray and alpha, of RGB, or of RGB and alpha.
    memory_budget
        Number of bytes that the file and its pixels may each take.

    Returns
    -------
    ndarray
        Picture ``(H, W, S)`` uint16.

    Raises
    ------
    ReadError
        If the file is damaged, cut short, or another kind of PNG.
    MemoryBudgetError
        If the file or its pixels are larger than the budget.
    """
    return _decoded(Path(path), memory_budget, CHANNELS)


def _decoded(path: Path, memory_budget: int, kinds: Mapping[int, int]) -> Pixels:
    """Read a picture whose colour type is among `kinds`, with their channels."""
    from imagecodecs import png_decode

    with damage_named(path, "PNG"):
        with open_regular(path) as stream:
            data = stream.read(memory_budget + 1)
        if len(data) > memory_budget:
            raise MemoryBudgetError(
                f"{path}: is larger than the memory budget of {memory_budget} bytes"
            )
        if not data.startswith(SIGNATURE):
            raise ReadError(f"{path}: is not a PNG file")
        chunks = _critical_chunks(data, path)
        height, width, channels = _size(chunks, path, kinds)
        row = width * channels * SAMPLE_BYTES
        if height * row > memory_budget:
            raise MemoryBudgetError(
                f"{path}: {width} x {height} pixels need {height * row / 2**30:.3g} "
                f"GiB; the memory budget is {memory_budget / 2**30:.3g} GiB"
            )
        _require_length(chunks, height * (1 + row), path)
        pixels: Pixels = png_decode(SIGNATURE + b"".join(whole for _, whole in chunks))
    return pixels


def _critical_chunks(data: bytes, path: Path) -> list[tuple[bytes, bytes]]:
    """Return name and content of each critical chunk, up to the end chunk.

    Other chunks are left out. From those, libpng would take a transparent colour for a
    fourth channel, and print messages about damaged comments.
    """
    chunks, at = [], len(SIGNATURE)
    while at + 12 <= len(data):
        name, end = data[at + 4 : at + 8], at + 12 + _LENGTH.unpack_from(data, at)[0]
        if end > len(data):
            break
        if name[:1].isupper():  # critical chunks (5.4)
            chunks.append((name, data[at:end]))
        if name == b"IEND":
            return chunks
        at = end
    raise ReadError(f"{path}: the PNG is cut short")


def _size(
    chunks: list[tuple[bytes, bytes]], path: Path, kinds: Mapping[int, int]
) -> tuple[int, int, int]:
    """Return height, width and channels; raise an error for another kind of PNG."""
    name, first = chunks[0]
    if name != b"IHDR" or len(first) != 12 + _HEADER.size:
        raise ReadError(f"{path}: damaged PNG: does not begin with a header")
    width, height, depth, colour, _, _, interlace = _HEADER.unpack(first[8:-4])
    if not (0 < width <= LONGEST_SIDE and 0 < height <= LONGEST_SIDE):
        raise ReadError(f"{path}: damaged PNG: {width} x {height} pixels")
    if depth != DEPTH or colour not in kinds:
        raise ReadError(
            f"{path}: is a PNG of {depth} bits and colour type {colour}; it must have "
            f"three 16-bit channels (colour type {TRUECOLOUR})"
        )
    if interlace:  # imagecodecs does not combine the passes
        raise ReadError(
            f"{path}: is an interlaced PNG, which cannot be read; save it without "
            "interlacing"
        )
    return height, width, kinds[colour]


def _require_length(
    chunks: list[tuple[bytes, bytes]], expected: int, path: Path
) -> None:
    """Raise an error if the pixel data do not have the length that the header promises.

    libpng unpacks all data and drops the excess. Half a megabyte of well compressed
    zeros would keep it busy for twelve seconds.
    """
    packed = b"".join(whole[8:-4] for name, whole in chunks if name == b"IDAT")
    found = len(zlib.decompressobj().decompress(packed, expected + 1))
    if found != expected:
        had = "more" if found > expected else f"{found}"
        raise ReadError(f"{path}: damaged PNG: {expected} bytes expected, {had} found")
