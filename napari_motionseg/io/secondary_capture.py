"""Write pictures of a loop as a multi-frame secondary capture (PS3.3 A.8.5).

Systems that cannot show segmentations can show these files: each frame is a true-color
picture with the loop's frame times, in the loop's study.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset
from pydicom.encaps import encapsulate
from pydicom.tag import Tag
from pydicom.uid import ExplicitVRLittleEndian, RLELossless

from napari_motionseg.cine import Cine
from napari_motionseg.errors import SettingsError, WriteError
from napari_motionseg.io.atomic import require_file_target
from napari_motionseg.io.damage import pydicom_quiet
from napari_motionseg.io.dicom_seg_frames import NATIVE_BYTES, rle_frame
from napari_motionseg.io.dicom_source import DicomSource, read_source
from napari_motionseg.io.dicom_study import (
    DISCLAIMER,
    Identifiers,
    add_equipment,
    copy_attributes,
    file_meta,
    referenced_instances,
    save_dataset,
    study_of,
)
from napari_motionseg.io.dicom_values import values_of
from napari_motionseg.io.dicom_writer import frame_timing
from napari_motionseg.io.program_marks import MARK
from napari_motionseg.io.segment_codes import code_item
from napari_motionseg.io.sop_classes import CAPTURE_STORAGE
from napari_motionseg.version import __version__

SERIES_NUMBER = 9001  # segmentations have 9000


def write_capture(
    path: str | Path,
    cine: Cine,
    pictures: Iterable[NDArray[np.uint8]],
    *,
    compressed: bool = False,
) -> None:
    """Write one picture for each frame of a loop as a secondary capture.

    Patient and study attributes are copied from the loop's file into the object.

    Parameters
    ----------
    path
        Path of the file to write.
    cine
        The loop; it must have been read from DICOM files that still exist.
    pictures
        Pictures ``(H, W, 3)`` of one size, one for each frame of the loop, in order.
    compressed
        Whether to compress the pictures by RLE, without loss.

    Raises
    ------
    ReadError
        If the loop has no DICOM file, or the file is missing, was changed, or lacks
        UIDs.
    SettingsError
        If the pictures differ in size, or their number is not that of the frames.
    WriteError
        If the pictures exceed the 4 GiB of a DICOM value, or cannot be written.
    """
    require_file_target(path)
    source = read_source(cine)
    shape, parts = _stored(path, pictures, compressed)
    if len(parts) != len(cine):
        raise SettingsError(
            f"{path}: {len(parts)} pictures for a loop of {len(cine)} frames"
        )
    with pydicom_quiet():
        data = _described(source, cine)
        data.NumberOfFrames = len(parts)
        data.Rows, data.Columns = shape[:2]
        _add_pixels(path, data, parts, compressed)
        save_dataset(path, data)


def _stored(
    path: str | Path, pictures: Iterable[NDArray[np.uint8]], compressed: bool
) -> tuple[tuple[int, ...], list[bytes]]:
    """Return the shape of the pictures, and the stored bytes of each."""
    shape: tuple[int, ...] = ()
    parts = []
    for number, picture in enumerate(pictures):
        shape = shape or picture.shape
        if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3:
            raise SettingsError(
                f"{path}: pictures are (H, W, 3) uint8; got {picture.dtype} of shape "
                f"{picture.shape}"
            )
        if picture.shape != shape:
            raise SettingsError(
                f"{path}: picture {number} has shape {picture.shape}, the first {shape}"
            )
        parts.append(rle_frame(picture) if compressed else picture.tobytes())
    return shape, parts


def _described(source: DicomSource, cine: Cine) -> Dataset:
    made = Identifiers.random()
    data = study_of(source)
    add_equipment(data, source, __version__)
    data.SOPClassUID = CAPTURE_STORAGE
    data.SOPInstanceUID = made.uid("instance")
    data.SeriesInstanceUID = made.uid("series")
    data.Modality = "OT"
    data.ConversionType = "WSD"
    data.SeriesNumber = SERIES_NUMBER
    data.SeriesDescription = f"{MARK} overlay, {DISCLAIMER}"
    data.InstanceNumber = 1
    data.SeriesDate, data.SeriesTime = made.made
    data.ContentDate, data.ContentTime = made.made
    data.ImageType = ["DERIVED", "SECONDARY"]
    data.PatientOrientation = ""
    copy_attributes(source.dataset, data, ("BodyPartExamined", "Laterality"))
    if "BodyPartExamined" not in data and "Laterality" not in data:
        data.Laterality = ""  # unknown whether it is a part of which there are two
    data.BurnedInAnnotation = _burned_in(source)
    data.DerivationDescription = f"Masks drawn into the frames of a loop, {DISCLAIMER}"
    data.SourceImageSequence = referenced_instances(source)
    for item in data.SourceImageSequence:
        item.PurposeOfReferenceCodeSequence = [
            code_item("DCM", "SourceImageForImageProcessingOperation")
        ]
    timing = frame_timing(cine) or {"FrameIncrementPointer": Tag("PageNumberVector")}
    if cine.frame_times is None:
        data.PageNumberVector = list(range(1, len(cine) + 1))
    for keyword, value in timing.items():
        setattr(data, keyword, value)
    return data


def _burned_in(source: DicomSource) -> str:
    """Return whether text may be in the pixels: NO only if the source says so."""
    said = values_of(source.dataset, "BurnedInAnnotation")
    return "NO" if said and str(said[0]).strip().upper() == "NO" else "YES"


def _add_pixels(
    path: str | Path, data: Dataset, parts: list[bytes], compressed: bool
) -> None:
    size = sum(map(len, parts))
    if not compressed and size > NATIVE_BYTES:
        raise WriteError(
            f"{path}: the pictures take {size / 2**30:.3g} GiB, more than the 4 GiB of "
            "a DICOM value; write them compressed"
        )
    data.SamplesPerPixel = 3
    data.PhotometricInterpretation = "RGB"
    data.PlanarConfiguration = 0
    data.BitsAllocated = data.BitsStored = 8
    data.HighBit, data.PixelRepresentation = 7, 0
    if "LossyImageCompression" not in data:
        data.LossyImageCompression = "00"
    syntax = RLELossless if compressed else ExplicitVRLittleEndian
    data.file_meta = file_meta(data.SOPClassUID, data.SOPInstanceUID, syntax)
    if compressed:
        data.PixelData = encapsulate(parts)
        data["PixelData"].is_undefined_length = True
    else:
        data.PixelData = b"".join(parts) + b"\0" * (size % 2)
    data["PixelData"].VR = "OB"
