"""Where the frames of encapsulated pixel data lie in a file (PS3.5 A.4).

The items are walked once, by their headers alone, so that a loop of any length opens at
once and a file that ends too early gives the frames that are whole.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from itertools import pairwise
from typing import BinaryIO

Span = tuple[int, int]  # offset in the file and length of a fragment
Frames = list[list[Span]]

ITEM = b"\xfe\xff\x00\xe0"
HEADER_BYTES = 8
JPEG_START, JPEG_END = b"\xff\xd8", b"\xff\xd9"
JPEG_2000_START, JPEG_2000_END = b"\xff\x4f\xff\x51", b"\xff\xd9"
RLE_HEADER_BYTES = 64
MOST_RLE_SEGMENTS = 15


def find_items(file: BinaryIO, start: int, end: int) -> list[Span]:
    """Return the whole items from `start`: the basic offset table, then fragments.

    Parameters
    ----------
    file
        Open for reading in binary mode.
    start
        Offset of the first item's tag.
    end
        Length of the file.
    """
    items = []
    while start + HEADER_BYTES <= end:
        file.seek(start)
        header = file.read(HEADER_BYTES)
        length = struct.unpack("<I", header[4:])[0]
        start += HEADER_BYTES
        if header[:4] != ITEM or start + length > end:
            break
        items.append((start, length))
        start += length
    return items


def group_fragments(
    file: BinaryIO, items: Sequence[Span], count: int, extended: Sequence[int] = ()
) -> Frames:
    """Return the fragments of each frame.

    Parameters
    ----------
    file
        Open for reading in binary mode.
    items
        From `find_items`.
    count
        Frames that the header promises; decides only where nothing else does.
    extended
        The extended offset table, or nothing.

    Notes
    -----
    Without a table, as many fragments as frames are a frame each; else a frame begins
    where a fragment begins a codestream (JPEG family) or holds a run-length header.
    """
    if not items:
        return []
    table, *fragments = items
    offsets = list(extended) or basic_offsets(file, table)
    if offsets and fragments:
        return _by_offsets(fragments, offsets)
    if len(fragments) == count or len(fragments) < 2:
        return [[fragment] for fragment in fragments]
    if count == 1:
        return [list(fragments)]
    return _by_content(file, fragments)


def basic_offsets(file: BinaryIO, table: Span) -> list[int]:
    """Return the basic offset table: offsets of frames from the first fragment."""
    file.seek(table[0])
    count = table[1] // 4
    return list(struct.unpack(f"<{count}I", file.read(4 * count)))


def _by_offsets(fragments: Sequence[Span], offsets: Sequence[int]) -> Frames:
    first = fragments[0][0] - HEADER_BYTES
    frames: Frames = []
    for begin, end in pairwise([*offsets, None]):
        chosen = [
            span
            for span in fragments
            if span[0] - HEADER_BYTES - first >= (begin or 0)
            and (end is None or span[0] - HEADER_BYTES - first < end)
        ]
        if chosen:
            frames.append(chosen)
    return frames


def _by_content(file: BinaryIO, fragments: Sequence[Span]) -> Frames:
    frames: Frames = []
    for span in fragments:
        if not frames or _begins_frame(file, span):
            frames.append([])
        frames[-1].append(span)
    return frames


def _begins_frame(file: BinaryIO, span: Span) -> bool:
    file.seek(span[0])
    head = file.read(min(span[1], RLE_HEADER_BYTES))
    if head.startswith((JPEG_START, JPEG_2000_START)):
        return True
    if len(head) < RLE_HEADER_BYTES:
        return False
    segments, *offsets = struct.unpack("<16I", head)
    used, unused = offsets[:segments], offsets[segments:]
    return (
        0 < segments <= MOST_RLE_SEGMENTS
        and offsets[0] == RLE_HEADER_BYTES
        and used == sorted(used)
        and not any(unused)
    )
