"""Read attributes that are kept for information, of the acquisition and the patient."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

from napari_motionseg.io.dicom_header import Header
from napari_motionseg.io.dicom_values import Attributes, values_of
from napari_motionseg.io.pixel_format import PixelFormat

PATIENT = (
    "PatientName", "PatientID", "PatientBirthDate", "PatientSex", "PatientAge",
    "PatientWeight", "PatientSize", "StudyDate", "StudyTime", "AccessionNumber",
    "StudyDescription", "SeriesDescription", "InstitutionName",
    "ReferringPhysicianName", "OperatorsName", "StudyInstanceUID",
    "SeriesInstanceUID", "SOPInstanceUID",
)  # fmt: skip
TECHNICAL = (
    "Manufacturer", "ManufacturerModelName", "ImageType", "KVP", "XRayTubeCurrent",
    "Exposure", "ExposureTime", "AveragePulseWidth", "IntensifierSize",
    "FieldOfViewDimensions", "DistanceSourceToDetector", "DistanceSourceToPatient",
    "DistanceSourceToIsocenter", "EstimatedRadiographicMagnificationFactor",
    "ImagerPixelSpacing", "PixelSpacing", "PixelSpacingCalibrationType",
    "ObjectPixelSpacingInCenterOfBeam", "PixelAspectRatio", "PositionerMotion",
    "TableMotion", "HeartRate", "NominalInterval", "StartTrim", "StopTrim", "CineRate",
    "RecommendedDisplayFrameRate", "RecommendedViewingMode", "MaskSelectionMode",
    "PhotometricInterpretation", "RescaleSlope", "RescaleIntercept", "RescaleType",
    "PixelPaddingValue", "LossyImageCompression",
)  # fmt: skip


def technical(
    header: Header, form: PixelFormat, attributes: Attributes
) -> dict[str, Any]:
    """Return attributes of acquisition and encoding as JSON values.

    Values that JSON cannot represent (NaN, infinity, nested data sets) are left out and
    noted.
    """
    sop_class = values_of(header.dataset, "SOPClassUID")
    known: dict[str, Any] = {
        "modality": attributes.text("Modality") or "unknown",
        "sop_class": getattr(sop_class[0], "name", "unknown")
        if sop_class
        else "unknown",
        "transfer_syntax": header.syntax.name,
        "bits_allocated": form.bits_allocated,
        "bits_stored": form.bits_stored,
        "frames_in_header": form.frames or 1,
    }
    for keyword in TECHNICAL:
        value = attributes.parts.read(
            keyword, partial(_plain, attributes, keyword), None
        )
        if value is not None:
            known[keyword] = value
    return known


def patient(attributes: Attributes) -> dict[str, str]:
    """Return the readable attributes of the patient and the study, as text."""
    known: dict[str, str] = {}
    for keyword in PATIENT:
        words = attributes.parts.read(keyword, partial(attributes.texts, keyword), ())
        if words:
            known[keyword] = "\\".join(words)
    return known


def _plain(attributes: Attributes, keyword: str) -> Any:
    """Return an attribute as a number, a text or a list of them.

    None if it is empty.
    """
    holder = attributes.holder(keyword)
    values = [] if holder is None else values_of(holder, keyword)
    plain = [_as_json(value) for value in values]
    if any(value is None for value in plain):
        attributes.parts.note(
            f"{keyword} holds a value that is not a finite number; it was ignored."
        )
        return None
    return plain[0] if len(plain) == 1 else plain or None


def _as_json(value: Any) -> int | float | str | None:
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    return None if value is None else str(value)
