"""PNG of three channels of 16 bits: Pillow would cut them down to 8.

Written from the PNG specification (W3C, third edition); clauses are cited. What is read
comes from anybody's programs, so all five filters are undone; interlaced files are not.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
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
_HEADER = struct.Struct(">IIBBBBB")  # 11.2.1
_LENGTH = struct.Struct(">I")
DEPTH, TRUECOLOUR = 16, 2
PIXEL_BYTES = 6
UP, LAST_FILTER = 2, 4  # 9.2
LONGEST_SIDE = 2**31 - 1  # 7.1


def write_png16(path: str | Path, pixels: Pixels) -> None:
    """Write a picture of three channels of 16 bits.

    Parameters
    ----------
    path
        The file; an older one is replaced.
    pixels
        ``(H, W, 3)`` uint16.

    Raises
    ------
    WriteError
        If it is no such picture, or the disk refuses.
    """
    if pixels.ndim != 3 or pixels.shape[2] != 3 or pixels.dtype != np.uint16:
        raise WriteError(
            f"{path}: pixels must be (H, W, 3) uint16; got {pixels.shape} "
            f"{pixels.dtype}"
        )
    if 0 in pixels.shape:
        raise WriteError(f"{path}: a PNG has at least one pixel; got {pixels.shape}")
    height, width = pixels.shape[:2]
    rows = np.ascontiguousarray(pixels, ">u2").view(np.uint8).reshape(height, -1)
    filtered = np.empty((height, 1 + rows.shape[1]), np.uint8)
    filtered[:, 0] = UP
    filtered[0, 1:] = rows[0]
    filtered[1:, 1:] = rows[1:] - rows[:-1]  # modulo 256, as the filter wants
    header = _HEADER.pack(width, height, DEPTH, TRUECOLOUR, 0, 0, 0)
    with replacing(path) as temporary:
        temporary.write_bytes(
            SIGNATURE
            + _chunk(b"IHDR", header)
            + png_mark_chunk()
            + _chunk(b"IDAT", zlib.compress(filtered.tobytes()))
            + _chunk(b"IEND", b"")
        )


def read_png16(path: str | Path, *, memory_budget: int = 2**30) -> Pixels:
    """Read a picture of three channels of 16 bits.

    Parameters
    ----------
    path
        The file.
    memory_budget
        Bytes that its pixels may take.

    Returns
    -------
    ndarray
        ``(H, W, 3)`` uint16.

    Raises
    ------
    ReadError
        If it is damaged, cut short, or another kind of PNG.
    MemoryBudgetError
        If it is larger than the budget.
    """
    path = Path(path)
    with damage_named(path, "PNG"):
        with open_regular(path) as stream:
            data = stream.read()
        if not data.startswith(SIGNATURE):
            raise ReadError(f"{path}: not a PNG file")
        chunks = _chunks(data, path)
        height, width = _size(next(chunks, (b"", b"")), path)
        needed = height * width * PIXEL_BYTES
        if needed > memory_budget:
            raise MemoryBudgetError(
                f"{path}: {width} x {height} pixels need {needed / 2**30:.3g} GiB; "
                f"the memory budget is {memory_budget / 2**30:.3g} GiB"
            )
        packed = b"".join(content for kind, content in chunks if kind == b"IDAT")
        filtered = _inflated(packed, height * (1 + width * PIXEL_BYTES), path)
        rows = filtered.reshape(height, 1 + width * PIXEL_BYTES)
        if rows[:, 0].max() > LAST_FILTER:
            raise ReadError(f"{path}: damaged PNG: filter {rows[:, 0].max()} of a row")
        plain = unfiltered(rows[:, 0], rows[:, 1:].reshape(height, width, PIXEL_BYTES))
    return plain.view(">u2").astype(np.uint16)


def unfiltered(
    filters: NDArray[np.uint8], coded: NDArray[np.uint8]
) -> NDArray[np.uint8]:
    """Undo the filters of the rows of a picture (clause 9).

    A byte needs those left of it, above, and above to the left. So all bytes of an
    antidiagonal can be had at once from the two antidiagonals before it.

    Parameters
    ----------
    filters
        ``(H,)``: 0 to 4.
    coded
        ``(H, W, B)``: B bytes a pixel.

    Returns
    -------
    ndarray
        As `coded`.
    """
    height, width, channels = coded.shape
    plain = np.zeros((height + 1, width + 1, channels), np.int16)  # zeros outside
    for diagonal in range(height + width - 1):
        row = np.arange(max(0, diagonal - width + 1), min(height, diagonal + 1))
        column = diagonal - row
        left, above = plain[row + 1, column], plain[row, column + 1]
        guess = _predicted(filters[row, None], left, above, plain[row, column])
        plain[row + 1, column + 1] = (coded[row, column] + guess) & 0xFF
    return plain[1:, 1:].astype(np.uint8)


def _predicted(
    filters: NDArray[np.uint8],
    left: NDArray[np.int16],
    above: NDArray[np.int16],
    corner: NDArray[np.int16],
) -> NDArray[np.int16]:
    slope = left + above - corner
    to_left, to_above = np.abs(slope - left), np.abs(slope - above)
    to_corner = np.abs(slope - corner)
    nearest = np.where(to_above <= to_corner, above, corner)
    paeth = np.where((to_left <= to_above) & (to_left <= to_corner), left, nearest)
    guesses = (np.zeros_like(left), left, above, (left + above) // 2, paeth)
    chosen: NDArray[np.int16] = np.choose(filters, guesses)
    return chosen


def _chunk(kind: bytes, content: bytes) -> bytes:
    checked = kind + content
    return (
        _LENGTH.pack(len(content)) + checked + _LENGTH.pack(zlib.crc32(checked))
    )  # 5.3


def _chunks(data: bytes, path: Path) -> Iterator[tuple[bytes, bytes]]:
    """Yield kind and content of each chunk up to the end that a whole file has."""
    at = len(SIGNATURE)
    while at + 12 <= len(data):
        (length,) = _LENGTH.unpack_from(data, at)
        checked, end = data[at + 4 : at + 8 + length], at + 12 + length
        if end > len(data):
            break
        if _LENGTH.unpack_from(data, end - 4)[0] != zlib.crc32(checked):
            raise ReadError(f"{path}: damaged PNG: the check sum of a chunk is wrong")
        if checked[:4] == b"IEND":
            return
        yield checked[:4], checked[4:]
        at = end
    raise ReadError(f"{path}: the PNG is cut short")


def _size(first: tuple[bytes, bytes], path: Path) -> tuple[int, int]:
    """Return rows and columns, or refuse another kind of PNG."""
    kind, content = first
    if kind != b"IHDR" or len(content) != _HEADER.size:
        raise ReadError(f"{path}: damaged PNG: it does not begin with a header")
    width, height, *rest = _HEADER.unpack(content)
    if not (0 < width <= LONGEST_SIDE and 0 < height <= LONGEST_SIDE):
        raise ReadError(f"{path}: damaged PNG: {width} x {height} pixels")
    depth, colour, compression, filtering, interlace = rest
    if (depth, colour) != (DEPTH, TRUECOLOUR):
        raise ReadError(
            f"{path}: is a PNG of {depth} bits and colour type {colour}; three "
            f"channels of 16 bits (colour type {TRUECOLOUR}) are needed"
        )
    if (compression, filtering, interlace) != (0, 0, 0):
        raise ReadError(f"{path}: interlaced PNG is not read; save it without")
    return height, width


def _inflated(packed: bytes, expected: int, path: Path) -> NDArray[np.uint8]:
    """Return the bytes of all rows; a stream that goes on for ever is not followed."""
    stream = zlib.decompressobj()
    data = stream.decompress(packed, expected + 1)
    if len(data) != expected:
        had = "more" if len(data) > expected else f"{len(data)}"
        raise ReadError(f"{path}: damaged PNG: {expected} bytes expected, {had} found")
    return np.frombuffer(data, np.uint8)
