"""Open files from unknown sources only if they are regular files.

In a folder of unknown origin, a path may lead to a FIFO, whose reader waits for ever,
to a device, whose reader never reaches an end, or, through a symbolic link, to any
other file of the computer.
"""

from __future__ import annotations

import io
import os
import stat
from pathlib import Path
from typing import IO, BinaryIO

from napari_motionseg.errors import ReadError

# A flag is 0 on systems that lack it. O_NONBLOCK: opening a FIFO returns at once.
# O_NOCTTY: a terminal does not become that of this process. O_BINARY is for Windows.
_FLAGS = (
    os.O_RDONLY
    | getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_NOCTTY", 0)
    | getattr(os, "O_BINARY", 0)
)
PART_BYTES = 2**22  # bytes read at once
_NO_LINK = getattr(os, "O_NOFOLLOW", 0)
_KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFCHR: "a character device",
    stat.S_IFBLK: "a block device",
    stat.S_IFIFO: "a named pipe (FIFO)",
    stat.S_IFSOCK: "a socket",
    stat.S_IFLNK: "a symbolic link",
}


def open_regular(path: str | Path, *, follow_links: bool = True) -> BinaryIO:
    """Open a regular file for reading and return it as a binary file object.

    The function never waits and never opens anything but a regular file. The type is
    checked before opening, because opening a device may have effects, and again
    afterwards, because another process may have replaced the file.

    Parameters
    ----------
    path
        Path of the file.
    follow_links
        Whether a symbolic link to a regular file is opened. It is False inside the
        folders of projects and caches, where this program creates no links. Links among
        the parent folders are always followed.

    Raises
    ------
    ReadError
        If there is no file, it is not a regular file, or it may not be read. The cause
        is the `OSError`, if there was one.
    """
    try:
        _require_regular(path, os.stat(path, follow_symlinks=follow_links))
        number = os.open(path, _FLAGS | (0 if follow_links else _NO_LINK))
    except FileNotFoundError as error:
        raise ReadError(f"{path}: no such file or folder") from error
    except (OSError, ValueError) as error:  # ValueError: a null byte in the name
        reason = getattr(error, "strerror", None) or error
        raise ReadError(f"{path}: cannot be opened ({reason})") from error
    try:
        _require_regular(path, os.fstat(number))
        return os.fdopen(number, "rb")
    except BaseException:
        os.close(number)
        raise


def read_regular(path: str | Path, most: int, *, follow_links: bool = True) -> bytes:
    """Return the content of a regular file that does not exceed an expected size.

    Parameters
    ----------
    path
        Largest size of the file in bytes.
    most
        Largest size in bytes that is read.
    follow_links
        Whether a symbolic link to a regular file is read; see `open_regular`.

    Raises
    ------
    ReadError
        If the file cannot be opened (see `open_regular`) or read, or is larger than
        `most`; it is not read into memory then.
    """
    with open_regular(path, follow_links=follow_links) as file:
        size = os.fstat(file.fileno()).st_size
        try:
            # the size is checked again while reading: a file may grow, and some report
            # 0
            content = b"" if size > most else read_at_most(file, most)
        except OSError as error:
            raise ReadError(f"{path}: cannot be read ({error.strerror})") from error
    if size > most or len(content) > most:
        found = max(size, len(content))
        raise ReadError(
            f"{path}: is too large: it holds {found} bytes, and at most {most} are "
            "expected"
        )
    return content


def read_at_most(stream: IO[bytes] | io.BufferedIOBase, most: int) -> bytes:
    """Return the rest of a stream; if it exceeds `most` bytes, return one byte more.

    ``stream.read(most)`` would allocate `most` bytes before it reads anything.

    Parameters
    ----------
    stream
        Binary file object.
    most
        Number of bytes above which the content counts as too large.
    """
    content = bytearray()
    while len(content) <= most:
        part = stream.read(min(PART_BYTES, most + 1 - len(content)))
        if not part:
            break
        content += part
    return bytes(content)


def is_regular(path: str | Path, *, follow_links: bool = True) -> bool:
    """Return whether a path leads to a regular file; False if it does not exist.

    Parameters
    ----------
    path
        Path of the file.
    follow_links
        Whether a symbolic link to a regular file counts as one.
    """
    try:
        facts = os.stat(path, follow_symlinks=follow_links)
    except (OSError, ValueError):
        return False
    return stat.S_ISREG(facts.st_mode)


def _require_regular(path: str | Path, facts: os.stat_result) -> None:
    if not stat.S_ISREG(facts.st_mode):
        kind = _KINDS.get(stat.S_IFMT(facts.st_mode), "something else")
        raise ReadError(f"{path}: is {kind}; only a regular file can be read here")
