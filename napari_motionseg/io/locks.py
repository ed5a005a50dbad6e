"""Lock files: one process holds a file, and others can ask without disturbing it.

The operating system ends a lock with the process that holds it, however it ends. The
lock file itself is never deleted: if it were, one process could hold the deleted file
and another one a new file of the same name, each believing that it is alone.
"""

from __future__ import annotations

import errno
import os
import random
import stat
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from napari_motionseg.errors import WriteError

PATIENCE_S = 5.0  # while others only ask; each of them takes microseconds
WAIT_S = 60.0  # for a process that holds a lock and is expected to release it soon
PAUSE_S = 0.01
_FLAGS = (
    os.O_RDWR
    | getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_BINARY", 0)
)
_BUSY = (errno.EACCES, errno.EAGAIN, errno.EDEADLK)


class NoLocksError(OSError):
    """The file system knows no locks."""


class FileLock:
    """A lock that this process holds until `release`, or until it ends.

    Made by `acquire`.
    """

    def __init__(self, file: int) -> None:
        self._file: int | None = file

    def guards(self, path: Path) -> bool:
        """Return whether the lock is held on the file that is at `path` now.

        False after the file, or a folder above it, was moved, deleted or replaced.
        """
        return self._file is not None and _is_at(self._file, path)

    def release(self) -> None:
        """Let others take the lock; the file stays. A second call does nothing."""
        file, self._file = self._file, None
        if file is not None:
            _unlock(file)
            os.close(file)


def acquire(path: Path, patience_s: float = PATIENCE_S) -> FileLock | None:
    """Take a lock, and make its file if there is none.

    Parameters
    ----------
    path
        Path of the lock file; neither a symbolic link nor a device is opened.
    patience_s
        Longest time to try while no other process holds the lock, but some ask
        whether it is held.

    Returns
    -------
    FileLock or None
        None if another process, or another part of this one, holds the lock.

    Raises
    ------
    OSError
        If the file cannot be made or opened, or is not a regular file;
        `NoLocksError` if the file system knows no locks.
    """
    deadline = time.monotonic() + patience_s
    while True:
        file = _open(path, os.O_CREAT)
        try:
            held = _take(file)
            if held and _is_at(file, path):
                return FileLock(file)
            only_asked = held or (_shares() and _take(file, shared=True))
        except BaseException:
            os.close(file)
            raise
        os.close(file)  # ends a lock that was taken
        if time.monotonic() > deadline or not (only_asked or not _shares()):
            return None
        # chance keeps two that wait from meeting again and again
        time.sleep(PAUSE_S * random.random())  # noqa: S311 - no secret


def is_held(path: Path) -> bool:
    """Return whether a process holds a lock; one that takes it now is not disturbed.

    Parameters
    ----------
    path
        Path of the lock file; False if there is none.
    """
    try:
        file = _open(path, 0)
    except OSError:
        return False
    try:
        return not _take(file, shared=True)
    except OSError:
        return False  # a file system without locks
    finally:
        os.close(file)


@contextmanager
def locked(path: Path, wait_s: float = WAIT_S) -> Iterator[None]:
    """Hold a lock for a while; wait for another process that holds it.

    On a file system that knows no locks, go on without one.

    Parameters
    ----------
    path
        Path of the lock file, which is made if there is none.
    wait_s
        Longest time in seconds to wait for another process.

    Raises
    ------
    WriteError
        If another process holds the lock for longer, or the file cannot be made.
    """
    try:
        lock = _acquire_within(path, wait_s)
    except NoLocksError:
        lock = None
    except OSError as error:
        raise WriteError(f"cannot lock {path}: {error.strerror}") from error
    try:
        yield
    finally:
        if lock is not None:
            lock.release()


def try_lock(file: int) -> bool | None:
    """Lock a file that is open already, without waiting.

    For a file that its owner deletes; `acquire` is for one that stays. The lock ends
    when the file is closed.

    Parameters
    ----------
    file
        Descriptor of the file, which is open for writing.

    Returns
    -------
    bool or None
        True if this descriptor has the lock now, False if another one has it, None if
        the file system knows no locks.
    """
    try:
        return _take(file)
    except NoLocksError:
        return None


def _acquire_within(path: Path, wait_s: float) -> FileLock:
    deadline = time.monotonic() + wait_s
    while (lock := acquire(path)) is None:
        if time.monotonic() > deadline:
            raise WriteError(
                f"cannot lock {path}: another process has held it for {wait_s:g} s; "
                "wait for it or end it"
            )
        time.sleep(PAUSE_S)
    return lock


def _open(path: Path, more_flags: int) -> int:
    file = os.open(path, _FLAGS | more_flags, 0o666)
    if not stat.S_ISREG(os.fstat(file).st_mode):
        os.close(file)
        raise OSError(errno.EINVAL, "is not a regular file", str(path))
    return file


def _is_at(file: int, path: Path) -> bool:
    """Return whether the open file is still that of its name."""
    try:
        there = os.stat(path, follow_symlinks=False)
    except OSError:
        return False
    return os.path.samestat(os.fstat(file), there)


if sys.platform == "win32":
    import msvcrt

    def _shares() -> bool:
        """Return whether locks can be shared, so that asking disturbs nobody."""
        return False

    def _take(file: int, *, shared: bool = False) -> bool:  # noqa: ARG001
        os.lseek(file, 0, os.SEEK_SET)
        try:
            msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
        except OSError as error:
            if error.errno in _BUSY:
                return False
            raise NoLocksError(error.errno, error.strerror) from error
        return True

    def _unlock(file: int) -> None:
        os.lseek(file, 0, os.SEEK_SET)
        msvcrt.locking(file, msvcrt.LK_UNLCK, 1)

else:
    import fcntl

    def _shares() -> bool:
        """Return whether locks can be shared, so that asking disturbs nobody."""
        return True

    def _take(file: int, *, shared: bool = False) -> bool:
        kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
        try:
            fcntl.flock(file, kind | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in _BUSY:
                return False
            raise NoLocksError(error.errno, error.strerror) from error
        return True

    def _unlock(file: int) -> None:
        fcntl.flock(file, fcntl.LOCK_UN)
