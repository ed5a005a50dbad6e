"""Write a loop as an X-ray angiographic DICOM object (PS3.3 A.14)."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from datetime import datetime
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from pydicom import DataElement, Dataset
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataset import FileMetaDataset
from pydicom.tag import Tag
from pydicom.uid import (
    ExplicitVRLittleEndian,
    XRayAngiographicImageStorage,
    generate_uid,
)

from napari_motionseg.cine import Cine
from napari_motionseg.errors import WriteError
from napari_motionseg.io.atomic import replacing
from napari_motionseg.io.damage import pydicom_quiet
from napari_motionseg.io.dicom_spacing import LEAST_ASPECT, MOST_ASPECT
from napari_motionseg.io.program_marks import DICOM_MARK

MAGNIFICATION = 1.5  # assumed magnification when a loop with known spacing is written
LARGEST_SIDE = 10**5  # largest value of the shorter side in PixelAspectRatio
PRECISION = 10  # significant digits; more may not fit the 16 characters of a DS value
SYNTHETIC = {
    "PatientName": "Synthetic^Angiogram",
    "PatientID": "SYNTHETIC",
    "PatientBirthDate": "",
    "PatientSex": "",
}


def write_xa(
    path: str | Path,
    cine: Cine,
    *,
    patient: Mapping[str, Any] | None = None,
    extra: Mapping[str, Any] | None = None,
) -> None:
    """Write a loop as an uncompressed multi-frame XA object.

    Parameters
    ----------
    path
        Path of the file.
    cine
        Loop of 8 or 16 bits. Its times, spacing (or else pixel aspect), view, window
        and mask frames are written; its patient attributes are not.
    patient
        Attributes of patient and study by keyword; None writes made-up ones.
    extra
        Any further attributes by keyword, which replace those written by default.

    Raises
    ------
    WriteError
        If a keyword is unknown, a value does not fit it, or the file cannot be written.

    Notes
    -----
    ImagerPixelSpacing is the spacing at the isocentre times 1.5, together with an
    EstimatedRadiographicMagnificationFactor of 1.5.
    """
    dataset = Dataset()
    dataset.file_meta = _file_meta()
    parts = [_identity(dataset.file_meta), dict(patient or SYNTHETIC), _pixels(cine)]
    parts += [frame_timing(cine), _geometry(cine), _display(cine), dict(extra or {})]
    try:
        with pydicom_quiet():
            for keyword, value in chain.from_iterable(part.items() for part in parts):
                _set(dataset, keyword, value)
            with replacing(path) as temporary:
                dataset.save_as(temporary, enforce_file_format=True)
    except (
        ValueError,
        TypeError,
        AttributeError,
        OverflowError,
        struct.error,
    ) as error:
        raise WriteError(f"{path}: cannot be written as DICOM: {error}") from error


def _set(dataset: Dataset, keyword: str, value: Any) -> None:
    tag = tag_for_keyword(keyword)
    if tag is None:
        raise WriteError(f"{keyword!r} is not the keyword of a DICOM attribute")
    representation = dictionary_VR(tag)
    if keyword == "PixelData":
        representation = "OB" if dataset.BitsAllocated == 8 else "OW"
    if " or " in representation:
        representation = "SS" if dataset.get("PixelRepresentation") else "US"
    dataset.add(DataElement(tag, representation, value))


def _file_meta() -> FileMetaDataset:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = XRayAngiographicImageStorage
    meta.MediaStorageSOPInstanceUID = generate_uid()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.ImplementationVersionName = DICOM_MARK
    return meta


def _identity(meta: FileMetaDataset) -> dict[str, Any]:
    now = datetime.now()
    return {
        "SOPClassUID": meta.MediaStorageSOPClassUID,
        "SOPInstanceUID": meta.MediaStorageSOPInstanceUID,
        "StudyInstanceUID": generate_uid(),
        "SeriesInstanceUID": generate_uid(),
        "Modality": "XA",
        "ImageType": ["DERIVED", "SECONDARY", "SINGLE PLANE"],
        "StudyDate": f"{now:%Y%m%d}",
        "StudyTime": f"{now:%H%M%S}",
        "StudyID": "1",
        "SeriesNumber": 1,
        "InstanceNumber": 1,
        "AccessionNumber": "",
        "ReferringPhysicianName": "",
        "Laterality": "",
        "PatientOrientation": "",
        "Manufacturer": "napari-motionseg",
        "KVP": None,
        "RadiationSetting": "GR",
        "XRayTubeCurrent": None,
        "BurnedInAnnotation": "NO",
    }


def _pixels(cine: Cine) -> dict[str, Any]:
    frames = np.ascontiguousarray(cine.frames[:])
    allocated = frames.dtype.itemsize * 8
    if frames.dtype.kind not in "iu" or allocated > 16:
        raise WriteError(f"{cine.name}: {frames.dtype} pixels do not fit an XA object")
    raw = frames.astype(frames.dtype.newbyteorder("<")).tobytes()
    return {
        "SamplesPerPixel": 1,
        "PhotometricInterpretation": "MONOCHROME2",
        "NumberOfFrames": len(frames),
        "Rows": frames.shape[1],
        "Columns": frames.shape[2],
        "BitsAllocated": allocated,
        "BitsStored": cine.bits_stored,
        "HighBit": cine.bits_stored - 1,
        "PixelRepresentation": int(cine.signed),
        "PixelIntensityRelationship": cine.intensity_relationship or "LOG",
        "PixelData": raw + b"\0" * (len(raw) % 2),
    }


def frame_timing(cine: Cine) -> dict[str, Any]:
    """Return the attributes of a loop's frame times; none where they are unknown.

    Parameters
    ----------
    cine
        The loop.
    """
    if cine.frame_times is None:
        return {}
    steps = np.diff(cine.frame_times)
    if not len(steps) or np.allclose(steps, steps[0]):
        step = _decimal(steps[0]) if len(steps) else 0
        return {"FrameIncrementPointer": Tag("FrameTime"), "FrameTime": step}
    vector = [0.0, *(_decimal(step) for step in steps)]
    return {
        "FrameIncrementPointer": Tag("FrameTimeVector"),
        "FrameTimeVector": vector,
    }


def _geometry(cine: Cine) -> dict[str, Any]:
    geometry: dict[str, Any] = {
        "PositionerMotion": "STATIC",
        "PositionerPrimaryAngle": None,
        "PositionerSecondaryAngle": None,
    }
    if cine.pixel_spacing is not None:
        detector = [_decimal(side * MAGNIFICATION) for side in cine.pixel_spacing]
        geometry["ImagerPixelSpacing"] = detector
        geometry["EstimatedRadiographicMagnificationFactor"] = MAGNIFICATION
    elif cine.pixel_aspect != 1:
        geometry["PixelAspectRatio"] = _whole_ratio(cine)
    if cine.view is not None:
        geometry["PositionerPrimaryAngle"] = _decimal(cine.view.primary)
        geometry["PositionerSecondaryAngle"] = _decimal(cine.view.secondary)
    return geometry


def _whole_ratio(cine: Cine) -> list[int]:
    """Return height and width of a pixel as whole numbers, as DICOM requires."""
    aspect = float(cine.pixel_aspect)
    if not LEAST_ASPECT <= aspect <= MOST_ASPECT:
        raise WriteError(
            f"{cine.name}: pixel_aspect must be a number from {LEAST_ASPECT:g} to "
            f"{MOST_ASPECT:g}; got {aspect:g}"
        )
    longer = Fraction(max(aspect, 1 / aspect)).limit_denominator(LARGEST_SIDE)
    height, width = longer.numerator, longer.denominator
    return [height, width] if aspect > 1 else [width, height]


def _display(cine: Cine) -> dict[str, Any]:
    display: dict[str, Any] = {}
    if cine.window is not None:
        low, high = cine.window
        # the formula of PS3.3 C.11.2.1.2.1, solved for the width
        width = high - low + 1
        display["WindowCenter"] = _decimal(low + 0.5 + (width - 1) / 2)
        display["WindowWidth"] = _decimal(width)
    items = []
    for subtraction in cine.subtraction:
        item = Dataset()
        item.MaskOperation = subtraction.operation
        if subtraction.mask_frames:
            item.MaskFrameNumbers = [t + 1 for t in subtraction.mask_frames]
        if subtraction.applicable:
            item.ApplicableFrameRange = [t + 1 for t in subtraction.applicable]
        if subtraction.operation in ("TID", "REV_TID"):
            item.TIDOffset = subtraction.tid_offset
        if any(subtraction.shift):
            item.MaskSubPixelShift = list(subtraction.shift)
        if subtraction.contrast_averaging > 1:
            item.ContrastFrameAveraging = subtraction.contrast_averaging
        items.append(item)
    if items:
        display["MaskSubtractionSequence"] = items
    return display


def _decimal(value: float) -> float:
    """Round a number so that it fits a decimal string of 16 characters."""
    return float(f"{float(value):.{PRECISION}g}")
