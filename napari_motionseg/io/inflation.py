"""Read deflated data, no more of it than asked for and within a bound."""

from __future__ import annotations

import io
import zlib
from typing import BinaryIO

CHUNK_BYTES = 2**16
# Deflate reaches 1,032 : 1. No loop comes near it, and small files do no harm.
MOST_RATIO, HARMLESS_BYTES = 200, 2**26


class InflatedFile(io.RawIOBase):
    """A file-like view of deflated data that is inflated when it is read.

    Parameters
    ----------
    file
        Open for reading in binary mode, at the first deflated byte.
    size
        Deflated bytes up to the end of the file.
    budget
        Most bytes of memory that may be taken.

    Raises
    ------
    ValueError
        From `read` and `seek`, if the data expand beyond the budget, or more than any
        image does.
    """

    def __init__(self, file: BinaryIO, size: int, budget: int) -> None:
        self._file = file
        # half, because who reads the pixels holds a copy of them for a moment
        self._limit = min(budget // 2, max(HARMLESS_BYTES, MOST_RATIO * size))
        self._stream = zlib.decompressobj(-zlib.MAX_WBITS)
        self._content = bytearray()
        self._position = 0
        self._ended = False

    def read(self, size: int | None = -1) -> bytes:
        """Return at most `size` bytes, all that are left if it is negative or None."""
        end = None if size is None or size < 0 else self._position + size
        self._inflate(end)
        found = bytes(self._content[self._position : end])
        self._position += len(found)
        return found

    def seek(self, offset: int, whence: int = 0) -> int:
        """Move to an offset, which is cut to what is there, and return it."""
        if whence == io.SEEK_END:
            self._inflate(None)
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position}.get(
            whence, len(self._content)
        )
        self._inflate(base + offset)
        self._position = max(0, min(base + offset, len(self._content)))
        return self._position

    def tell(self) -> int:
        """Return the offset of the next byte."""
        return self._position

    def _inflate(self, end: int | None) -> None:
        """Inflate up to an offset, or everything."""
        while not self._ended and (end is None or len(self._content) < end):
            pending = self._stream.unconsumed_tail or self._file.read(CHUNK_BYTES)
            part = self._stream.decompress(pending, CHUNK_BYTES)
            self._content += part
            self._ended = self._stream.eof or not (pending or part)
            if len(self._content) > self._limit:
                raise ValueError(
                    f"its deflated data expand to more than {self._limit / 2**20:.0f} "
                    "MiB, which no loop of this size does"
                )
