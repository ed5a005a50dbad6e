"""Take the one object out of a multipart answer while it arrives (PS3.18 8.6.1.2)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from email.message import Message

MOST_HEADER_BYTES = 2**14  # of what stands before the object
MOST_BOUNDARY = 70  # characters, RFC 2046
BLANK_LINE, LINE = b"\r\n\r\n", b"\r\n"
OBJECT = "application/dicom"
MULTIPART = "multipart/related"


class MultipartError(ValueError):
    """An answer is not what its head says."""


class CutShortError(MultipartError):
    """An answer ends before the object does."""


def object_bytes(content_type: str, pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the bytes of the only object of an answer, as they come.

    Parameters
    ----------
    content_type
        Content type that the head of the answer gives.
    pieces
        Bytes of the answer, cut anywhere.

    Raises
    ------
    MultipartError
        If the answer is of another type, or has no object or several.
    CutShortError
        If it ends before the object does. What was yielded is to be thrown away.
    """
    head = Message()
    head["Content-Type"] = content_type
    kind = head.get_content_type() if content_type else ""
    if kind == OBJECT:  # some archives send a single object without its envelope
        yield from pieces
        return
    if kind != MULTIPART:
        raise MultipartError(f"it sends {kind or 'something unnamed'}, not DICOM")
    boundary = str(head.get_param("boundary") or "")
    if not 1 <= len(boundary) <= MOST_BOUNDARY or not boundary.isascii():
        raise MultipartError("the parts of its answer have no valid boundary")
    yield from _Parts(LINE + b"--" + boundary.encode(), pieces).only()


class _Parts:
    """The parts of an answer.

    Parameters
    ----------
    delimiter
        Bytes between two parts.
    pieces
        Bytes of the answer.
    """

    def __init__(self, delimiter: bytes, pieces: Iterable[bytes]) -> None:
        self._delimiter = delimiter
        self._pieces = iter(pieces)
        self._buffer = bytearray(LINE)  # the first delimiter may stand at the start

    def only(self) -> Iterator[bytes]:
        """Yield the content of the first part, and require that none follows."""
        self._skip_past(self._delimiter)
        self._require(2)
        if self._buffer.startswith(b"--"):
            raise MultipartError("its answer is empty")
        self._skip_past(BLANK_LINE)
        yield from self._content()
        self._require(2)
        if not self._buffer.startswith(b"--"):
            raise MultipartError("it sends several objects where one was asked for")

    def _content(self) -> Iterator[bytes]:
        kept = len(self._delimiter) - 1  # the delimiter may be cut anywhere
        while True:
            end = self._buffer.find(self._delimiter)
            if end >= 0:
                yield bytes(self._buffer[:end])
                del self._buffer[: end + len(self._delimiter)]
                return
            ready = len(self._buffer) - kept
            if ready > 0:
                yield bytes(self._buffer[:ready])
                del self._buffer[:ready]
            self._read()

    def _skip_past(self, words: bytes) -> None:
        while (end := self._buffer.find(words)) < 0:
            if len(self._buffer) > MOST_HEADER_BYTES:
                raise MultipartError("its answer does not begin with a DICOM object")
            self._read()
        del self._buffer[: end + len(words)]

    def _require(self, count: int) -> None:
        while len(self._buffer) < count:
            self._read()

    def _read(self) -> None:
        piece = next(self._pieces, None)
        if piece is None:
            raise CutShortError("its answer ends in the middle")
        self._buffer += piece
