"""Find the frames of encapsulated pixel data in a file (PS3.5 A.4).

The items are walked once, by their headers and first bytes alone, so a loop of any
length opens at once and a file that ends too early gives the frames that are whole.

A table of offsets is believed only if it rises and each of its entries leads to the
beginning of an item. Tables of zeros, of offsets counted from somewhere else, cut to 32
bits or longer than the loop are common; then the fragments themselves are looked at.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import BinaryIO, NamedTuple

from napari_motionseg.io.codestreams import RLE_HEADER_BYTES, codestream_kind

ITEM, SEQUENCE_END = b"\xfe\xff\x00\xe0", b"\xfe\xff\xdd\xe0"
HEADER_BYTES = 8
MOST_ITEMS = 1_000_000  # far above any loop; walking them takes seconds


class Fragment(NamedTuple):
    """An item of encapsulated pixel data.

    Parameters
    ----------
    offset
        Offset of its value in the file, in bytes.
    length
        Length of its value in bytes.
    kind
        Kind of codestream that begins here, see `codestream_kind`; empty if none does.
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
        The basic offset table: offsets of frames from the first fragment's item tag.
    fragments
        The fragments that are whole.
    cut_off
        Whether the items end before the file does, or amid one of them.
    """

    offsets: tuple[int, ...]
    fragments: list[Fragment]
    cut_off: bool


def find_items(file: BinaryIO, start: int, end: int) -> Items:
    """Walk the items of encapsulated pixel data.

    Parameters
    ----------
    file
        Open for reading in binary mode.
    start
        Offset of the first item's tag.
    end
        Length of the file in bytes.

    Raises
    ------
    ValueError
        If there are more than a million items.
    """
    table: tuple[int, ...] | None = None
    fragments: list[Fragment] = []
    while start + HEADER_BYTES <= end:
        file.seek(start)
        head = file.read(HEADER_BYTES + RLE_HEADER_BYTES)
        length = struct.unpack_from("<I", head, 4)[0]
        if head.startswith(SEQUENCE_END):
            return Items(table or (), fragments, cut_off=False)
        start += HEADER_BYTES
        if not head.startswith(ITEM) or start + length > end:
            break
        if table is None:
            file.seek(start)
            table = struct.unpack(f"<{length // 4}I", file.read(length // 4 * 4))
        else:
            kind = codestream_kind(head[HEADER_BYTES : HEADER_BYTES + length])
            fragments.append(Fragment(start, length, kind))
        if len(fragments) > MOST_ITEMS:
            raise ValueError(f"it has more than {MOST_ITEMS} fragments")
        start += length
    return Items(table or (), fragments, cut_off=start != end)


def group_fragments(
    items: Items, promised: int, extended: Sequence[int] = ()
) -> tuple[Frames, str | None]:
    """Return the fragments of each frame, and a note if a table of offsets is wrong.

    Parameters
    ----------
    items
        From `find_items`.
    promised
        Frames that the header promises; 0 if it says nothing.
    extended
        The extended offset table, or nothing.

    Returns
    -------
    frames
        The fragments of each frame, in the order of the file.
    note
        A sentence if a table was not believed; else None.

    Notes
    -----
    Of the ways to group, in this order, the first that gives the promised number of
    frames is taken: a table, a fragment a frame, a frame wherever a codestream begins.
    If none does, a table is better than beginnings, which are better than fragments.
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
    """Return the frames of a table that can be true, in one pass; else None."""
    places = {
        fragment.offset - HEADER_BYTES - (items.fragments[0].offset - HEADER_BYTES): at
        for at, fragment in enumerate(items.fragments)
    }
    last = items.fragments[-1]
    end = last.offset + last.length - items.fragments[0].offset + HEADER_BYTES
    begins: list[int] = []
    for offset in offsets:
        if offset >= end and begins:
            break  # frames that are cut off, or entries behind the last frame
        begin = places.get(offset)
        if begin is None or begin <= (begins[-1] if begins else -1):
            return None
        begins.append(begin)
    if not begins or begins[0] != 0:
        return None
    ends = [*begins[1:], len(items.fragments)]
    return [items.fragments[a:b] for a, b in zip(begins, ends, strict=True)]


def _by_content(fragments: Sequence[Fragment]) -> Frames | None:
    """Begin a frame wherever a codestream begins; None if none begins anywhere."""
    frames: Frames = []
    for fragment in fragments:
        if fragment.kind or not frames:
            frames.append([])
        frames[-1].append(fragment)
    return frames if any(fragment.kind for fragment in fragments) else None


def _is_contradicted(
    by_table: Frames, by_content: Frames | None, promised: int
) -> bool:
    """Return whether a table's frames begin amid codestreams, or hold several.

    A table that gives the promised number of frames, or more than there are
    codestreams, is right about frames that begin with damaged bytes.
    """
    if by_content is None or len(by_content) == len(by_table):
        return False
    several = any(sum(bool(part.kind) for part in frame) > 1 for frame in by_table)
    if several:
        return True
    return len(by_content) == promised != len(by_table)
