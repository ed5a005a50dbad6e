"""Recognize the entries of a flow cache, and remove nothing else."""

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
LARGEST_JOURNAL = 2**24  # bytes; the journal of a long loop has some kilobytes
HEAD_KEYS = {"format", "version", "shape"}  # keys in the first line of a journal
_ENTRY = re.compile(r"[0-9a-f]{32}(-[1-9])?")
# files of an entry: one for each pair of frames since format 2, a zarr array in format
# 1
_OWN = re.compile(
    r"(forward|backward)/[0-9]{6}|"
    r"(forward|backward)\.zarr/(zarr\.json|\.zarray|\.zattrs|[0-9.]+|c(/[0-9]+)+)|"
    r"journal\.txt"
)


def entries(folder: Path) -> list[Path]:
    """Return this program's entries directly in the folder of a cache."""
    try:
        names = [name for name in os.listdir(folder) if _ENTRY.fullmatch(name)]
    except OSError:
        return []
    return [folder / name for name in names if is_own_entry(folder / name)]


def is_own_entry(entry: Path) -> bool:
    """Return whether a folder is an entry, by its name and its journal's head.

    An empty folder with such a name counts too: a process was killed after creating it.
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
    """Return the lines of an entry's journal; empty if it cannot be read."""
    try:
        content = read_regular(entry / JOURNAL, LARGEST_JOURNAL, follow_links=False)
    except ReadError:
        return []
    return content.decode("ascii", errors="replace").split("\n")


def append_line(journal: Path, line: str) -> None:
    """Append text to a journal, which is created if missing; links are not followed.

    Each line begins with its line feed, so a line that a crash has cut does not damage
    the next one.

    Raises
    ------
    OSError
        If the disk reports an error, or something else is at the path.
    """
    _write(journal, os.O_APPEND, line.encode("ascii"))


def write_content(file: Path, content: bytes) -> None:
    """Write a file of an entry; links are not followed.

    The file is written in place, because it is not used until its checksum is recorded.

    Raises
    ------
    OSError
        If the disk reports an error, or something else is at the path.
    """
    file.parent.mkdir(exist_ok=True)
    if file.parent.is_symlink():
        raise OSError(
            None, f"{file.parent} is a symbolic link, which a cache must not contain"
        )
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
    """Delete an entry's own files, and its folders if nothing else is in them.

    The journal goes last, so that after a kill the entry can still be recognized.
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
    """Return the number of bytes of an entry's own files."""
    total = 0
    for file in _own_files(entry, []):
        with suppress(OSError):
            total += file.lstat().st_size
    return total


def last_use(entry: Path) -> float:
    """Return the time of the last use of an entry, in seconds since 1970.

    It is 0 if unknown.
    """
    try:
        return (entry / JOURNAL).lstat().st_mtime
    except OSError:
        return 0.0


def _own_files(entry: Path, folders: list[Path]) -> list[Path]:
    """Return the own files of an entry; list all its folders, outer ones first."""
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
