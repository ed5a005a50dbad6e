"""Mark the files that this program writes, and recognize them by the mark.

Masks as TIFF, overlays as MP4 or GIF and pictures as PNG often lie beside the loops
that they were made from. They must not be read as loops, and loops that this program
did not write must never be replaced. Each writer stores the text of `MARK` in its file.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from napari_motionseg.errors import ReadError
from napari_motionseg.io.regular_files import open_regular

MARK = "napari-motionseg"
# DICOM's Implementation Version Name has at most 16 characters (PS3.10 table 7.1-1)
DICOM_MARK = MARK
_HEAD_BYTES = 2**12
_META_BYTES = 2**10  # where the file meta information of this program's files ends
# SOP classes in the file meta information: segmentations, captures of overlays, and
# structured reports
_DERIVED = (
    b"1.2.840.10008.5.1.4.1.1.88.33",
    b"1.2.840.10008.5.1.4.1.1.66.4",
    b"1.2.840.10008.5.1.4.1.1.66.7",
    b"1.2.840.10008.5.1.4.1.1.7.4",
)
_COMMENT_BYTES = 2**16  # where comments lie in a GIF or TIFF that this program wrote
_MOVIE_HEADER_BYTES = 2**24  # the table of frames can be large
_NO_PREAMBLE = re.compile(rb"[\x02\x08]\0..[A-Z][A-Z]", re.DOTALL)
_PNG, _NPY = b"\x89PNG\r\n\x1a\n", b"\x93NUMPY"
_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


def is_own(path: str | Path) -> bool:
    """Return whether this program wrote a file, judged by its mark.

    Parameters
    ----------
    path
        Path of a file of any type. The answer is False if it cannot be read.
    """
    try:
        with open_regular(path) as file:
            head = file.read(_HEAD_BYTES)
            marked = next((m for known, m in _FORMATS if known(head)), None)
            return marked is not None and marked(file, head)
    except (ReadError, OSError, struct.error):
        return False


def movie_format(path: str | Path) -> str:
    """Return the format of a movie by its first bytes.

    Parameters
    ----------
    path
        Path of a file with any name.

    Returns
    -------
    str
        ``"gif"``, ``"tiff"``, ``"npy"``, ``"video"``, or empty for anything else.
    """
    try:
        with open_regular(path) as file:
            head = file.read(_HEAD_BYTES)
    except (ReadError, OSError):
        return ""
    return next((name for name, known in _MOVIE_FORMATS if known(head)), "")


def is_foreign_loop(path: str | Path) -> bool:
    """Return whether a file is a loop that this program did not write.

    Parameters
    ----------
    path
        Path of a file of any type; its content counts and not its name.
    """
    try:
        with open_regular(path) as file:
            head = file.read(_HEAD_BYTES)
    except (ReadError, OSError):
        return False
    return _is_loop(head) and not is_own(path)


def is_own_derived(path: str | Path) -> bool:
    """Return whether a file is a DICOM object that this program made of a loop.

    Synthetic loops carry its mark too, and are loops all the same.

    Parameters
    ----------
    path
        Path of a file of any type. A file that cannot be read has no mark.
    """
    try:
        with open_regular(path) as file:
            head = file.read(_HEAD_BYTES)
    except (ReadError, OSError):
        return False
    start = head[:_META_BYTES]
    return (
        _is_dicom(head)
        and DICOM_MARK.encode() in start
        and any(uid in start for uid in _DERIVED)
    )


def _is_dicom(head: bytes) -> bool:
    letters = b"DICM" in (head[:4], head[128:132])
    starts = (_NO_PREAMBLE.match(head, at) for at in (0, 128))
    return letters or any(start is not None for start in starts)


def _is_mp4(head: bytes) -> bool:
    return head[4:8] == b"ftyp"


def _is_gif(head: bytes) -> bool:
    return head[:6] in (b"GIF87a", b"GIF89a")


def _is_tiff(head: bytes) -> bool:
    return head[:4] in _TIFF


def _is_png(head: bytes) -> bool:
    return head.startswith(_PNG)


def _is_other_loop(head: bytes) -> bool:
    """Return whether a file is of a type of loop that this program never writes."""
    avi = head[:4] == b"RIFF" and head[8:12] == b"AVI "
    return avi or head[:4] == b"\x1a\x45\xdf\xa3" or head.startswith(_NPY)


def _is_npy(head: bytes) -> bool:
    return head.startswith(_NPY)


_MOVIE_FORMATS: tuple[tuple[str, Callable[[bytes], bool]], ...] = (
    ("gif", _is_gif),
    ("tiff", _is_tiff),
    ("npy", _is_npy),
    ("video", _is_mp4),
    ("video", _is_other_loop),
)


def _is_loop(head: bytes) -> bool:
    kinds = (_is_dicom, _is_mp4, _is_gif, _is_tiff, _is_other_loop)
    return any(known(head) for known in kinds)


def _marked_dicom(file: BinaryIO, head: bytes) -> bool:
    return DICOM_MARK.encode() in head[:_META_BYTES]


def _marked_mp4(file: BinaryIO, head: bytes) -> bool:
    """Look for the mark in the movie's header, which may be at the end of the file."""
    at = 0
    while True:
        file.seek(at)
        start = file.read(16)
        if len(start) < 8:
            return False
        size = int.from_bytes(start[:4], "big")
        if size == 1:  # ISO/IEC 14496-12, 4.2: a size of 64 bits follows
            size = int.from_bytes(start[8:16], "big")
        if start[4:8] == b"moov":
            file.seek(at)
            header = file.read(min(size, _MOVIE_HEADER_BYTES))
            return MARK.encode() in header[header.find(b"udta") :]
        if size < 8:
            return False
        at += size


def _marked_gif(file: BinaryIO, head: bytes) -> bool:
    """Look for the mark in a comment, which Pillow writes before the first frame."""
    file.seek(0)
    start = file.read(_COMMENT_BYTES)
    comment = start.find(b"\x21\xfe")  # GIF89a, 24: comment extension
    return comment >= 0 and MARK.encode() in start[comment : comment + 300]


def _marked_tiff(file: BinaryIO, head: bytes) -> bool:
    """Look for the mark in the first description, which follows the first tags.

    Masks of older versions lack it; the list of labelled frames identifies them.
    """
    file.seek(0)
    start = file.read(_COMMENT_BYTES)
    described = start.find(b'{"shape"')
    if described < 0:
        return False
    words = start[described:]
    return f'"made_by": "{MARK}"'.encode() in words or b'"labelled": [' in words


def _marked_png(file: BinaryIO, head: bytes) -> bool:
    return b"tEXt" in head and MARK.encode() in head[head.find(b"tEXt") :][:300]


_FORMATS: tuple[
    tuple[Callable[[bytes], bool], Callable[[BinaryIO, bytes], bool]], ...
] = (
    (_is_dicom, _marked_dicom),
    (_is_mp4, _marked_mp4),
    (_is_gif, _marked_gif),
    (_is_tiff, _marked_tiff),
    (_is_png, _marked_png),
)


def png_mark_chunk() -> bytes:
    """Return the mark as a chunk of a PNG (tEXt, keyword Software)."""
    checked = b"tEXt" + b"Software\0" + MARK.encode()
    length = struct.pack(">I", len(checked) - 4)
    return length + checked + struct.pack(">I", zlib.crc32(checked))
