"""Which DICOM files of a folder make up which loops."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from napari_motionseg.cine import Cine
from napari_motionseg.errors import PartialReadWarning, ReadError
from napari_motionseg.io.damage import damage_named, pydicom_quiet
from napari_motionseg.io.dicom import cine_of_headers
from napari_motionseg.io.dicom_header import Header, numbers, read_header

DIRECTORY_CLASS = "1.2.840.10008.1.3.10"  # Media Storage Directory


def files_of_dicomdir(path: Path) -> list[Path]:
    """Return the files that a DICOMDIR lists, in its order.

    Raises
    ------
    ReadError
        If it is damaged or lists nothing that is there.
    """
    from pydicom import dcmread

    with damage_named(path, "DICOMDIR"), pydicom_quiet():
        records = dcmread(path).get("DirectoryRecordSequence") or ()
        listed = []
        for record in records:
            parts = record.get("ReferencedFileID")
            if parts:
                several = [parts] if isinstance(parts, str) else list(parts)
                listed.append(_within(path.parent, [str(part) for part in several]))
    there = [file for file in listed if file is not None and file.is_file()]
    if not there:
        raise ReadError(f"{path}: lists no file that is there")
    return there


def _within(root: Path, parts: list[str]) -> Path | None:
    """Return a listed file; names on old media differ in case from the listed ones."""
    exact = root.joinpath(*parts)
    if exact.is_file():
        return exact
    return next(
        (
            candidate
            for candidate in (root.joinpath(*(change(part) for part in parts))
                              for change in (str.lower, str.upper))
            if candidate.is_file()
        ),
        None,
    )  # fmt: skip


def is_dicomdir(path: Path) -> bool:
    """Return whether a DICOM file is a directory of a medium, by its name."""
    return path.name.upper() == "DICOMDIR"


def read_files(paths: Iterable[Path], memory_budget: int, root: Path) -> list[Cine]:
    """Read every loop among DICOM files.

    Files of several frames are loops; files of one frame that share a series are one
    loop, by InstanceNumber, then time, then name.

    Raises
    ------
    ReadError
        If none can be read: what is wrong with the first; or if frames of a series
        differ in size.

    Warns
    -----
    PartialReadWarning
        For each file that cannot be read while others can.
    """
    errors: list[ReadError] = []
    groups: dict[Any, list[Header]] = {}
    for path in paths:
        try:
            header = read_header(path)
            with damage_named(path, "DICOM header"), pydicom_quiet():
                group = _group(header)
        except ReadError as error:
            errors.append(error)
            continue
        groups.setdefault(group, []).append(header)
    cines = []
    for headers in groups.values():
        headers.sort(key=_order)
        whole = headers[0].path if len(headers) == 1 else root
        try:
            cines.append(cine_of_headers(headers, memory_budget, whole))
        except ReadError as error:
            errors.append(error)
    if not cines and errors:
        raise errors[0]
    for left_out in errors:
        warnings.warn(f"left out: {left_out}", PartialReadWarning, stacklevel=3)
    return cines


def _group(header: Header) -> Any:
    frames = numbers(header.dataset.get("NumberOfFrames"))
    series = header.dataset.get("SeriesInstanceUID")
    if (frames and frames[0] > 1) or not series:
        return header.path
    return str(series)


def _order(header: Header) -> tuple[float, str, str, str]:
    data = header.dataset
    number = numbers(data.get("InstanceNumber"))
    return (
        number[0] if number else float("inf"),
        str(data.get("AcquisitionDateTime") or data.get("AcquisitionTime") or ""),
        str(data.get("ContentTime") or ""),
        header.path.name,
    )
