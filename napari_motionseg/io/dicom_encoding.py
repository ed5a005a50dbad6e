"""Find out how a DICOM data set is encoded, and refuse hostile structure.

The transfer syntax of a file may be missing or wrong, so the encoding is read from the
bytes themselves. pydicom then parses the data set. Because pydicom follows sequences to
any depth and any number of items, the structure is walked once before, without reading
values.
"""

from __future__ import annotations

import io
import struct
from bisect import bisect_left
from dataclasses import dataclass
from typing import BinaryIO

from pydicom.datadict import dictionary_has_tag

from napari_motionseg.io.strange_elements import (
    KNOWN_VRS,
    LONG_LENGTHS,
    strange_extent,
)

ITEM, ITEM_END, SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
PIXEL_DATA, FLOAT_PIXELS, DOUBLE_PIXELS = 0x7FE00010, 0x7FE00008, 0x7FE00009
PIXELS = (PIXEL_DATA, FLOAT_PIXELS, DOUBLE_PIXELS)
UNDEFINED = 0xFFFFFFFF  # undefined length, PS3.5 7.1
# deeper and longer than any loop; pydicom needs up to 25 us for each element
MOST_DEPTH = 32
MOST_ELEMENTS = 200_000
# Sequences of known length are parsed only on access: the functional groups of 60,000
# frames have 780,000 elements.
MOST_DEFERRED = 1_000_000
MOST = (MOST_ELEMENTS, MOST_DEFERRED)


@dataclass(frozen=True)
class Encoding:
    """Encoding of the elements of a data set.

    Parameters
    ----------
    implicit
        Whether elements omit their value representation (implicit VR).
    big
        Whether numbers begin with their most significant byte (big endian).
    """

    implicit: bool
    big: bool = False

    def __str__(self) -> str:
        """Return the name of the encoding as the Standard writes it."""
        order = "big" if self.big else "little"
        return f"{'implicit' if self.implicit else 'explicit'} VR {order} endian"


@dataclass(frozen=True)
class PixelElement:
    """The element that holds a file's pixels.

    Parameters
    ----------
    tag
        Tag of the element: PixelData, FloatPixelData or DoubleFloatPixelData.
    element_at
        Offset of the element's tag in the file, in bytes.
    at
        Offset of the element's value in the file, in bytes.
    length
        Number of bytes of the value; -1 if undefined, as for encapsulated pixel data.
    words
        Whether the value consists of 16-bit words (OW).
    """

    tag: int
    element_at: int
    at: int
    length: int
    words: bool


class BoundedFile(io.RawIOBase):
    """Part of a file in which no read allocates more memory than the part has bytes.

    Parameters
    ----------
    file
        File that is open for reading in binary mode.
    end
        Offset in bytes at which the part ends.
    repairs
        Two bytes that replace those of the file, by offset.
    """

    def __init__(
        self, file: BinaryIO, end: int, repairs: dict[int, bytes] | None = None
    ) -> None:
        self._file, self._end, self._repairs = file, end, repairs or {}
        self._places = sorted(self._repairs)

    def read(self, size: int | None = -1) -> bytes:
        """Return at most `size` bytes; all that remain if it is negative or None."""
        start = self._file.tell()
        left = max(0, self._end - start)
        wanted = left if size is None or size < 0 else min(size, left)
        found = self._file.read(wanted)
        first = bisect_left(self._places, start)
        for at in self._places[first : bisect_left(self._places, start + len(found))]:
            place, repair = at - start, self._repairs[at]
            found = found[:place] + repair + found[place + len(repair) :]
        return found

    def seek(self, offset: int, whence: int = 0) -> int:
        """Move to an offset and return it."""
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        """Return the offset of the next byte."""
        return self._file.tell()


def peek_encoding(head: bytes) -> Encoding | None:
    """Return the encoding of a data set from its first element; None if it has none.

    Parameters
    ----------
    head
        The first bytes of the data set, at least 8.
    """
    if len(head) < 8:
        return None
    big = next((big for big in (False, True) if _is_first_tag(head, big)), None)
    if big is None:
        if head[0] % 2 == 0:
            return None
        big = False  # a private element, whose tag tells nothing
    if head[4:6] in KNOWN_VRS:
        return Encoding(implicit=False, big=big)
    if head[4:6].isalpha() and head[4:6].isupper():
        return None
    return Encoding(implicit=True, big=big)


def _is_first_tag(head: bytes, big: bool) -> bool:
    group, element = struct.unpack_from(">HH" if big else "<HH", head)
    if element == 0:  # group length
        return bool(group < 0x100 and group % 2 == 0)
    return bool(dictionary_has_tag(group << 16 | element))


def read_transfer_syntax(file: BinaryIO, start: int, end: int) -> tuple[str, int]:
    """Return the transfer syntax that group 2 names, and the offset after the group.

    Parameters
    ----------
    file
        File that is open for reading in binary mode.
    start
        Offset of the first element, in bytes.
    end
        Length of the file in bytes.

    Returns
    -------
    named
        The UID as written, without padding; empty if the group names none.
    position
        Offset of the first element after group 2, in bytes.

    Raises
    ------
    ValueError
        If an element of the group reaches past the end of the file.
    """
    named, position = "", start
    while position + 8 <= end:
        file.seek(position)
        head = file.read(12)
        # group 2 is explicit VR little endian in every file (PS3.10 7.1)
        group, element, vr, length = struct.unpack_from("<HH2sH", head)
        if group != 2:
            break
        position += 8
        if vr in LONG_LENGTHS and len(head) == 12:
            length = struct.unpack_from("<I", head, 8)[0]
            position += 4
        elif vr not in KNOWN_VRS:
            length = struct.unpack_from("<I", head, 4)[0]
        if position + length > end:
            raise ValueError(f"element (0002,{element:04x}) reaches past its end")
        if element == 0x0010:
            file.seek(position)
            named = file.read(min(length, 64)).decode("latin-1").strip("\0 ")
        position += length
    return named, position


def find_pixel_element(
    file: BinaryIO,
    start: int,
    end: int,
    encoding: Encoding,
    most: tuple[int, int] = MOST,
    repairs: dict[int, bytes] | None = None,
) -> PixelElement | None:
    """Walk a data set and return the element of its pixels; None if it has none.

    Parameters
    ----------
    file
        File that is open for reading in binary mode.
    start
        Offset of the first element, in bytes.
    end
        Offset at which the data set ends, in bytes.
    encoding
        Encoding of its elements.
    most
        Largest number of elements outside sequences of known length, and within them.
    repairs
        Is filled with value representations that stand for unknown ones, by their
        offset in the file.

    Raises
    ------
    ValueError
        If an element reaches past the end of its container, sequences are nested too
        deep, or there are too many elements.
    """
    walk = _Walk(file, encoding, end, most)
    try:
        return walk.run(start)
    finally:
        if repairs is not None:
            repairs.update(walk.repairs)


class _TooMuch(ValueError):
    """The structure exceeds a limit; a tolerant reader must not continue either."""


@dataclass
class _Container:
    """A data set, or a sequence of `items`, that ends at `end` or at a delimiter."""

    end: int
    items: bool
    encoding: Encoding
    sized: bool = True  # whether its length is known, so that it can be skipped


class _Walk:
    """One walk of `find_pixel_element`, with an explicit stack instead of recursion."""

    def __init__(
        self, file: BinaryIO, encoding: Encoding, end: int, most: tuple[int, int]
    ) -> None:
        self._file = file
        self._most_elements, self._most_deferred = most
        self._stack = [_Container(end, items=False, encoding=encoding)]
        self._elements = self._deferred = 0
        self.repairs: dict[int, bytes] = {}

    def run(self, position: int) -> PixelElement | None:
        """Walk from the offset of the first element; return the pixels' element."""
        while self._stack:
            inner = self._stack[-1]
            if position + 8 > inner.end:
                self._stack.pop()
                position = max(position, inner.end)
                continue
            self._count()
            try:
                if (found := self._element(position, inner)) is None:
                    return None
                tag, vr, length, value_at = found
                if len(self._stack) == 1 and tag in PIXELS:
                    known = -1 if length == UNDEFINED else length
                    words = vr in (b"OW", b"")
                    return PixelElement(tag, position, value_at, known, words)
                position = self._next(tag, vr, length, value_at)
            except _TooMuch:
                raise
            except (ValueError, struct.error):
                position = self._step_over()
        return None

    def _count(self) -> None:
        """Count an element, and raise an error if there are too many."""
        if any(container.sized for container in self._stack[1:]):
            self._deferred += 1
        else:
            self._elements += 1
        if self._elements > self._most_elements:
            raise _TooMuch(f"it has more than {self._most_elements} elements")
        if self._deferred > self._most_deferred:
            raise _TooMuch(f"it has more than {self._most_deferred} elements")

    def _step_over(self) -> int:
        """Skip a container that cannot be parsed if its length is known.

        Otherwise the error is raised again.
        """
        while len(self._stack) > 1:
            left = self._stack.pop()
            if left.sized:
                return left.end
        raise  # noqa: PLE0704 - called where an error is handled

    def _element(
        self, position: int, inner: _Container
    ) -> tuple[int, bytes, int, int] | None:
        """Return tag, value representation, length and offset of the value."""
        self._file.seek(position)
        head = self._file.read(12)
        if len(head) < 8:  # the end of deflated data, whose length is not known before
            return None
        order = ">" if inner.encoding.big else "<"
        group, element = struct.unpack_from(f"{order}HH", head)
        tag = group << 16 | element
        vr = head[4:6]
        explicit = group != 0xFFFE and not inner.encoding.implicit
        if explicit and vr not in KNOWN_VRS:
            extent = strange_extent(self._file, position, inner.end, order)
            if extent is not None:
                if extent.representation not in (b"", vr):
                    self.repairs[position + 4] = extent.representation
                return tag, extent.representation, extent.length, extent.value_at
        if not explicit or not vr.isalpha():
            length = struct.unpack_from(f"{order}I", head, 4)[0]
            return tag, b"", length, position + 8
        if vr in LONG_LENGTHS:
            if len(head) < 12:
                raise ValueError("its last element is cut off")
            length = struct.unpack_from(f"{order}I", head, 8)[0]
            return tag, vr, length, position + 12
        length = struct.unpack_from(f"{order}H", head, 6)[0]
        return tag, vr, length, position + 8

    def _next(self, tag: int, vr: bytes, length: int, at: int) -> int:
        """Enter a container, leave it, or skip a value; return the next offset."""
        inner = self._stack[-1]
        if tag in (ITEM_END, SEQUENCE_END):
            if len(self._stack) > 1:
                self._stack.pop()
            return at
        undefined = length == UNDEFINED
        end = inner.end if undefined else at + length
        if end > inner.end:
            raise ValueError(
                f"element ({tag >> 16:04x},{tag & 0xFFFF:04x}) claims {length} bytes, "
                f"{end - inner.end} more than there are"
            )
        if inner.items:
            if tag != ITEM:
                raise ValueError("a sequence holds something that is not an item")
            return self._enter(
                _Container(end, False, inner.encoding, not undefined), at
            )
        encoding = inner.encoding
        if vr == b"UN":  # PS3.5 6.2.2: implicit VR inside; pydicom decides by the bytes
            encoding = Encoding(implicit=not self._is_explicit(at, inner))
        elif vr == b"SQ" and not self._is_explicit(at, inner):
            encoding = Encoding(implicit=True, big=inner.encoding.big)
        # pydicom treats UN as its dictionary describes the tag, which is often a
        # sequence
        may_be_sequence = vr in (b"", b"UN")
        if (
            vr == b"SQ"
            or undefined
            or (may_be_sequence and self._is_item(at, length, encoding))
        ):
            return self._enter(_Container(end, True, encoding, not undefined), at)
        return end

    def _enter(self, container: _Container, at: int) -> int:
        if len(self._stack) >= 2 * MOST_DEPTH:
            raise _TooMuch(f"its sequences are nested deeper than {MOST_DEPTH}")
        self._stack.append(container)
        return at

    def _is_item(self, at: int, length: int, encoding: Encoding) -> bool:
        if length < 8:
            return False
        self._file.seek(at)
        head = self._file.read(8)
        order = ">" if encoding.big else "<"
        group, element, size = struct.unpack(f"{order}HHI", head)
        is_item = (group << 16 | element) == ITEM
        return is_item and bool(size == UNDEFINED or size + 8 <= length)

    def _is_explicit(self, at: int, inner: _Container) -> bool:
        """Return whether the first element of a sequence states its representation."""
        if inner.encoding.implicit:
            return False
        self._file.seek(at)
        head = self._file.read(16)
        return len(head) < 16 or head[12:14].isalpha() or head[8:10] == b"\xfe\xff"
