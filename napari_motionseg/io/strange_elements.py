"""Find the extent of elements whose value representation does not exist.

Some writers put ``??``, zeros or small letters in place of a value representation, or
one of their own. Its length is then written in one of three ways, of which the right
one is known by what follows: another element, whose tag is larger.
"""

from __future__ import annotations

import struct
from typing import BinaryIO, NamedTuple

from pydicom.datadict import dictionary_has_tag, dictionary_VR
from pydicom.valuerep import EXPLICIT_VR_LENGTH_32, VR

LONG_LENGTHS = frozenset(vr.value.encode() for vr in EXPLICIT_VR_LENGTH_32)
KNOWN_VRS = frozenset(vr.value.encode() for vr in VR if len(vr.value) == 2)
DELIMITERS = 0xFFFE  # group of items and of the ends of items and sequences


class Extent(NamedTuple):
    """Place and layout of the value of an element.

    Parameters
    ----------
    length
        Number of bytes of the value.
    value_at
        Offset of the value in the file, in bytes.
    representation
        Value representation of the same layout that a reader understands; empty if the
        element omits it (implicit VR).
    """

    length: int
    value_at: int
    representation: bytes


def strange_extent(
    file: BinaryIO, position: int, end: int, order: str
) -> Extent | None:
    """Return the extent of an element whose value representation is unknown.

    Parameters
    ----------
    file
        File that is open for reading in binary mode.
    position
        Offset of the element's tag, in bytes.
    end
        Offset of the end of the data set that contains it.
    order
        Byte order as in `struct`, ``"<"`` or ``">"``.

    Returns
    -------
    Extent or None
        None if no way of reading leads to another element or to the end.
    """
    file.seek(position)
    head = file.read(12)
    if len(head) < 12:
        return None
    group, element = struct.unpack_from(f"{order}HH", head)
    tag = group << 16 | element
    # pydicom reads two capital letters with a short length, whatever they are
    short = head[4:6] if head[4:6].isalpha() and head[4:6].isupper() else _short(tag)
    ways = (
        Extent(struct.unpack_from(f"{order}I", head, 4)[0], position + 8, b""),
        Extent(struct.unpack_from(f"{order}H", head, 6)[0], position + 8, short),
        Extent(struct.unpack_from(f"{order}I", head, 8)[0], position + 12, b"UN"),
    )
    for way in ways:
        after = way.value_at + way.length
        if after <= end and _continues(file, after, end, tag, order):
            return way
    return None


def _short(tag: int) -> bytes:
    """Return a value representation with a length of two bytes for a tag."""
    named = dictionary_VR(tag)[:2].encode() if dictionary_has_tag(tag) else b"LO"
    return b"LO" if named in LONG_LENGTHS else named


def _continues(file: BinaryIO, at: int, end: int, tag: int, order: str) -> bool:
    """Return whether the data set ends here, or goes on with a larger tag."""
    if at == end:
        return True
    file.seek(at)
    head = file.read(8)
    if len(head) < 8:
        return False
    group, element = struct.unpack_from(f"{order}HH", head)
    if group == DELIMITERS:
        return True
    return (group << 16 | element) > tag and head[4:6] in KNOWN_VRS
