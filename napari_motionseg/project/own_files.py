"""Distinguish the files that this program created in a project from all others.

Only own files are ever deleted or replaced. Symbolic links never count as own: this
program creates none, and writing through one could change a file elsewhere.
"""

from __future__ import annotations

import datetime
import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from napari_motionseg.errors import ReadError, WriteError
from napari_motionseg.io.regular_files import is_regular, read_regular
from napari_motionseg.io.temporary import clear_leftovers, temporary_folder
from napari_motionseg.project.label_files import LABELS, is_own_label_file, label_files
from napari_motionseg.project.manifest import FILE, Manifest
from napari_motionseg.project.mask_corrections_file import corrections_file
from napari_motionseg.project.mask_probabilities import PROBABILITIES, file_of
from napari_motionseg.project.stored_pixels import STORED

MODELS, OPEN, LOCK = "models", "open", ".lock"
FOLDERS = (LABELS, STORED, MODELS, PROBABILITIES)
_STAMP_BYTES = 64  # largest size of the file `open`, which holds a time


def require_own_places(folder: Path) -> None:
    """Raise an error if something else is in the place of a project's folders or files.

    Raises
    ------
    ReadError
        If one of its folders or label files is a symbolic link, a device or of another
        type than expected.
    """
    for name in FOLDERS:
        place = folder / name
        if os.path.lexists(place) and not _is_real_folder(place):
            raise ReadError(
                f"{place}: must be a plain folder; a project contains no symbolic "
                "links and no devices"
            )
    for file in label_files(folder):
        if not is_regular(file, follow_links=False):
            raise ReadError(
                f"{file}: must be a regular file; a project contains no symbolic links "
                "and no devices"
            )


def own_files(folder: Path, manifest: Manifest) -> list[Path]:
    """Return the files with a project's content, without those of an open window.

    Parameters
    ----------
    folder
        Path of the project.
    manifest
        Manifest of the project, which names its stored loops and its models.
    """
    labels = [file for file in label_files(folder) if is_own_label_file(file)]
    stored = [folder / STORED / loop.stored for loop in manifest.loops if loop.stored]
    models = [folder / MODELS / model.file for model in manifest.models]
    masks = [layer.number for layer in manifest.layers if layer.kind == "masks"]
    known = [of(folder, n) for n in masks for of in (file_of, corrections_file)]
    there = [folder / FILE, *labels, *stored, *models, *known]
    return [file for file in dict.fromkeys(there) if _is_own(folder, file)]


def remove_project(folder: Path, manifest: Manifest) -> bool:
    """Delete a project's own files, and its folders if nothing else is in them.

    The caller holds the project's lock. If everything is the program's own, the folder
    is removed in one step, so that a kill leaves no part of it.

    Parameters
    ----------
    folder
        Path of the project.
    manifest
        Manifest of the project.

    Returns
    -------
    bool
        True if the folder was removed, False if other files are left in it.
    """
    own = [*own_files(folder, manifest), *_of_a_window(folder)]
    if set(_files_below(folder)) <= set(own):
        with suppress(OSError, WriteError), temporary_folder(folder.parent) as room:
            os.rename(folder, room / folder.name)
        if not os.path.lexists(folder):
            return True
    # the manifest goes first: without it, the rest does not count as a project
    for file in own:
        with suppress(OSError):
            file.unlink()
    for place in (*(folder / name for name in FOLDERS), folder):
        with suppress(OSError):
            place.rmdir()
    return not os.path.lexists(folder)


def tidy(folder: Path) -> None:
    """Remove temporary files that killed windows have left."""
    for place in (folder, *(folder / name for name in FOLDERS)):
        if _is_real_folder(place):
            clear_leftovers(place)


def note_open(folder: Path) -> None:
    """Record in the folder that a window has the project open; see `says_open`.

    An existing file of that name that this program did not write is not changed.
    """
    place = folder / OPEN
    if os.path.lexists(place) and not says_open(folder):
        return
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_NOFOLLOW", 0)
    with suppress(OSError):
        number = os.open(place, flags, 0o666)
        with os.fdopen(number, "w", encoding="ascii") as file:
            file.write(datetime.datetime.now().isoformat(timespec="seconds") + "\n")


def note_closed(folder: Path) -> None:
    """Remove the record that `note_open` has made."""
    if says_open(folder):
        with suppress(OSError):
            (folder / OPEN).unlink()


def says_open(folder: Path) -> bool:
    """Return whether a window has noted the project as open and not closed it."""
    try:
        content = read_regular(folder / OPEN, _STAMP_BYTES, follow_links=False)
        words = content.decode("ascii").strip()
        return not words or bool(datetime.datetime.fromisoformat(words))
    except (ReadError, ValueError):
        return False


def _of_a_window(folder: Path) -> Iterator[Path]:
    if says_open(folder):
        yield folder / OPEN
    lock = folder / LOCK
    if is_regular(lock, follow_links=False) and lock.stat().st_size == 0:
        yield lock


def _is_own(folder: Path, file: Path) -> bool:
    place = file.parent
    return (place == folder or _is_real_folder(place)) and is_regular(
        file, follow_links=False
    )


def _is_real_folder(place: Path) -> bool:
    try:
        return stat.S_ISDIR(os.lstat(place).st_mode)
    except OSError:
        return False


def _files_below(folder: Path) -> Iterator[Path]:
    """Yield everything except this program's folders; other folders count as files."""
    for entry in os.scandir(folder):
        if entry.name in FOLDERS and entry.is_dir(follow_symlinks=False):
            yield from (Path(inner.path) for inner in os.scandir(entry.path))
        else:
            yield Path(entry.path)
