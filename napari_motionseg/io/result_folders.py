"""Write results that are folders (zarr, series of PNG), and track their files.

Such a folder holds a marker, ``.napari-motionseg.json``, with the kind of result and
the size and SHA-256 of every file that this program wrote. A file that the marker does
not list, or that has changed since, is never replaced. The marker of a zarr group lies
in its first array, because zarr warns about unknown files in a group.
"""

from __future__ import annotations

import ctypes
import hashlib
import json
import os
import stat
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from napari_motionseg.errors import OccupiedError, ReadError, WriteError
from napari_motionseg.io.durable import flush_folder, flush_tree, make_folders
from napari_motionseg.io.regular_files import read_regular
from napari_motionseg.io.temporary import SET_ASIDE, temporary_folder
from napari_motionseg.version import __version__

MARKER = ".napari-motionseg.json"
MARKERS = (MARKER, f"forward/{MARKER}")  # the two places of a marker
MADE_BY = "napari-motionseg"
MARKER_BYTES = 64 * 2**20  # a flow of 100,000 frames needs less than this
BLOCK = 2**20  # bytes read at once
_NO_MARKER = (
    ReadError, ValueError, TypeError, KeyError, AttributeError, RecursionError,
)  # fmt: skip
_AT_CWD, _EXCHANGE = -100, 2  # AT_FDCWD, RENAME_EXCHANGE of Linux
OVERWRITE = "--overwrite (overwrite=True) replaces only files that this program wrote"

Listed = Mapping[str, tuple[int, str]]  # size in bytes and SHA-256 of each file


@dataclass(frozen=True)
class Contents:
    """Files in a folder, sorted by who wrote them.

    Parameters
    ----------
    kind
        Kind of result that the marker names; None if there is no readable marker.
    own
        Relative names of files that are unchanged since this program wrote them.
    changed
        Relative names of files that this program wrote and that were changed
        afterwards.
    foreign
        Relative names of all other files, and of links, pipes, devices and empty
        folders.
    """

    kind: str | None
    own: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    foreign: tuple[str, ...] = ()

    @property
    def empty(self) -> bool:
        """Whether the folder holds nothing at all."""
        return not (self.kind or self.own or self.changed or self.foreign)


@contextmanager
def replacing_folder(
    target: str | Path, kind: str, *, overwrite: bool = False
) -> Iterator[Path]:
    """Yield a temporary path for a folder, and move the folder to `target` on success.

    The caller creates the folder and fills it. The target may be free, an empty folder,
    or an unchanged folder of the same kind that this program wrote. After an exception
    the target is as it was.

    Parameters
    ----------
    target
        Path of the folder to write.
    kind
        Kind of result, such as ``"flow"`` or ``"masks"``, which the marker records.
    overwrite
        Whether files of this program may be replaced one by one in a folder that also
        holds other or changed files. Those other files stay in any case.

    Raises
    ------
    OccupiedError
        If something at the target must not be replaced.
    WriteError
        If the folder cannot be written.
    """
    target = Path(target)
    require_folder_target(target, kind, overwrite=overwrite)
    try:
        with temporary_folder(target.parent) as room:
            yield room / target.name
            write_marker(room / target.name, kind)
            place_folder(room / target.name, target, kind, overwrite=overwrite)
    except OSError as error:
        raise WriteError(f"cannot write {target}: {error.strerror or error}") from error


def require_folder_target(
    target: Path, kind: str, *, overwrite: bool = False
) -> Contents:
    """Raise an error if a folder of `kind` must not go to `target`; return its content.

    Raises
    ------
    OccupiedError
        If the target is a file, a link, or a folder with files of others.
    WriteError
        If the existing folder cannot be read.
    """
    if target.name in ("", ".."):
        raise WriteError(f"cannot write {target}: name a folder that may be replaced")
    try:
        found = contents_of(target)
    except OSError as error:
        raise WriteError(f"cannot write {target}: {error.strerror}") from error
    if found.empty:
        return found
    others = (*found.foreign, *found.changed)
    if found.kind not in (None, kind):
        raise OccupiedError(
            f"cannot write {target}: it holds another kind of result ({found.kind}, "
            f"not {kind}); choose another name"
        )
    if others and not overwrite:
        what = "did not write" if found.foreign else "wrote and that were changed"
        names = ", ".join(others[:3]) + (", ..." if len(others) > 3 else "")
        raise OccupiedError(
            f"cannot write {target}: it is a folder with files that this program "
            f"{what} ({names}); choose another name. {OVERWRITE}"
        )
    return found


def contents_of(folder: Path) -> Contents:
    """List the files of a folder, sorted by who wrote them.

    Raises
    ------
    OccupiedError
        If the path is a file or a link.
    OSError
        If the folder cannot be read.
    """
    try:
        mode = os.lstat(folder).st_mode
    except FileNotFoundError:
        return Contents(None)
    if not stat.S_ISDIR(mode):
        what = "a link" if stat.S_ISLNK(mode) else "not a folder"
        raise OccupiedError(
            f"cannot write {folder}: it is {what}, but the result is a folder; choose "
            "another name"
        )
    marker, kind, listed = read_marker(folder)
    own, changed, foreign = [], [], []
    for name in _names_below(folder):
        if name == marker:
            continue
        file = folder / name
        if name not in listed or file.is_symlink() or not file.is_file():
            foreign.append(name)
        elif fingerprint(file) == listed[name]:
            own.append(name)
        else:
            changed.append(name)
    return Contents(kind, tuple(own), tuple(changed), tuple(foreign))


def write_marker(folder: Path, kind: str) -> None:
    """Write the marker of a finished folder, and flush the folder to the disk.

    Parameters
    ----------
    folder
        Path of a folder in which this program wrote every file.
    kind
        Kind of result, such as ``"flow"``.
    """
    files = {}
    for name in _names_below(folder):
        files[name] = fingerprint(folder / name)
    described = {
        "made_by": MADE_BY, "version": __version__, "kind": kind, "files": files,
    }  # fmt: skip
    nested = [folder / name for name in MARKERS[1:]]
    marker = next((m for m in nested if m.parent.is_dir()), folder / MARKER)
    marker.write_text(json.dumps(described, indent=1) + "\n", encoding="utf-8")
    flush_tree(folder)


def read_marker(folder: Path) -> tuple[str | None, str | None, Listed]:
    """Read the marker of a folder.

    Returns
    -------
    marker
        Relative name of the marker; None if there is no readable one.
    kind
        Kind of result; None without a marker.
    listed
        Size and SHA-256 of each file that was written; empty without a marker.
    """
    for marker in MARKERS:
        try:
            text = read_regular(folder / marker, MARKER_BYTES, follow_links=False)
            described = json.loads(text)
            if described["made_by"] != MADE_BY:
                continue
            listed = {
                str(name): (int(size), str(digest))
                for name, (size, digest) in described["files"].items()
            }
            return marker, str(described["kind"]), listed
        except _NO_MARKER:
            continue
    return None, None, {}


def place_folder(
    finished: Path, target: Path, kind: str, *, overwrite: bool = False
) -> None:
    """Move a finished folder with its marker to its final name.

    Raises
    ------
    OccupiedError
        If something that must not be replaced has appeared there meanwhile.
    OSError
        If the file system reports an error.
    """
    there = require_folder_target(target, kind, overwrite=overwrite)
    if there.foreign or there.changed:
        _merge(finished, target, there)
    elif target.is_dir():
        _exchange(finished, target)
    else:
        os.rename(finished, target)
    flush_folder(target.parent)


def _merge(finished: Path, target: Path, there: Contents) -> None:
    """Put new files among existing ones, and remove outdated files of this program."""
    new = tuple(_names_below(finished))
    taken = sorted(set(new) & set(there.foreign))
    taken += [name for name in new if _blocked(target, name)]
    if taken:
        raise OccupiedError(
            f"cannot write {target}: this program did not write {taken[0]} in it, so "
            "the file stays; choose another name"
        )
    for name in sorted(new, key=lambda name: name in MARKERS):  # the marker last
        make_folders((target / name).parent)
        os.replace(finished / name, target / name)
    for changed in {(target / name).parent for name in new}:
        flush_folder(changed)
    for name in sorted({*there.own, *there.changed} - set(new)):
        os.unlink(target / name)
        with suppress(OSError):  # other files may be in the folder
            (target / name).parent.rmdir()


def _blocked(target: Path, name: str) -> bool:
    """Return whether a folder is in a file's place, or a link on its way."""
    if (target / name).is_dir():
        return True
    above = list((target / name).relative_to(target).parents)[:-1]
    places = [target / part for part in above]
    return any(p.is_symlink() or (p.exists() and not p.is_dir()) for p in places)


def _exchange(finished: Path, target: Path) -> None:
    """Exchange the names of two folders, in one atomic step if the system supports it.

    Otherwise the old folder is first moved into the temporary folder. If the process is
    killed between the two moves, `clear_leftovers` moves it back.
    """
    if _swapped(finished, target):
        return
    aside = finished.parent / SET_ASIDE
    aside.mkdir()
    os.rename(target, aside / target.name)
    try:
        os.rename(finished, target)
    except OSError:
        os.rename(aside / target.name, target)
        raise


def _swapped(one: Path, other: Path) -> bool:
    """Exchange two names with renameat2(2).

    Return False where this is not supported.
    """
    if not sys.platform.startswith("linux"):
        return False
    rename: Any = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if rename is None:
        return False
    names = (os.fsencode(one.absolute()), os.fsencode(other.absolute()))
    return bool(rename(_AT_CWD, names[0], _AT_CWD, names[1], _EXCHANGE) == 0)


def fingerprint(file: Path) -> tuple[int, str]:
    """Return the size in bytes and the SHA-256 of a file."""
    digest, size = hashlib.sha256(), 0
    with file.open("rb") as stream:
        while block := stream.read(BLOCK):
            digest.update(block)
            size += len(block)
    return size, digest.hexdigest()


def _names_below(folder: Path) -> Iterator[str]:
    """Yield the relative names of files, links and empty folders below a folder."""
    for root, folders, names in os.walk(folder, onerror=_raise):
        here = Path(root)
        linked = [name for name in folders if (here / name).is_symlink()]
        if here != folder and not (folders or names):
            yield here.relative_to(folder).as_posix()
        for name in sorted((*names, *linked)):
            yield (here / name).relative_to(folder).as_posix()


def _raise(error: OSError) -> None:
    raise error
