"""Find the frames of encapsulated pixel data in a file (PS3.5 A.4).

The items are walked once, reading only their headers and first bytes, so a loop of any
length opens at once and a truncated file still gives its complete frames.
A table of offsets is used only if it rises and each entry points to the beginning of an
item. Tables of zeros, tables cut to 32 bits, tables longer than the loop, and offsets
counted from elsewhere are common; the frames are then found from the fragments.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Sequence
from typing import BinaryIO, NamedTuple

from napari_motionseg.io.codestreams import RLE_HEADER_BYTES, codestream_kind

ITEM, SEQUENCE_END = b"\xfe\xff\x00\xe0", b"\xfe\xff\xdd\xe0"
HEADER_BYTES = 8  # tag and length of an item, PS3.5 A.4
MOST_ITEMS = 1_000_000  # far more than in any loop; walking them takes seconds
# bytes read at once while the next item is searched for; it is usually near
LEAST_SEARCHED, MOST_SEARCHED = 2**12, 2**20
MOST_JOINED = 4  # short items that are looked at together to recognize a codestream
# the end of one codestream of JPEG or JPEG 2000 and the beginning of the next. Neither
# occurs in coded data, where 0xFF is followed by at most 0x8F (or by 0 in JPEG).
BOUNDARY = re.compile(rb"\xff\xd9\0*(?=\xff\xd8\xff|\xff\x4f\xff\x51)")


class Fragment(NamedTuple):
    """An item of encapsulated pixel data.

    Parameters
    ----------
    offset
        Offset of the item's value in the file, in bytes.
    length
        Number of bytes of the value.
    kind
        Kind of codestream that begins here, see `codestream_kind`; empty if none
        begins.
    """

    offset: int
    length: int
    kind: str


Frames = list[list[Fragment]]


class Items(NamedTuple):
    """The items of encapsulated pixel data.

    Parameters
    ----------
    offsets
        The basic offset table: offset of each frame from the tag of the first fragment.
    fragments
        The complete fragments.
    cut_off
        Whether the items end early, before their delimiter or inside an item.
    repaired
        Whether the length of an item was wrong, so that the next one was searched for.
    """

    offsets: tuple[int, ...]
    fragments: list[Fragment]
    cut_off: bool
    repaired: bool = False


def find_items(file: BinaryIO, start: int, end: int) -> Items:
    """Walk the items of encapsulated pixel data.

    Parameters
    ----------
    file
        File that is open for reading in binary mode.
    start
        Offset of the tag of the first item, in bytes.
    end
        Length of the file in bytes.

    Notes
    -----
    The first item is the table of offsets (PS3.5 A.4), which may be empty. Some writers
    omit it, so a first item that holds a codestream is taken as a fragment.

    Raises
    ------
    ValueError
        If there are more than a million items.
    """
    table: tuple[int, ...] | None = None
    fragments: list[Fragment] = []
    repaired = False
    while start + HEADER_BYTES <= end:
        file.seek(start)
        head = file.read(HEADER_BYTES + RLE_HEADER_BYTES)
        length = struct.unpack_from("<I", head, 4)[0]
        if head.startswith(SEQUENCE_END):
            return Items(table or (), fragments, False, repaired)
        if not head.startswith(ITEM):
            resumed = _resume(file, fragments, end)
            if resumed is None:
                break
            start, repaired = resumed, True
            continue
        start += HEADER_BYTES
        if start + length > end:
            following = _next_item(file, start, end)
            if following is None:
                break
            length, repaired = following - start, True
        kind = codestream_kind(_beginning(file, head, start, length, end))
        if table is None and not kind:
            file.seek(start)
            table = struct.unpack(f"<{length // 4}I", file.read(length // 4 * 4))
        else:
            table = table or ()
            fragments.append(Fragment(start, length, kind))
        if len(fragments) > MOST_ITEMS:
            raise ValueError(f"it has more than {MOST_ITEMS} fragments")
        start += length
    return Items(table or (), fragments, start != end, repaired)


def _resume(file: BinaryIO, fragments: list[Fragment], end: int) -> int | None:
    """Return the offset of the item after the last fragment, whose length is wrong.

    The last fragment is given its true length. None is returned if no item follows.
    """
    if not fragments:
        return None
    last = fragments[-1]
    following = _next_item(file, last.offset, end)
    if following is not None:
        fragments[-1] = last._replace(length=following - last.offset)
    return following


def _next_item(file: BinaryIO, start: int, end: int) -> int | None:
    """Return the offset of the next item, or of the end of the sequence."""
    size = LEAST_SEARCHED
    while start + HEADER_BYTES <= end:
        file.seek(start)
        block = file.read(min(size, end - start))
        size = min(2 * size, MOST_SEARCHED)
        for match in re.finditer(ITEM + b"|" + SEQUENCE_END, block):
            at = start + match.start()
            if match[0] == SEQUENCE_END or _is_item(file, at, end):
                return at
        start += max(1, len(block) - len(ITEM) + 1)
    return None


def _is_item(file: BinaryIO, at: int, end: int) -> bool:
    """Return whether the item at an offset is one.

    It ends where another item or the end is, or a codestream begins in it.
    """
    file.seek(at + len(ITEM))
    head = file.read(4 + RLE_HEADER_BYTES)
    after = at + HEADER_BYTES + int.from_bytes(head[:4], "little")
    if codestream_kind(head[4:]):
        return True
    if len(head) < 4 or after > end:
        return False
    file.seek(after)
    return after == end or file.read(len(ITEM)) in (ITEM, SEQUENCE_END)


def _beginning(file: BinaryIO, head: bytes, start: int, length: int, end: int) -> bytes:
    """Return the first bytes of an item's value, enough to recognize a codestream.

    The header of a codestream may be divided between short items.

    Parameters
    ----------
    file
        File that is open for reading in binary mode.
    head
        Header of the item, and the bytes that follow it.
    start, length
        Offset and number of bytes of the value.
    end
        Length of the file in bytes.
    """
    value = head[HEADER_BYTES : HEADER_BYTES + length]
    for _ in range(MOST_JOINED):
        start += length
        if not value or len(value) >= RLE_HEADER_BYTES or start + HEADER_BYTES > end:
            break
        file.seek(start)
        head = file.read(HEADER_BYTES + RLE_HEADER_BYTES)
        if not head.startswith(ITEM):
            break
        start += HEADER_BYTES
        length = struct.unpack_from("<I", head, 4)[0]
        value += head[HEADER_BYTES : HEADER_BYTES + length]
    return value[:RLE_HEADER_BYTES]


def divide_joined(file: BinaryIO, frames: Frames, promised: int) -> Frames:
    """Divide a fragment that holds the codestreams of all frames, one after the other.

    Parameters
    ----------
    file
        File that is open for reading in binary mode.
    frames
        Frames that `group_fragments` has returned.
    promised
        Number of frames that the header promises.

    Returns
    -------
    list of list of Fragment
        One part of the fragment for each frame if they are as many as promised; else
        `frames`.
    """
    if len(frames) != 1 or len(frames[0]) != 1 or promised < 2:
        return frames
    whole = frames[0][0]
    file.seek(whole.offset)
    value = file.read(whole.length)
    ends = [match.end() for match in BOUNDARY.finditer(value)]
    if len(ends) + 1 != promised:
        return frames
    edges = zip([0, *ends], [*ends, whole.length], strict=True)
    return [[Fragment(whole.offset + a, b - a, whole.kind)] for a, b in edges]


def group_fragments(
    items: Items, promised: int, extended: Sequence[int] = ()
) -> tuple[Frames, str | None]:
    """Group the fragments into frames, and note if a table of offsets is wrong.

    Parameters
    ----------
    items
        Items that `find_items` has returned.
    promised
        Number of frames that the header promises; 0 if it gives none.
    extended
        The extended offset table; empty if the file has none.

    Returns
    -------
    frames
        Fragments of each frame, in the order of the file.
    note
        A sentence if a table of offsets was not used; else None.

    Notes
    -----
    Three ways to group are tried: by the table, one fragment for each frame, and a new
    frame wherever a codestream begins. The first that gives the promised number of
    frames is used. If none does, the table is preferred to codestreams, and those to
    single fragments.
    """
    fragments = items.fragments
    if not fragments:
        return [], None
    tables = [offsets for offsets in (extended, items.offsets) if offsets]
    by_table = next(
        (found for offsets in tables if (found := _by_offsets(items, offsets))), None
    )
    by_content = _by_content(fragments)
    each = [[fragment] for fragment in fragments]
    if promised == 1 and by_content is None:
        each = [list(fragments)]
    if by_table and _is_contradicted(by_table, by_content, promised):
        by_table = None
    ways = [way for way in (by_table, each, by_content) if way]
    frames = next((way for way in ways if len(way) == promised), None)
    if frames is None:
        frames = by_table or by_content or each
    wrong = tables and not by_table
    note = "the table of offsets is wrong; frames were found by their fragments"
    return frames, note if wrong else None


def _by_offsets(items: Items, offsets: Sequence[int]) -> Frames | None:
    """Return the frames by a table of offsets; None if the table cannot be right."""
    places = {
        fragment.offset - HEADER_BYTES - (items.fragments[0].offset - HEADER_BYTES): at
        for at, fragment in enumerate(items.fragments)
    }
    last = items.fragments[-1]
    end = last.offset + last.length - items.fragments[0].offset + HEADER_BYTES
    begins: list[int] = []
    for offset in offsets:
        if offset >= end and begins:
            # the remaining frames are cut off, or the table is longer than the loop
            break
        begin = places.get(offset)
        if begin is None or begin <= (begins[-1] if begins else -1):
            return None
        begins.append(begin)
    if not begins or begins[0] != 0:
        return None
    ends = [*begins[1:], len(items.fragments)]
    return [items.fragments[a:b] for a, b in zip(begins, ends, strict=True)]


def _by_content(fragments: Sequence[Fragment]) -> Frames | None:
    """Begin a new frame wherever a codestream begins; None if none begins."""
    frames: Frames = []
    for fragment in fragments:
        if fragment.kind or not frames:
            frames.append([])
        frames[-1].append(fragment)
    return frames if any(fragment.kind for fragment in fragments) else None


def _is_contradicted(
    by_table: Frames, by_content: Frames | None, promised: int
) -> bool:
    """Return whether a table has frames that begin inside a codestream or hold several.

    A table that gives the promised number of frames, or more than there are
    codestreams, is trusted for frames that begin with damaged bytes.
    """
    if by_content is None or len(by_content) == len(by_table):
        return False
    several = any(sum(bool(part.kind) for part in frame) > 1 for frame in by_table)
    if several:
        return True
    return len(by_content) == promised != len(by_table)
