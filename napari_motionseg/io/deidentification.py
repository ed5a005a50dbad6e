"""Write de-identified copies of loops and of their segmentations."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path

import pydicom
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset

from napari_motionseg.errors import MemoryBudgetError, PartialReadWarning, ReadError
from napari_motionseg.io.confidentiality_profile import Profile, deidentify_dataset
from napari_motionseg.io.damage import damage_named, pydicom_quiet
from napari_motionseg.io.dicom_header import MEMORY_BUDGET, is_dicom, read_header
from napari_motionseg.io.dicom_study import file_meta, save_dataset
from napari_motionseg.io.dicom_values import values_of
from napari_motionseg.io.dicomdir import is_dicomdir
from napari_motionseg.io.regular_files import open_regular

NAME_DIGITS = 12  # digits of the new SOP Instance UID in the name of a file


def deidentify(
    path: str | Path,
    folder: str | Path,
    profile: Profile,
    *,
    burned_in: bool = False,
    memory_budget: int = MEMORY_BUDGET,
) -> Path:
    """Write a copy of a DICOM image or segmentation without identity.

    Pixels are copied as they are, compressed ones too. The copy is named after its
    modality and its new UID. Copies of a loop and of its segmentation made with one
    key refer to each other as the originals do.

    Parameters
    ----------
    path
        Path of the file.
    folder
        Path of the folder for the copy; it is created if it does not exist.
    profile
        Key and rules by which identity is removed.
    burned_in
        Whether to copy a file even if it says that text is burned into its pixels.
    memory_budget
        Bytes that the file may take in memory.

    Returns
    -------
    Path
        Path of the copy.

    Raises
    ------
    ReadError
        If the file is not an image or segmentation, is damaged, or says that its pixels
        show text, which this function cannot remove.
    MemoryBudgetError
        If the file needs more memory than the budget.
    MissingDependencyError
        If the library with the profile's table is not installed.
    OccupiedError
        If a file that this program did not write has the name of the copy.
    WriteError
        If the copy cannot be written.

    Warns
    -----
    PartialReadWarning
        If the file does not say whether its pixels show text.
    """
    path = Path(path)
    with pydicom_quiet():
        data = _read(path, memory_budget)
        _require_no_text(path, data, burned_in)
        with damage_named(path, "DICOM attributes"):
            syntax = data.file_meta.TransferSyntaxUID
            deidentify_dataset(data, profile)
            if "SOPInstanceUID" not in data or "SOPClassUID" not in data:
                raise ReadError(f"{path}: lacks SOPClassUID or SOPInstanceUID")
            data.file_meta = file_meta(data.SOPClassUID, data.SOPInstanceUID, syntax)
            data.preamble = b"\0" * 128
        target = Path(folder) / _name(data)
        with damage_named(path, "DICOM attributes"):
            save_dataset(target, data)
    return target


def _read(path: Path, budget: int) -> Dataset:
    """Return the whole data set of a file after checking that its structure is safe."""
    header = read_header(path, budget)  # refuses bombs, deep nesting, missing pixels
    if header.irregular:
        raise ReadError(
            f"{path}: its structure breaks the DICOM Standard, so attributes that name "
            "the patient might be overlooked; have the file repaired first"
        )
    with open_regular(path) as file, damage_named(path, "DICOM file"):
        size = file.seek(0, 2)
        if size > budget:
            raise MemoryBudgetError(
                f"{path}: has {size / 2**30:.3g} GiB; the memory budget is "
                f"{budget / 2**30:.3g} GiB"
            )
        file.seek(0)
        data = pydicom.dcmread(file, force=True)
        if not isinstance(getattr(data, "file_meta", None), FileMetaDataset):
            data.file_meta = FileMetaDataset()
        data.file_meta.TransferSyntaxUID = header.syntax
    return data


def _require_no_text(path: Path, data: Dataset, allowed: bool) -> None:
    said = next((str(v).strip().upper() for v in _said(data)), "")
    if said == "YES" and not allowed:
        raise ReadError(
            f"{path}: says that text is burned into its pixels (BurnedInAnnotation), "
            "which may name the patient and is not removed here; blacken it first, or "
            "allow it if you have looked at the pixels"
        )
    if said not in ("YES", "NO"):
        warnings.warn(
            f"{path}: does not say whether text is burned into its pixels; look at "
            "them before you pass the copy on",
            PartialReadWarning,
            stacklevel=4,
        )


def _said(data: Dataset) -> Iterator[object]:
    return iter(values_of(data, "BurnedInAnnotation"))


def _name(data: Dataset) -> str:
    modality = "".join(filter(str.isalnum, str(data.get("Modality", "")))) or "DICOM"
    digits = str(data.SOPInstanceUID)[-NAME_DIGITS:].replace(".", "")
    return f"{modality[:4].upper()}_{digits}.dcm"


def files_below(paths: Iterable[Path]) -> list[Path]:
    """Return DICOM files that are named or lie in folders, each once and in order."""
    found: dict[Path, None] = {}
    for path in paths:
        inside = sorted(path.rglob("*")) if path.is_dir() else [path]
        for file in inside:
            if not path.is_dir() or (is_dicom(file) and not is_dicomdir(file)):
                found[file] = None
    return list(found)
