"""Refer to loops by relative path and content, to find and recognize them again."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

from napari_motionseg.cine import Cine
from napari_motionseg.errors import MotionSegError, ReadError
from napari_motionseg.io import read_cines
from napari_motionseg.io.reading import MEMORY_BUDGET
from napari_motionseg.io.regular_files import open_regular
from napari_motionseg.project.manifest import LoopRecord
from napari_motionseg.project.stored_pixels import read_stored

MOST_ENTRIES = 20_000  # most files and folders in the folder of a loop


def relative_path(source: Path, folder: Path) -> str:
    """Return the path of `source` relative to `folder`, with ``/``.

    It is absolute if there is no relative path, as to another drive of Windows.
    """
    try:
        found = os.path.relpath(source.resolve(), folder.resolve())
    except ValueError:
        found = str(source.resolve())
    return Path(found).as_posix()


def moved(record: LoopRecord, before: Path, after: Path) -> LoopRecord:
    """Return the record of a loop after the project's folder has moved."""
    if not record.path:
        return record
    return dataclasses.replace(record, path=relative_path(before / record.path, after))


def read_loop(
    record: LoopRecord,
    folder: Path,
    at: Path | None = None,
    *,
    memory_budget: int = MEMORY_BUDGET,
) -> Cine:
    """Read a loop of a project.

    The loop is searched at its path, and then by its name beside the project's folder,
    in case the project was sent together with its loops. A project may come from an
    unknown source, so its paths are followed only to regular files and to folders of a
    limited number of files.

    Parameters
    ----------
    record
        Record of the loop.
    folder
        Path of the project.
    at
        Path at which the user has located the loop; None searches for it.
    memory_budget
        Number of bytes that the decoded frames may take; see `read_cines`.

    Raises
    ------
    ReadError
        If the loop is not found, cannot be read, or has another shape.
    """
    if record.stored:
        return read_stored(record, folder, memory_budget)
    if not record.path and at is None:
        raise ReadError(
            f"loop {record.name!r} was shown from memory and its pixels were not "
            "saved; open its file again and say where it is"
        )
    places = _places(record, folder) if at is None else [at]
    there = next((place for place in places if _exists(place)), None)
    if there is None:
        raise ReadError(
            f"loop {record.name!r} is no longer at {places[0]}; put it back, or "
            "say where it is now"
        )
    try:
        _require_loop_place(there)
        cines = read_cines(there, memory_budget=memory_budget)
    except MotionSegError as error:
        raise ReadError(f"loop {record.name!r} cannot be read: {error}") from error
    fitting = [cine for cine in cines if cine.shape == record.shape]
    if not fitting:
        shapes = ", ".join(str(cine.shape) for cine in cines)
        raise ReadError(
            f"loop {record.name!r} has changed: {there} holds {shapes}, but its labels "
            f"are for {record.shape}; put the right file back, or say where it is"
        )
    return _best(fitting, record)


def _exists(place: Path) -> bool:
    try:
        return place.exists()
    except (OSError, ValueError):  # ValueError: a name that no file can have
        return False


def _require_loop_place(place: Path) -> None:
    """Raise an error for a path too large to be a loop, such as ``/usr``."""
    if not place.is_dir():
        open_regular(place).close()
        return
    entries = 0
    for _, folders, files in os.walk(place):
        entries += len(folders) + len(files)
        if entries > MOST_ENTRIES:
            raise ReadError(
                f"{place}: holds more than {MOST_ENTRIES} files, too many for the "
                "folder of a loop; say where the loop is now"
            )


def _places(record: LoopRecord, folder: Path) -> list[Path]:
    path = Path(os.path.normpath(folder.resolve() / record.path))
    return [path, folder.resolve().parent / path.name]


def _best(cines: list[Cine], record: LoopRecord) -> Cine:
    """Return the loop with the recorded shape or name among several; else the first."""
    if len(cines) == 1 or not record.content:
        return cines[0]
    same = (cine for cine in cines if is_same(cine, record))
    return next(same, cines[0])


def is_same(cine: Cine, record: LoopRecord) -> bool:
    """Return whether a loop has the pixels whose hash is stored; decode all frames."""
    return not record.content or cine.content_hash() == record.content
