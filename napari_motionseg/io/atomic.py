"""Write results atomically: a half-written file never has the final name.

Only this module and `result_folders` put results into place. A file replaces nothing
but a regular file, and never a loop that this program did not write. A link is never
replaced, nor is its target: tools that keep versions of data (git-annex, DVC) place
links into stores that must not change.
"""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from napari_motionseg.errors import OccupiedError, WriteError
from napari_motionseg.io.durable import flush_file, flush_folder, flush_tree
from napari_motionseg.io.program_marks import is_foreign_loop
from napari_motionseg.io.temporary import clear_leftovers, temporary_folder

__all__ = [
    "clear_leftovers",
    "copy_file",
    "disk_errors",
    "new_folder",
    "place_file",
    "replacing",
    "require_file_target",
]
_KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFLNK: "a link",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
}


@contextmanager
def replacing(target: str | Path) -> Iterator[Path]:
    """Yield a temporary path for a file, and move the file to `target` on success.

    The temporary file has the name of the target and lies in a temporary folder beside
    it. It is flushed to the disk before it gets its final name. A regular file at the
    target is replaced. If an exception is raised, cancelling included, the target is
    unchanged and the temporary file is removed.

    Parameters
    ----------
    target
        Path of the file to write. Missing parent folders are created.

    Raises
    ------
    OccupiedError
        If the target is a folder, a link, a pipe, a socket or a device.
    WriteError
        If the folder cannot be made or written, the disk is full, or no file was
        written at the temporary path.
    """
    target = Path(target)
    require_file_target(target)
    with disk_errors(target), temporary_folder(target.parent) as room:
        yield room / target.name
        place_file(room / target.name, target)


def copy_file(source: str | Path, target: str | Path) -> None:
    """Copy a file; the target is replaced by the same rules as in `replacing`.

    Raises
    ------
    OccupiedError
        If the target is a folder, a link, a pipe, a socket, a device, or a loop of
        others.
    WriteError
        If the source cannot be read, or the target cannot be written.
    """
    with replacing(target) as temporary:
        shutil.copyfile(source, temporary)


@contextmanager
def new_folder(target: str | Path) -> Iterator[Path]:
    """Yield a temporary path for a folder, and move the folder to `target` on success.

    Its files and names are flushed to the disk before the folder gets its final name.

    Parameters
    ----------
    target
        Path of the folder to create. Nothing may exist there, not even an empty folder.

    Raises
    ------
    OccupiedError
        If something exists at the target.
    WriteError
        If the folder cannot be created or written.
    """
    target = Path(target)
    _require_nothing(target)
    with disk_errors(target), temporary_folder(target.parent) as room:
        yield room / target.name
        _require_nothing(target)
        flush_tree(room / target.name)
        os.rename(room / target.name, target)
        flush_folder(target.parent)


def _require_nothing(target: Path) -> None:
    if os.path.lexists(target):
        raise OccupiedError(f"{target}: is there already; choose another name")


@contextmanager
def disk_errors(target: Path) -> Iterator[None]:
    """Raise an OSError as a `WriteError` that names the file to be written.

    Parameters
    ----------
    target
        Path of the file.
    """
    try:
        yield
    except OSError as error:
        # pydicom puts a traceback into the message of its error
        reason = error.strerror or next(iter(str(error).splitlines()), "")
        raise WriteError(f"cannot write {target}: {reason}") from error


def require_file_target(target: str | Path) -> None:
    """Raise an error early if a file must not be written to `target`.

    Parameters
    ----------
    target
        Path of the file that is to be written.

    Raises
    ------
    OccupiedError
        If the target is not a regular file, or is a loop that this program did not
        write.
    WriteError
        If no file can be created there, as below another file or if the name is too
        long.
    """
    target = Path(target)
    if target.name in ("", ".."):
        raise WriteError(f"cannot write {target}: it is a folder; name a file in it")
    try:
        mode = os.lstat(target).st_mode
    except FileNotFoundError:
        return
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise WriteError(f"cannot write {target}: {reason}") from error
    if not stat.S_ISREG(mode):
        what = _KINDS.get(stat.S_IFMT(mode), "no regular file")
        raise OccupiedError(
            f"cannot write {target}: it is {what}, and only a regular file is "
            "replaced; choose another name"
        )
    if is_foreign_loop(target):
        raise OccupiedError(
            f"cannot write {target}: it is a loop that this program did not write; "
            "choose another name"
        )


def place_file(
    temporary: Path, target: Path, *, only_new: bool = False, mode: int | None = None
) -> None:
    """Move a finished temporary file to its final name.

    Parameters
    ----------
    temporary
        Path of the finished file, on the file system of `target`.
    target
        The final path of the file.
    only_new
        Whether an existing regular file at `target` is an error too.
    mode
        Permission bits of the file; None gives it those of any new file.

    Raises
    ------
    OccupiedError
        If the existing target must not be replaced.
    OSError
        If the file system reports an error.
    """
    if not temporary.is_file():
        raise OSError(None, "its writer left no file")
    temporary.chmod(_usual_mode(temporary.parent) if mode is None else mode)
    flush_file(temporary)
    require_file_target(target)
    if only_new:
        _link_or_rename(temporary, target)
    else:
        os.replace(temporary, target)
    flush_folder(target.parent)


def _link_or_rename(temporary: Path, target: Path) -> None:
    """Give a file its name if that is free, in one atomic step where links exist."""
    taken = f"cannot write {target}: another file has just got this name"
    try:
        os.link(temporary, target)
    except FileExistsError as error:
        raise OccupiedError(taken) from error
    except (OSError, NotImplementedError):  # the file system has no hard links
        if os.path.lexists(target):
            raise OccupiedError(taken) from None
        os.replace(temporary, target)
    else:
        os.unlink(temporary)


def _usual_mode(room: Path) -> int:
    """Return the permission bits of a new file; safetensors would make it private."""
    probe = room / "mode"
    probe.touch()
    return probe.stat().st_mode & 0o777
