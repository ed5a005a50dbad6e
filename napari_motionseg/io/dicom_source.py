"""The DICOM objects that a loop was read from, as derived objects refer to them.

A `Cine` keeps only the places of its files. Patient, study and UIDs are read again here
when an object is written, or when the references of a segmentation are compared.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from pydicom import Dataset
from pydicom.uid import UID

from napari_motionseg.cine import Cine
from napari_motionseg.errors import ReadError
from napari_motionseg.io.damage import damage_named, pydicom_quiet
from napari_motionseg.io.dicom_header import read_header
from napari_motionseg.io.dicom_values import values_of
from napari_motionseg.io.pixel_format import promised_frames
from napari_motionseg.io.regular_files import open_regular

LONGEST_UID = 64  # characters, PS3.5 9.1
LISTED = 6  # frames that a message names


@dataclass(frozen=True)
class FrameReference:
    """The place of one frame of a loop in the DICOM objects of its study.

    Parameters
    ----------
    sop_class, sop_instance
        UIDs of the object that holds the frame.
    number
        Number of the frame in the object, from 1; None if the object holds one frame.
    """

    sop_class: UID
    sop_instance: UID
    number: int | None


@dataclass(frozen=True, eq=False)
class DicomSource:
    """The DICOM objects of a loop.

    Parameters
    ----------
    dataset
        Attributes of the first file without pixels, patient attributes among them.
    frames
        Where each frame of the loop is, in order.
    study, series
        Study and Series Instance UID.
    promised
        Frames that the file's NumberOfFrames gives; of a series the number of files.
    """

    dataset: Dataset
    frames: tuple[FrameReference, ...]
    study: UID
    series: UID
    promised: int

    @property
    def instances(self) -> tuple[tuple[UID, UID], ...]:
        """SOP class and instance UIDs of each object, once and in order."""
        pairs = ((f.sop_class, f.sop_instance) for f in self.frames)
        return tuple(dict.fromkeys(pairs))


def read_source(cine: Cine) -> DicomSource:
    """Read what identifies the frames of a loop from its DICOM files.

    Parameters
    ----------
    cine
        The loop.

    Raises
    ------
    ReadError
        If the loop came from no DICOM file, a file is gone or was changed since the
        loop was opened, lacks a UID, or two files have the same SOP Instance UID.
    """
    if not cine.files:
        raise ReadError(
            f"{cine.name}: this loop was not read from DICOM files, so that no DICOM "
            "object can refer to its frames; write .npz, .tiff or .nii.gz instead, or "
            "open the loop from its DICOM file"
        )
    for file in cine.files:
        if file.stamp is not None:
            with damage_named(file.path, "file"), open_regular(file.path) as stream:
                file.stamp.require(stream, file.path)
    paths = [file.path for file in cine.files]
    with pydicom_quiet():
        headers = [read_header(path).dataset for path in paths]
        single = len(paths) > 1 or promised_frames(headers[0]) == 0
        instances = [
            (
                required_uid(data, "SOPClassUID", path),
                required_uid(data, "SOPInstanceUID", path),
            )
            for data, path in zip(headers, paths, strict=True)
        ]
        _require_different([instance for _, instance in instances], paths)
        if single:
            frames = [FrameReference(*pair, None) for pair in instances]
        else:
            frames = [FrameReference(*instances[0], t + 1) for t in range(len(cine))]
        promised = len(paths) if single else promised_frames(headers[0])
        return DicomSource(
            headers[0],
            tuple(frames),
            required_uid(headers[0], "StudyInstanceUID", paths[0]),
            required_uid(headers[0], "SeriesInstanceUID", paths[0]),
            promised,
        )


def required_uid(data: Dataset, keyword: str, path: Path) -> UID:
    """Return a UID that derived objects cannot do without.

    Parameters
    ----------
    data
        Attributes of a file.
    keyword
        Name of the attribute.
    path
        Path of the file, for the message.

    Raises
    ------
    ReadError
        If the attribute is missing or no UID.
    """
    text = next((str(value).strip() for value in values_of(data, keyword)), "")
    if not text or len(text) > LONGEST_UID or not set(text) <= set("0123456789."):
        shown = "lacks" if not text else "has no valid"
        raise ReadError(
            f"{path}: {shown} {keyword}, without which no DICOM object can refer to "
            "this loop; export it from its archive again, or write the masks as .npz, "
            ".tiff or .nii.gz"
        )
    return UID(text)


def _require_different(instances: list[UID], paths: list[Path]) -> None:
    seen: dict[UID, Path] = {}
    for uid, path in zip(instances, paths, strict=True):
        if uid in seen:
            raise ReadError(
                f"{path}: has the SOP Instance UID of {seen[uid].name}, so that a "
                "reference to one of them may mean the other; export the series from "
                "its archive again"
            )
        seen[uid] = path


def frame_numbers(indices: Iterable[int]) -> str:
    """Return frames by their numbers from 1, as a message lists them."""
    numbers = [str(t + 1) for t in indices]
    more = ", ..." if len(numbers) > LISTED else ""
    return ", ".join(numbers[:LISTED]) + more
