"""Loops by relative path and content: found again, and known to be the same."""

from __future__ import annotations

import dataclasses
import os
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from napari_motionseg.cine import Cine
from napari_motionseg.errors import MotionSegError, ReadError
from napari_motionseg.io import read_cines
from napari_motionseg.io.atomic import replacing
from napari_motionseg.io.damage import damage_named
from napari_motionseg.project.manifest import LoopRecord

STORED = "loops"  # the folder of pixels that came from no file


def relative_path(source: Path, folder: Path) -> str:
    """Return where `source` is as seen from `folder`, with ``/``.

    Absolute where no relative path leads there: another drive of Windows.
    """
    try:
        found = os.path.relpath(source.resolve(), folder.resolve())
    except ValueError:
        found = str(source.resolve())
    return Path(found).as_posix()


def moved(record: LoopRecord, before: Path, after: Path) -> LoopRecord:
    """Return a record as it is where the project's folder is another."""
    if not record.path:
        return record
    return dataclasses.replace(record, path=relative_path(before / record.path, after))


def read_loop(record: LoopRecord, folder: Path, at: Path | None = None) -> Cine:
    """Read a loop of a project.

    Looked for at its path; then, under its name, beside the project's folder, for
    a project that was sent along with its loops.

    Parameters
    ----------
    record
        The loop.
    folder
        The project's.
    at
        Where the user says that it is now.

    Raises
    ------
    ReadError
        If it is not there, or what is there has another shape; the message says what
        to do.
    """
    if record.stored:
        return _read_stored(folder / STORED / record.stored, record.name)
    places = _places(record, folder) if at is None else [at]
    there = next((place for place in places if place.exists()), None)
    if there is None:
        raise ReadError(
            f"loop {record.name!r} is not at {places[0]} any more: put it back, or "
            "say where it is now"
        )
    try:
        cines = read_cines(there)
    except MotionSegError as error:
        raise ReadError(f"loop {record.name!r} cannot be read: {error}") from error
    fitting = [cine for cine in cines if cine.shape == record.shape]
    if not fitting:
        shapes = ", ".join(str(cine.shape) for cine in cines)
        raise ReadError(
            f"loop {record.name!r} has changed: {there} holds {shapes}, its labels "
            f"are for {record.shape}; put the right file back, or say where it is"
        )
    return _best(fitting, record)


def _places(record: LoopRecord, folder: Path) -> list[Path]:
    path = Path(os.path.normpath(folder.resolve() / record.path))
    return [path, folder.resolve().parent / path.name]


def _best(cines: list[Cine], record: LoopRecord) -> Cine:
    """Return the loop that it was, of several in a folder; the first if none is."""
    if len(cines) == 1 or not record.content:
        return cines[0]
    same = (cine for cine in cines if is_same(cine, record))
    return next(same, cines[0])


def is_same(cine: Cine, record: LoopRecord) -> bool:
    """Return whether a loop holds the pixels that were painted on; decodes them."""
    return not record.content or cine.content_hash() == record.content


def store_pixels(cine: Cine, folder: Path, number: int) -> str:
    """Keep the pixels of a loop from no file; return the name of the file.

    Raises
    ------
    WriteError
        If the disk refuses.
    """
    name = f"{number}.npz"
    known = {"bits": np.asarray(cine.bits_stored)}
    if cine.frame_times is not None:
        known["frame_times"] = cine.frame_times
    if cine.pixel_spacing is not None:
        known["pixel_spacing"] = np.asarray(cine.pixel_spacing)
    with replacing(folder / STORED / name) as temporary:
        np.savez_compressed(temporary, frames=cine.frames[:], **known)  # type: ignore[arg-type]
    return name


def _read_stored(path: Path, name: str) -> Cine:
    if not path.is_file():
        raise ReadError(f"loop {name!r} is missing: {path} is not there")
    with damage_named(path, "stored loop"), _archive(path) as kept:
        spacing = kept["pixel_spacing"].tolist() if "pixel_spacing" in kept else None
        return Cine.from_array(
            kept["frames"],
            frame_times=kept.get("frame_times"),
            pixel_spacing=None if spacing is None else (spacing[0], spacing[1]),
            bits_stored=int(kept["bits"]),
            name=name,
        )


@contextmanager
def _archive(path: Path) -> Iterator[Any]:
    # opened here: NumPy leaves a file open that it finds to be no archive
    with path.open("rb") as file:
        try:
            with np.load(file, allow_pickle=False) as kept:
                yield kept
        except zipfile.BadZipFile as error:
            raise ValueError(str(error)) from error
