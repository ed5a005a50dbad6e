"""Tell a flow cache's own entries from everything else, and remove only those."""

from __future__ import annotations

import json
import os
import re
import stat
from contextlib import suppress
from pathlib import Path

from napari_motionseg.errors import ReadError
from napari_motionseg.io.regular_files import read_regular

JOURNAL = "journal.txt"
LARGEST_JOURNAL = 2**24  # bytes; that of a long loop has some kilobytes
HEAD_KEYS = {"format", "version", "shape"}  # of a journal's first line
_ENTRY = re.compile(r"[0-9a-f]{32}(-[1-9])?")
# Files of an entry: one a pair of frames since format 2, a zarr array in format 1.
_OWN = re.compile(
    r"(forward|backward)/[0-9]{6}|"
    r"(forward|backward)\.zarr/(zarr\.json|\.zarray|\.zattrs|[0-9.]+|c(/[0-9]+)+)|"
    r"journal\.txt"
)


def entries(folder: Path) -> list[Path]:
    """Return the own entries right in a cache's folder."""
    try:
        names = [name for name in os.listdir(folder) if _ENTRY.fullmatch(name)]
    except OSError:
        return []
    return [folder / name for name in names if is_own_entry(folder / name)]


def is_own_entry(entry: Path) -> bool:
    """Return whether a folder is an entry: by its name, and its journal's first line.

    An empty folder of that name counts as one: a process was killed as it made it.
    """
    if not _ENTRY.fullmatch(entry.name) or not _is_real_folder(entry):
        return False
    with suppress(OSError):
        if not os.listdir(entry):
            return True
    lines = journal_lines(entry)
    try:
        head = json.loads(lines[0]) if lines else None
    except (ValueError, RecursionError):
        return False
    return isinstance(head, dict) and head.keys() >= HEAD_KEYS


def journal_lines(entry: Path) -> list[str]:
    """Return the lines of an entry's journal; none if it cannot be read."""
    try:
        content = read_regular(entry / JOURNAL, LARGEST_JOURNAL, follow_links=False)
    except ReadError:
        return []
    return content.decode("ascii", errors="replace").split("\n")


def append_line(journal: Path, line: str) -> None:
    """Append text to a journal, which is made if there is none; no link is followed.

    A line begins with its end of line, so that one that a crash has cut spoils no
    other.

    Raises
    ------
    OSError
        If the disk refuses, or something else stands there.
    """
    _write(journal, os.O_APPEND, line.encode("ascii"))


def write_content(file: Path, content: bytes) -> None:
    """Write a file of an entry; no link is followed.

    It is written in place: until its checksum is in the journal, nobody trusts it.

    Raises
    ------
    OSError
        If the disk refuses, or something else stands there.
    """
    file.parent.mkdir(exist_ok=True)
    if file.parent.is_symlink():
        raise OSError(None, f"{file.parent} is a symbolic link; a cache holds none")
    _write(file, 0, content)


def _write(file: Path, more_flags: int, content: bytes) -> None:
    flags = os.O_WRONLY | os.O_CREAT | more_flags
    for name in ("O_BINARY", "O_NOFOLLOW", "O_NONBLOCK"):
        flags |= getattr(os, name, 0)
    number = os.open(file, flags, 0o666)
    try:
        if not stat.S_ISREG(os.fstat(number).st_mode):
            raise OSError(None, f"{file} is not a regular file")
        if not more_flags & os.O_APPEND:
            os.ftruncate(number, 0)
        written = 0
        while written < len(content):
            written += os.write(number, content[written:])
    finally:
        os.close(number)


def remove_entry(entry: Path) -> None:
    """Delete an entry's own files, and its folders where nothing else is in them.

    The journal goes last, so that a kill leaves an entry that can still be told.
    """
    folders = [entry]
    files = _own_files(entry, folders)
    for file in sorted(files, key=lambda file: file.name == JOURNAL):
        with suppress(OSError):
            file.unlink()
    for place in reversed(folders):
        with suppress(OSError):
            place.rmdir()


def size_of(entry: Path) -> int:
    """Return the bytes of an entry's own files."""
    total = 0
    for file in _own_files(entry, []):
        with suppress(OSError):
            total += file.lstat().st_size
    return total


def last_use(entry: Path) -> float:
    """Return when an entry was used last, in seconds since the epoch; 0 if unknown."""
    try:
        return (entry / JOURNAL).lstat().st_mtime
    except OSError:
        return 0.0


def _own_files(entry: Path, folders: list[Path]) -> list[Path]:
    """Return the own files of an entry; note all folders in it, outer ones first."""
    own = []
    for root, names, files in os.walk(entry, followlinks=False):
        folders += [Path(root, name) for name in names]
        own += [Path(root, name) for name in files]
    return [f for f in own if _OWN.fullmatch(f.relative_to(entry).as_posix())]


def _is_real_folder(place: Path) -> bool:
    try:
        return stat.S_ISDIR(os.lstat(place).st_mode)
    except OSError:
        return False
