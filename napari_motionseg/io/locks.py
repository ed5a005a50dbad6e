"""Lock files: one process holds a lock, and others can ask without disturbing it.

The operating system releases a lock when its process ends, in whatever way. The lock
file itself is never deleted. Otherwise, one process could hold the deleted file and
another a new file of the same name, and each would believe that it is alone.
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

# waiting time for processes that only ask for the state, which is quick
PATIENCE_S = 5.0
WAIT_S = 60.0  # waiting time for a process that should release the lock soon
PAUSE_S = 0.01  # pause between two attempts
_FLAGS = (
    os.O_RDWR
    | getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_BINARY", 0)
)
_BUSY = (errno.EACCES, errno.EAGAIN, errno.EDEADLK)


class NoLocksError(OSError):
    """The file system does not support locks."""


class FileLock:
    """A lock that this process holds until `release`, or until it ends.

    `acquire` creates it.
    """

    def __init__(self, file: int) -> None:
        self._file: int | None = file

    def guards(self, path: Path) -> bool:
        """Return whether the file that is at `path` now is the locked one.

        The answer is False after the file, or a folder above it, was moved, deleted or
        replaced.
        """
        return self._file is not None and _is_at(self._file, path)

    def release(self) -> None:
        """Release the lock and leave the file; a second call does nothing."""
        file, self._file = self._file, None
        if file is not None:
            _unlock(file)
            os.close(file)


def acquire(path: Path, patience_s: float = PATIENCE_S) -> FileLock | None:
    """Take a lock, and create its file if it is missing.

    Parameters
    ----------
    path
        Path of the lock file; neither a symbolic link nor a device is opened.
    patience_s
        Longest time in seconds to try while other processes only ask for the state of
        the lock.

    Returns
    -------
    FileLock or None
        None if another process, or another part of this one, holds the lock.

    Raises
    ------
    OSError
        If the file cannot be created or opened, or is not a regular file;
        `NoLocksError` if the file system does not support locks.
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
        os.close(file)  # closing releases a lock that was taken
        if time.monotonic() > deadline or not (only_asked or not _shares()):
            return None
        # a random pause, so that two waiting processes do not collide again and again
        time.sleep(PAUSE_S * random.random())  # noqa: S311 - no secret


def is_held(path: Path) -> bool:
    """Return whether a process holds a lock, without disturbing one that takes it.

    Parameters
    ----------
    path
        Path of the lock file; if it is missing, the answer is False.
    """
    try:
        file = _open(path, 0)
    except OSError:
        return False
    try:
        return not _take(file, shared=True)
    except OSError:
        return False  # the file system does not support locks
    finally:
        os.close(file)


@contextmanager
def locked(path: Path, wait_s: float = WAIT_S) -> Iterator[None]:
    """Hold a lock within a ``with`` block; wait for another process that holds it.

    Without a lock on a file system that does not support locks.

    Parameters
    ----------
    path
        Path of the lock file, which is created if it is missing.
    wait_s
        Longest time in seconds to wait for another process.

    Raises
    ------
    WriteError
        If another process holds the lock for longer, or the file cannot be created.
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
    """Try to lock an open file without waiting.

    This is for a file that its owner deletes; `acquire` is for one that stays. Closing
    the file releases the lock.

    Parameters
    ----------
    file
        Descriptor of a file that is open for writing.

    Returns
    -------
    bool or None
        True if this descriptor now has the lock, False if another one has it, None if
        the file system does not support locks.
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
                "wait until it has finished, or end it"
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
    """Return whether the open file is still the one at the path."""
    try:
        there = os.stat(path, follow_symlinks=False)
    except OSError:
        return False
    return os.path.samestat(os.fstat(file), there)


if sys.platform == "win32":
    import msvcrt

    def _shares() -> bool:
        """Return whether shared locks exist, so that asking disturbs nobody."""
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
        """Return whether shared locks exist, so that asking disturbs nobody."""
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
