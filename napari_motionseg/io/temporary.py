"""Make temporary folders beside results, and clear those that a killed process left.

A result is first written into a temporary folder of its own, beside its target, because
only a move within one file system is atomic. Its name is
``.motionseg-tmp-<host>-<process>-<random>``; in it lies a file that its process holds a
lock on, and that the system frees when the process ends, however it ends. A folder is a
leftover only if its name, that file, and the free lock all say so.
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

OWNER = "motionseg-owner"  # the file that is locked
SET_ASIDE = "before"  # holds the folder that is being replaced
_NAME = re.compile(r"\.motionseg-tmp-([0-9a-f]{8})-([0-9]+)-([0-9a-f]{12})")
# Locks of another computer are not always seen across a network: wait this long.
OTHER_HOST_AGE_S = 24 * 3600.0
_TRIES = 8


@contextmanager
def temporary_folder(parent: str | Path) -> Iterator[Path]:
    """Yield a new folder in `parent`, which is removed in the end.

    `parent` is made if it does not exist. Leftovers of killed processes in it are
    cleared first.

    Parameters
    ----------
    parent
        Path of the folder in which the temporary folder is made.

    Raises
    ------
    WriteError
        If `parent` cannot be made or written.
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
    """Remove temporary folders right in `folder` whose process has ended.

    Anything else stays: other names, folders without our lock file, links, folders of
    processes that still run, and those of other computers for a day.

    Parameters
    ----------
    folder
        Path of the folder to look in; its subfolders are not searched.

    Returns
    -------
    list of Path
        The temporary folders that were removed.
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
    """Return whether a file name is exactly of the form of our temporary folders."""
    return _NAME.fullmatch(name) is not None


def _own_folder(parent: Path) -> tuple[Path, BinaryIO]:
    """Make a temporary folder and lock it; another process may clear it in between."""
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
        # A file system without locks gives None: the folder is then told by its
        # process number alone.
        if try_lock(owner.fileno()) is not False and (room / OWNER).exists():
            return room, owner
        owner.close()
    raise OSError(None, "its temporary folder is removed by another program")


def _clear(room: Path) -> bool:
    """Remove a leftover; return whether it was one."""
    if room.is_symlink() or not room.is_dir():
        return False
    host, process, _ = _NAME.fullmatch(room.name).groups()  # type: ignore[union-attr]
    if host != _host() and _age_s(room) < OTHER_HOST_AGE_S:
        return False
    try:
        # not created where it is missing: a folder without it is none of ours
        owner = (room / OWNER).open("r+b")
    except FileNotFoundError:
        if not _runs(int(process)):
            room.rmdir()  # killed before its first file; refuses where files are
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
    """Return a folder that was set aside to its place if nothing came there."""
    aside = room / SET_ASIDE
    for folder in aside.iterdir() if aside.is_dir() else ():
        target = room.parent / folder.name
        if not os.path.lexists(target):
            os.rename(folder, target)


def _remove(room: Path, owner: BinaryIO) -> None:
    """Remove a temporary folder, its lock file last; what cannot go now goes later."""
    with suppress(OSError):
        for entry in os.scandir(room):
            if entry.is_dir(follow_symlinks=False):
                shutil.rmtree(entry.path, ignore_errors=True)
            elif entry.name != OWNER:
                os.unlink(entry.path)
    owner.close()  # Windows removes no open file
    with suppress(OSError):
        os.unlink(room / OWNER)
        room.rmdir()


def _host() -> str:
    """Return eight digits that stand for this computer without naming it."""
    return hashlib.sha256(platform.node().encode()).hexdigest()[:8]


def _age_s(room: Path) -> float:
    return time.time() - room.stat().st_mtime


def _runs(process: int) -> bool:
    """Return whether a process of this computer runs; True where it is not known."""
    if sys.platform == "win32":  # os.kill would end it
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return True
