"""Lock a project for one window at a time, and notice windows that were killed."""

from __future__ import annotations

import os
from pathlib import Path

from napari_motionseg.errors import ReadError
from napari_motionseg.io.locks import FileLock, acquire, is_held
from napari_motionseg.project.own_files import LOCK, says_open


def locked(folder: Path) -> FileLock | None:
    """Take the lock of a project, which ends with the process.

    Parameters
    ----------
    folder
        Path of the project.

    Returns
    -------
    FileLock or None
        None if the folder cannot be written, or its file system does not support locks.

    Raises
    ------
    ReadError
        If another window has the project open.
    """
    if not os.access(folder, os.W_OK):
        return None
    try:
        lock = acquire(folder / LOCK)
    except OSError:
        return None
    if lock is None:
        raise ReadError(f"{folder}: is open in another window; close it there first")
    return lock


def is_open(folder: Path) -> bool:
    """Return whether a running window has a project open, without disturbing it."""
    return is_held(folder / LOCK)


def was_killed(folder: Path) -> bool:
    """Return whether a window had a project open and did not close it."""
    return says_open(folder) and not is_open(folder)


def require_guarded(folder: Path, lock: FileLock | None) -> None:
    """Raise an error if the folder of a project is gone or was replaced by another one.

    Parameters
    ----------
    folder
        Path of the project.
    lock
        Lock that this window took; None if it has none.

    Raises
    ------
    ReadError
        If so; the message says what to do.
    """
    if not folder.is_dir() or (lock is not None and not lock.guards(folder / LOCK)):
        raise ReadError(
            f"{folder}: the project's folder was moved, deleted or replaced; put it "
            "back, or save the project elsewhere"
        )
