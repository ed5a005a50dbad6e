"""Locks on open files, which the system frees when a process ends, however it ends."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from napari_motionseg.errors import WriteError

WAIT_S = 60.0
_POLL_S = 0.02


def try_lock(file: BinaryIO) -> bool | None:
    """Lock an open file without waiting.

    The lock ends when the file is closed, in every process that has inherited it.

    Parameters
    ----------
    file
        An open file, writable.

    Returns
    -------
    bool or None
        True if this file object has the lock now, False if another one has it, None if
        the file system knows no locks.
    """
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):  # PermissionError: Windows
        return False
    except (OSError, ImportError):
        return None
    return True


@contextmanager
def locked(path: Path, wait_s: float = WAIT_S) -> Iterator[None]:
    """Hold the lock of a file; where the file system knows no locks, go on without.

    Parameters
    ----------
    path
        Path of the lock file. It is made if it is missing, and never removed: whoever
        waits for it would otherwise lock a file that no one else sees.
    wait_s
        Seconds to wait for another process.

    Raises
    ------
    WriteError
        If another process holds the lock for longer, or the file cannot be made.
    """
    flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0)
    try:
        number = os.open(path, flags, 0o666)
    except OSError as error:
        raise WriteError(f"cannot lock {path}: {error.strerror}") from error
    with os.fdopen(number, "r+b") as file:
        until = time.monotonic() + wait_s
        while try_lock(file) is False:
            if time.monotonic() > until:
                raise WriteError(
                    f"cannot lock {path}: another process has held it for "
                    f"{wait_s:.0f} s; wait for it or end it"
                )
            time.sleep(_POLL_S)
        yield
