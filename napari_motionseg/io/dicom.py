"""A DICOM file as a cine loop."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset

from napari_motionseg.cine import Cine, FrameStack, Subtraction
from napari_motionseg.errors import PartialReadWarning, ReadError
from napari_motionseg.io import dicom_geometry, dicom_timing
from napari_motionseg.io.damage import damage_named, pydicom_quiet
from napari_motionseg.io.dicom_ecg import ecg, r_waves
from napari_motionseg.io.dicom_header import Header, find, numbers, read_header
from napari_motionseg.io.dicom_pixels import (
    PixelFormat,
    PixelSource,
    check_budget,
    frame_count,
    gray_reader,
    pixel_format,
    sizes_agree,
    stored_range,
)

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
    "EstimatedRadiographicMagnificationFactor", "ImagerPixelSpacing", "PixelSpacing",
    "PixelSpacingCalibrationType", "PositionerMotion", "TableMotion", "HeartRate",
    "StartTrim", "StopTrim", "CineRate", "RecommendedDisplayFrameRate",
    "RecommendedViewingMode", "PhotometricInterpretation", "RescaleSlope",
    "RescaleIntercept", "RescaleType", "PixelPaddingValue", "LossyImageCompression",
)  # fmt: skip


def read_dicom(path: str | Path, memory_budget: int) -> Cine:
    """Read a multi-frame file, or a file of one frame.

    Parameters
    ----------
    path
        The file.
    memory_budget
        Bytes that all decoded frames together may take.

    Raises
    ------
    ReadError
        If the file is no loop; its subclasses say what is missing.

    Warns
    -----
    PartialReadWarning
        If frames are missing, in excess, or something had to be guessed.
    """
    return cine_of_headers([read_header(path)], memory_budget, Path(path))


def cine_of_headers(
    headers: Sequence[Header], memory_budget: int, source: Path
) -> Cine:
    """Make a loop of one multi-frame file, or of files that hold one frame each.

    Raises
    ------
    ReadError
        If the frames differ in size, or one of the files cannot be read.
    """
    with pydicom_quiet():
        return _cine(headers, memory_budget, source)


def _cine(headers: Sequence[Header], memory_budget: int, source: Path) -> Cine:
    forms = [pixel_format(header) for header in headers]
    if not sizes_agree(forms):
        sizes = sorted({f"{f.rows} x {f.columns}" for f in forms})
        raise ReadError(
            f"{source}: frames differ in size or type ({', '.join(sizes)}); a loop has "
            "one size: put them into folders of their own"
        )
    header, form = headers[0], forms[0]
    for each, described in zip(headers, forms, strict=True):
        check_budget(described, memory_budget // len(headers), each.path)
    decode, count, notes = _frames(headers, forms)
    with damage_named(source, "DICOM header"):
        return _assemble(header, form, _Decoded(decode, count), notes, source)


class _Decoded:
    """Frames and their number; a loop of files has frame times from other places."""

    def __init__(self, decode: Callable[[int], Any], count: int) -> None:
        self.decode, self.count = decode, count


def _frames(
    headers: Sequence[Header], forms: Sequence[PixelFormat]
) -> tuple[Callable[[int], Any], int, list[str]]:
    readers, notes = [], []
    for header, form in zip(headers, forms, strict=True):
        source = PixelSource(header, form)
        count, note = frame_count(source, form)
        reader, changes = gray_reader(source, form)
        readers.append(reader)
        notes += [*changes, *([note] if note else [])]
        if note:
            message = f"{header.path}: {note}"
            warnings.warn(message, PartialReadWarning, stacklevel=5)
    if len(readers) == 1:
        return readers[0], count, notes
    return (lambda t: readers[t](0)), len(readers), list(dict.fromkeys(notes))


def _assemble(
    header: Header,
    form: PixelFormat,
    decoded: _Decoded,
    notes: list[str],
    source: Path,
) -> Cine:
    data, count = header.dataset, decoded.count
    shape = (count, form.rows, form.columns)
    times, timing_basis, about_times = dicom_timing.frame_times(
        data, count, form.frames if count <= form.frames else count
    )
    spacing, spacing_basis = dicom_geometry.pixel_spacing(data)
    blank = stored_range(form)[0]
    frames = FrameStack(decoded.decode, shape, form.dtype, blank=blank)
    return Cine(
        frames,
        bits_stored=form.bits_stored,
        signed=form.signed,
        frame_times=times,
        timing_basis=timing_basis,
        pixel_spacing=spacing,
        spacing_basis=spacing_basis,
        window=_window(data, form),
        view=dicom_geometry.view(data),
        subtraction=tuple(_subtractions(data, count)),
        valid_area=_valid_area(data, form, frames),
        intensity_relationship=_text(find(data, "PixelIntensityRelationship")),
        ecg=ecg(data),
        r_waves=r_waves(data, count),
        technical=_technical(header, form),
        patient={k: str(data.get(k)) for k in PATIENT if data.get(k)},
        name=source.stem or source.name,
        source=source,
        notes=tuple(notes + about_times + _notes(data)),
    )


def _text(value: Any) -> str | None:
    return str(value) if value not in (None, "") else None


def _technical(header: Header, form: PixelFormat) -> dict[str, Any]:
    data = header.dataset
    technical: dict[str, Any] = {
        "modality": str(data.get("Modality", "unknown")),
        "sop_class": getattr(data.get("SOPClassUID"), "name", "unknown"),
        "transfer_syntax": header.syntax.name,
        "bits_allocated": form.bits_allocated,
        "bits_stored": form.bits_stored,
        "frames_in_header": form.frames,
    }
    for keyword in TECHNICAL:
        value = find(data, keyword)
        if value not in (None, ""):
            technical[keyword] = _plain(value)
    return technical


def _plain(value: Any) -> Any:
    """Return a header's value as JSON would have it."""
    if isinstance(value, (int, str)):
        return value if type(value) in (int, str) else type(value).__bases__[0](value)
    if isinstance(value, float):
        return float(value)
    several = list(value) if hasattr(value, "__iter__") else [str(value)]
    return [_plain(one) if isinstance(one, (int, float, str)) else str(one)
            for one in several]  # fmt: skip


def _window(data: Dataset, form: PixelFormat) -> tuple[float, float] | None:
    """Return what is shown black and white: the VOI LUT's range, or the first window.

    Stored values; a rescale slope of XA is never applied, because those windows are
    about stored values (DICOM.md, 3).
    """
    for table in find(data, "VOILUTSequence") or ():
        descriptor = numbers(table.get("LUTDescriptor"))
        if len(descriptor) == 3 and descriptor[0] != 1:
            entries = descriptor[0] or 65536
            return _turned(descriptor[1], descriptor[1] + entries - 1, form)
    centre = numbers(find(data, "WindowCenter"))
    width = numbers(find(data, "WindowWidth"))
    if not (centre and width and np.isfinite(centre[0]) and width[0] >= 1):
        return None
    if str(find(data, "VOILUTFunction") or "LINEAR") == "LINEAR_EXACT":
        low, high = centre[0] - width[0] / 2, centre[0] + width[0] / 2
    else:  # PS3.3 C.11.2.1.2.1
        low = centre[0] - 0.5 - (width[0] - 1) / 2
        high = centre[0] - 0.5 + (width[0] - 1) / 2
    return _turned(low, high, form) if low < high else None


def _turned(low: float, high: float, form: PixelFormat) -> tuple[float, float]:
    if form.photometric != "MONOCHROME1":
        return low, high
    total = sum(stored_range(form))
    return total - high, total - low


def _subtractions(data: Dataset, count: int) -> list[Subtraction]:
    items = []
    for item in data.get("MaskSubtractionSequence") or ():
        mask = [int(n) - 1 for n in numbers(item.get("MaskFrameNumbers"))]
        frames = [int(n) - 1 for n in numbers(item.get("ApplicableFrameRange"))]
        shift = numbers(item.get("MaskSubPixelShift"))
        offset = numbers(item.get("TIDOffset"))
        items.append(
            Subtraction(
                operation=str(item.get("MaskOperation", "NONE")),
                mask_frames=tuple(t for t in mask if 0 <= t < count),
                applicable=(frames[0], frames[1]) if len(frames) >= 2 else None,
                shift=(shift[0], shift[1]) if len(shift) == 2 else (0.0, 0.0),
                tid_offset=int(offset[0]) if offset else 1,
            )
        )
    return items


def _valid_area(
    data: Dataset, form: PixelFormat, frames: FrameStack
) -> NDArray[np.bool_] | None:
    area = dicom_geometry.valid_area(data, (form.rows, form.columns))
    padding = numbers(data.get("PixelPaddingValue"))
    if not padding or form.samples != 1:
        return area
    value = padding[0]
    if form.photometric == "MONOCHROME1":
        value = sum(stored_range(form)) - value
    sound = next((t for t in range(len(frames)) if frames.usable(t)), 0)
    padded: NDArray[np.bool_] = frames[sound] == value
    if not padded.any() or padded.all():
        return area
    return ~padded if area is None else area & ~padded


def _notes(data: Dataset) -> list[str]:
    notes = []
    if data.get("ModalityLUTSequence") or numbers(data.get("RescaleSlope")) not in (
        (), (1.0,),
    ):  # fmt: skip
        notes.append(
            "the Modality LUT or rescale is kept but not applied to the pixels"
        )
    if numbers(find(data, "WindowCenter"))[1:]:
        notes.append("several windows; the first is used")
    return notes
