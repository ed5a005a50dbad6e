r"""Store changed pixels as records, one after another in a file that only grows.

A record is a rectangle of one frame of one layer, compressed, after a header with a
checksum. Pixels are absolute, so a record may be applied twice. A record that a crash
has cut or a disk has damaged fails its checksum; reading continues at the next header.

====== ======= ======================================================
offset type    what
====== ======= ======================================================
0      4 bytes ``b"\x89MSR"``
4      uint32  CRC-32 of all that follows
8      uint32  layer
12     uint32  frame
16     uint32  first row
20     uint32  first column
24     uint32  rows
28     uint32  columns
32     uint32  bytes of compressed pixels
36     bytes   pixels, row by row, little-endian, by zlib
====== ======= ======================================================
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_motionseg.io.durable import flush_folder

MAGIC = b"\x89MSR"
HEAD = struct.Struct("<4sI7I")
CHECKED_FROM = 8  # bytes of magic and checksum, before the checked part
WASTE = 16  # times the file size that may be checked in vain; more would take too long
SMALL = 4096  # bytes of a small record
LEVEL = 1  # fastest level of zlib; labels are mostly constant, so all levels pack well

Shape = tuple[int, int, int]


@dataclass(frozen=True, eq=False)
class Delta:
    """A rectangle of changed pixels.

    Parameters
    ----------
    layer
        Number of the layer in its project.
    frame, row, column
        Frame, and row and column of the first pixel, from 0.
    pixels
        New pixels, ``(h, w)`` integers.
    """

    layer: int
    frame: int
    row: int
    column: int
    pixels: NDArray[Any]


@dataclass(frozen=True)
class Record:
    """A rectangle as it is stored; see `Delta`."""

    layer: int
    frame: int
    row: int
    column: int
    rows: int
    columns: int
    payload: bytes

    @property
    def size(self) -> int:
        """Number of bytes in the file."""
        return HEAD.size + len(self.payload)

    def pixels(self, shape: Shape, dtype: np.dtype[Any]) -> NDArray[Any] | None:
        """Return the pixels ``(rows, columns)``; None if they do not fit the layer."""
        if (
            self.frame >= shape[0]
            or self.row + self.rows > shape[1]
            or self.column + self.columns > shape[2]
        ):
            return None
        wanted = self.rows * self.columns * dtype.itemsize
        try:
            # bound the output: a few bytes can inflate to gigabytes
            raw = zlib.decompressobj().decompress(self.payload, wanted + 1)
        except zlib.error:
            return None
        if len(raw) != wanted:
            return None
        stored = np.frombuffer(raw, dtype.newbyteorder("<"))
        return stored.reshape(self.rows, self.columns)


def encode(delta: Delta) -> bytes:
    """Return the record of a change."""
    pixels = np.ascontiguousarray(delta.pixels)
    little = pixels.astype(pixels.dtype.newbyteorder("<"), copy=False)
    payload = zlib.compress(little.tobytes(), LEVEL)
    place = delta.layer, delta.frame, delta.row, delta.column
    head = HEAD.pack(MAGIC, 0, *place, *pixels.shape, len(payload))
    checksum = zlib.crc32(payload, zlib.crc32(head[CHECKED_FROM:]))
    return head[:4] + struct.pack("<I", checksum) + head[CHECKED_FROM:] + payload


def parse(content: bytes) -> Iterator[Record]:
    """Yield the records with correct checksums, in order.

    Invalid bytes take time too: a header may promise gigabytes that then fail the
    checksum.
    After checking `WASTE` times the size of the content in vain, only small records are
    searched for, so that reading always ends.
    """
    place, left = content.find(MAGIC), WASTE * len(content)
    while place >= 0:
        record = _record_at(content, place, SMALL if left < 0 else len(content))
        if record is not None:
            yield record
        elif place + HEAD.size <= len(content):
            left -= min(HEAD.unpack_from(content, place)[-1], len(content) - place)
        place = content.find(MAGIC, place + (1 if record is None else record.size))


def _record_at(content: bytes, place: int, longest: int) -> Record | None:
    if place + HEAD.size > len(content):
        return None
    _, checksum, *numbers, length = HEAD.unpack_from(content, place)
    end = place + HEAD.size + length
    if end > len(content) or length > longest:
        return None
    if zlib.crc32(memoryview(content)[place + CHECKED_FROM : end]) != checksum:
        return None
    layer, frame, row, column, rows, columns = numbers
    payload = content[place + HEAD.size : end]
    return Record(layer, frame, row, column, rows, columns, payload)


def replay(
    records: Iterable[Record], shape: Shape, dtype: np.dtype[Any]
) -> tuple[NDArray[Any], int]:
    """Return the pixels of a layer after all its records were applied.

    Parameters
    ----------
    records
        Records of one layer, the oldest first.
    shape
        Shape ``(T, H, W)`` of the layer.
    dtype
        Data type of its pixels.

    Returns
    -------
    NDArray
        Pixels ``(T, H, W)``, 0 without a record.
    int
        Number of records that do not fit the layer and were left out.
    """
    pixels = np.zeros(shape, dtype)
    left_out = 0
    for record in records:
        changed = record.pixels(shape, dtype)
        if changed is None:
            left_out += 1
            continue
        rows = slice(record.row, record.row + record.rows)
        columns = slice(record.column, record.column + record.columns)
        pixels[record.frame, rows, columns] = changed
    return pixels, left_out


class Journal:
    """A file of records, created with the first record.

    Parameters
    ----------
    path
        Path of the file, which must not exist.

    Attributes
    ----------
    size
        Number of bytes of the records that are on the disk.
    torn
        Whether the file may contain parts of records whose writing failed and that
        could not be removed.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.size = 0
        self.torn = False
        self._made = False

    def append(self, deltas: Iterable[Delta]) -> int:
        """Append changes, and wait until they are on the disk.

        Parameters
        ----------
        deltas
            Changes to append. Without any, the file is created, and remains of failed
            writes are removed.

        Returns
        -------
        int
            Number of bytes written.

        Raises
        ------
        FileExistsError
            If the file exists and was not created by this journal.
        OSError
            If the disk reports an error. Written parts of these changes are removed, or
            `torn` is set.
        """
        content = b"".join(encode(delta) for delta in deltas)
        file = self._open()
        # stays True if writing fails, until the journal is written again
        self.torn = True
        try:
            try:
                self._write(file, content)
            except OSError:
                self._take_back(file)
                raise
        finally:
            os.close(file)  # a network drive may report an error here
        self.torn = False
        self.size += len(content)
        return len(content)

    def heal(self) -> None:
        """Remove the remains of failed writes from the file.

        Raises
        ------
        OSError
            If the disk reports an error again.
        """
        if self.torn:
            self.append(())

    def _open(self) -> int:
        flags = os.O_WRONLY | os.O_CREAT
        for name in ("O_BINARY", "O_NOFOLLOW", "O_NONBLOCK"):
            flags |= getattr(os, name, 0)
        if not self._made:
            flags |= os.O_EXCL
        file = os.open(self.path, flags, 0o666)
        if not self._made:
            self._made = True
            flush_folder(self.path.parent)
        return file

    def _write(self, file: int, content: bytes) -> None:
        # overwrite the remains of a failed write
        os.ftruncate(file, self.size)
        os.lseek(file, self.size, os.SEEK_SET)
        written = 0
        while written < len(content):
            written += os.write(file, content[written:])
        os.fsync(file)

    def _take_back(self, file: int) -> None:
        with suppress(OSError):
            os.ftruncate(file, self.size)
            os.fsync(file)
            self.torn = False
