"""Read the loops that the DICOM files of a folder make up."""

from __future__ import annotations

import warnings
from collections.abc import Hashable, Iterable, Sequence
from pathlib import Path

from napari_motionseg.cine import Cine
from napari_motionseg.errors import PartialReadWarning, ReadError
from napari_motionseg.io.damage import damage_named, pydicom_quiet
from napari_motionseg.io.dicom import OpenedFile, cine_of_files, open_file
from napari_motionseg.io.dicom_header import read_header
from napari_motionseg.io.dicom_runs import runs
from napari_motionseg.io.dicom_values import values_of
from napari_motionseg.io.loop_names import loop_name

# attributes in which frames of one series agree
OF_SERIES = ("SeriesInstanceUID", "StudyInstanceUID", "PatientID")


def read_files(paths: Iterable[Path], memory_budget: int, root: Path) -> list[Cine]:
    """Read every loop among DICOM files.

    Files of several frames are loops. Files of one frame that share a series make up
    one loop for each plane, size and run in it (see `dicom_runs`).

    Parameters
    ----------
    paths
        Paths of the files.
    memory_budget
        Number of bytes that the decoded frames of each loop may take.
    root
        Folder that is recorded as the source of loops of several files.

    Raises
    ------
    ReadError
        If no file can be read; the message is that of the first file.

    Warns
    -----
    PartialReadWarning
        For each file that cannot be read or belongs to no loop, if others can be read.
    """
    errors: list[ReadError] = []
    groups: dict[Hashable, list[OpenedFile]] = {}
    for path in paths:
        try:
            opened = open_file(read_header(path), memory_budget)
            with damage_named(path, "DICOM header"), pydicom_quiet():
                group = _series(opened)
        except ReadError as error:
            errors.append(error)
            continue
        groups.setdefault(group, []).append(opened)
    loops = _loops(list(groups.values()), root, errors)
    cines = []
    for files, source, name in loops:
        try:
            cines.append(cine_of_files(files, memory_budget, source, name))
        except ReadError as error:
            errors.append(error)
    if not cines and errors:
        raise errors[0]
    for left_out in errors:
        warnings.warn(f"left out: {left_out}", PartialReadWarning, stacklevel=3)
    return cines


def _series(opened: OpenedFile) -> Hashable:
    """Return a key that files of one series share; a multi-frame file has its own.

    Patient and study are part of it, because programs that remove UIDs may give all
    series the same one. Without a UID, the frames of a folder are taken together.
    """
    path, data = opened.header.path, opened.header.dataset
    if opened.count > 1 or opened.form.frames > 1:
        return path
    words = tuple(str(values_of(data, keyword)) for keyword in OF_SERIES)
    if values_of(data, "SeriesInstanceUID"):
        return words
    described = any(values_of(data, keyword) for keyword in OF_SERIES)
    number = str(values_of(data, "SeriesNumber"))
    return (path.parent, number, *words) if described else path


Loop = tuple[Sequence[OpenedFile], Path, str]


def _loops(
    groups: Sequence[Sequence[OpenedFile]], root: Path, errors: list[ReadError]
) -> list[Loop]:
    """Return files, source and name of each loop.

    Add files without a loop to errors.
    """
    loops: list[Sequence[OpenedFile]] = []
    for files in groups:
        if len(files) == 1:
            loops.append(files)
            continue
        try:
            with damage_named(files[0].header.path, "DICOM header"), pydicom_quiet():
                found = runs(files)
        except ReadError as error:
            errors.append(error)
            continue
        loops += found.loops
        errors += [ReadError(f"{f.header.path}: {why}") for f, why in found.left_out]
    several = sum(len(files) > 1 for files in loops) > 1
    named: list[Loop] = []
    for files in loops:
        if len(files) == 1:
            path = files[0].header.path
            named.append((files, path, loop_name(path)))
            continue
        number = sum(len(known) > 1 for known, _, _ in named) + 1
        name = loop_name(root)
        named.append((files, root, f"{name}_{number}" if several else name))
    return named
