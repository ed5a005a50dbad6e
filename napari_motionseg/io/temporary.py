"""Make temporary folders beside results, and remove those of killed processes.

A result is first written into a temporary folder beside its target, because only a move
within one file system is atomic. The name of the folder is
``.motionseg-tmp-<host>-<process>-<random>``. It holds a file on which its process has a
lock; the system releases the lock when the process ends in whatever way. A folder
counts as a leftover only if its name, that file and the released lock all agree.
"""

from __future__ import annotations

import hashlib
import os
import platform
import re
import secrets
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from napari_motionseg.errors import WriteError
from napari_motionseg.io.durable import make_folders
from napari_motionseg.io.locks import try_lock

OWNER = "motionseg-owner"  # name of the file that is locked
SET_ASIDE = "before"  # name under which the folder that is being replaced is kept
_NAME = re.compile(r"\.motionseg-tmp-([0-9a-f]{8})-([0-9]+)-([0-9a-f]{12})")
# Locks of other computers are not always visible over a network, so wait this long.
OTHER_HOST_AGE_S = 24 * 3600.0
_TRIES = 8


@contextmanager
def temporary_folder(parent: str | Path) -> Iterator[Path]:
    """Yield a new folder in `parent`, and remove it at the end.

    `parent` is created if it is missing. Leftovers of killed processes in it are
    removed first.

    Parameters
    ----------
    parent
        Path of the folder in which the temporary folder is created.

    Raises
    ------
    WriteError
        If `parent` cannot be created or written.
    """
    parent = Path(parent)
    try:
        make_folders(parent)
        clear_leftovers(parent)
        room, owner = _own_folder(parent)
    except (OSError, ValueError) as error:  # ValueError: a null byte in the name
        reason = getattr(error, "strerror", None) or error
        raise WriteError(f"cannot write in {parent}: {reason}") from error
    try:
        yield room
    finally:
        _remove(room, owner)


def clear_leftovers(folder: str | Path) -> list[Path]:
    """Remove temporary folders directly in `folder` whose process has ended.

    Everything else stays: folders with other names, without the lock file or of running
    processes, links, and for one day the folders of other computers.

    Parameters
    ----------
    folder
        Path of the folder to search, without its subfolders.

    Returns
    -------
    list of Path
        Paths of the removed temporary folders.
    """
    try:
        names = [name for name in os.listdir(folder) if is_temporary_name(name)]
    except OSError:
        return []
    removed = []
    for name in names:
        room = Path(folder) / name
        with suppress(OSError):
            if _clear(room):
                removed.append(room)
    return removed


def is_temporary_name(name: str) -> bool:
    """Return whether a name has exactly the form of such a temporary folder."""
    return _NAME.fullmatch(name) is not None


def _own_folder(parent: Path) -> tuple[Path, BinaryIO]:
    """Make and lock a temporary folder; try again if another process removes it."""
    for _ in range(_TRIES):
        unique = f"{_host()}-{os.getpid()}-{secrets.token_hex(6)}"
        room = parent / f".motionseg-tmp-{unique}"
        room.mkdir()
        try:
            owner = (room / OWNER).open("xb")
        except (FileNotFoundError, FileExistsError):
            continue
        except OSError:
            room.rmdir()
            raise
        # None means a file system without locks: only the process number in the name
        # then tells whether the folder is in use.
        if try_lock(owner.fileno()) is not False and (room / OWNER).exists():
            return room, owner
        owner.close()
    raise OSError(None, "another program keeps removing its temporary folder")


def _clear(room: Path) -> bool:
    """Remove a folder if it is a leftover, and return whether it was one."""
    if room.is_symlink() or not room.is_dir():
        return False
    host, process, _ = _NAME.fullmatch(room.name).groups()  # type: ignore[union-attr]
    if host != _host() and _age_s(room) < OTHER_HOST_AGE_S:
        return False
    try:
        # opened, not created: a folder without this file is not a folder of this
        # program
        owner = (room / OWNER).open("r+b")
    except FileNotFoundError:
        if not _runs(int(process)):
            room.rmdir()  # killed before its first file; fails if there are files
            return True
        return False
    with owner:
        free = try_lock(owner.fileno())
        if free is None:
            free = host == _host() and not _runs(int(process))
        if free:
            _put_back(room)
            _remove(room, owner)
    return bool(free)


def _put_back(room: Path) -> None:
    """Move a folder that was set aside back, if its place is still free."""
    aside = room / SET_ASIDE
    for folder in aside.iterdir() if aside.is_dir() else ():
        target = room.parent / folder.name
        if not os.path.lexists(target):
            os.rename(folder, target)


def _remove(room: Path, owner: BinaryIO) -> None:
    """Remove a temporary folder, its lock file last; ignore files that are in use."""
    with suppress(OSError):
        for entry in os.scandir(room):
            if entry.is_dir(follow_symlinks=False):
                shutil.rmtree(entry.path, ignore_errors=True)
            elif entry.name != OWNER:
                os.unlink(entry.path)
    owner.close()  # Windows does not remove open files
    with suppress(OSError):
        os.unlink(room / OWNER)
        room.rmdir()


def _host() -> str:
    """Return eight digits that stand for this computer without revealing its name."""
    return hashlib.sha256(platform.node().encode()).hexdigest()[:8]


def _age_s(room: Path) -> float:
    return time.time() - room.stat().st_mtime


def _runs(process: int) -> bool:
    """Return whether a process of this computer is running; True if unknown."""
    if sys.platform == "win32":  # os.kill would end the process
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return True
