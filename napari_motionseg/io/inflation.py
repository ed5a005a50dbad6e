"""Inflate deflated data step by step and within a memory bound."""

from __future__ import annotations

import io
import zlib
from typing import BinaryIO

CHUNK_BYTES = 2**16  # limits what is held beyond the wanted content
# Deflate can reach 1,032 : 1, far more than any loop. Small files do no harm at any
# ratio.
MOST_RATIO, HARMLESS_BYTES = 200, 2**26


class InflatedFile(io.RawIOBase):
    """A file-like view of deflated data, which are inflated as they are read.

    Parameters
    ----------
    file
        File that is open for reading in binary mode, at the first deflated byte.
    size
        Number of deflated bytes up to the end of the file.
    budget
        Largest number of bytes of memory to use.

    Raises
    ------
    ValueError
        Raised by `read` and `seek` if the data expand beyond the budget, or more than
        the data of any loop would.
    """

    def __init__(self, file: BinaryIO, size: int, budget: int) -> None:
        self._file = file
        # half the budget, because a reader of the pixels briefly holds a second copy
        self._limit = min(budget // 2, max(HARMLESS_BYTES, MOST_RATIO * size))
        self._stream = zlib.decompressobj(-zlib.MAX_WBITS)
        self._content = bytearray()
        self._position = 0
        self._ended = False

    def read(self, size: int | None = -1) -> bytes:
        """Return at most `size` bytes; all that remain if it is negative or None."""
        end = None if size is None or size < 0 else self._position + size
        self._inflate(end)
        found = bytes(self._content[self._position : end])
        self._position += len(found)
        return found

    def seek(self, offset: int, whence: int = 0) -> int:
        """Move to an offset, at most to the end of the data; return the position."""
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
        """Inflate up to an offset; None inflates everything."""
        while not self._ended and (end is None or len(self._content) < end):
            pending = self._stream.unconsumed_tail or self._file.read(CHUNK_BYTES)
            part = self._decompressed(pending)
            self._content += part
            self._ended = self._stream.eof or not (pending or part)
            if len(self._content) > self._limit:
                raise ValueError(
                    f"its deflated data expand to more than {self._limit / 2**20:.0f} "
                    "MiB, which is not plausible for a loop of this size"
                )

    def _decompressed(self, pending: bytes) -> bytes:
        """Return the next inflated bytes; data with a header of zlib are read too.

        DICOM deflates without a header (PS3.5 A.5), but some writers add that of zlib
        or gzip.
        """
        try:
            return self._stream.decompress(pending, CHUNK_BYTES)
        except zlib.error:
            if self._content:
                raise
            self._stream = zlib.decompressobj(zlib.MAX_WBITS | 32)  # either header
            return self._stream.decompress(pending, CHUNK_BYTES)
