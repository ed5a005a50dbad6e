"""Write measurements of a loop as a DICOM Structured Report (PS3.16, TID 1500).

The report is a Comprehensive SR. Each measured part of a vessel is a measurement group
with the line that was measured, as coordinates in its frame, and its numbers. If masks
are given, a group refers to the segment of the frame as well. X-ray projections have no
frame of reference, so that coordinates are pixels of a frame.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset
from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code
from pydicom.uid import ExplicitVRLittleEndian

from napari_motionseg.cine import Cine
from napari_motionseg.errors import MissingDependencyError, WriteError
from napari_motionseg.io.atomic import require_file_target
from napari_motionseg.io.damage import pydicom_quiet
from napari_motionseg.io.dicom_segment_frames import SegmentFrames
from napari_motionseg.io.dicom_source import DicomSource, FrameReference, read_source
from napari_motionseg.io.dicom_study import (
    DISCLAIMER,
    Identifiers,
    add_equipment,
    file_meta,
    save_dataset,
    study_of,
)
from napari_motionseg.io.program_marks import MARK
from napari_motionseg.io.segment_codes import Term
from napari_motionseg.version import __version__

if TYPE_CHECKING:
    from highdicom.sr import MeasurementReport

SERIES_NUMBER = 9002  # far from those that devices count up from 1
DIGITS = 4  # after the point: a decimal string has room for 16 characters in all
UNITS = {
    "mm": codes.UCUM.Millimeter,
    "mm/s": codes.UCUM.MillimeterPerSecond,
    "%": codes.UCUM.Percent,
    "ms": Code("ms", "UCUM", "millisecond"),
    "/min": Code("/min", "UCUM", "per minute"),
    "px": Code("{pixels}", "UCUM", "pixels"),
    "px/s": Code("{pixels}/s", "UCUM", "pixels per second"),
    "1": codes.UCUM.NoUnits,
}


@dataclass(frozen=True)
class ReportedNumber:
    """One number of a report.

    Parameters
    ----------
    concept
        Scheme and keyword of the measured quantity in pydicom's dictionary.
    value
        The number; a number that is not finite is left out of the report.
    unit
        Name of the unit, one of `UNITS`.
    derivation
        Scheme and keyword of how the number was taken from several, such as the
        minimum; None if there is one.
    method
        Scheme and keyword of the method; None if it has no code.
    sd
        Standard deviation of the number by noise, in its unit; None if unknown.
    """

    concept: Term
    value: float
    unit: str
    derivation: Term | None = None
    method: Term | None = None
    sd: float | None = None


@dataclass(frozen=True, eq=False)
class ReportedPart:
    """A part of a vessel with its numbers.

    Parameters
    ----------
    name
        Name that the reader sees, such as ``"vessel 1"``.
    frame
        Index of the frame that was measured.
    line
        ``(N, 2)`` row and column in px of the line that was measured.
    finding
        Scheme and keyword of what the part is, such as a stenosis.
    numbers
        Numbers of the part.
    answers
        Pairs of a coded question and a coded answer, each scheme and keyword.
    algorithm
        Name of the method, and settings as text.
    vessel
        Number of the vessel that the part belongs to, from 1.
    """

    name: str
    frame: int
    line: NDArray[np.float64]
    finding: Term
    numbers: tuple[ReportedNumber, ...]
    answers: tuple[tuple[Term, Term], ...] = ()
    algorithm: tuple[str, ...] = ()
    vessel: int = 1


def require_highdicom(wanted: str | Path) -> None:
    """Check that structured reports can be written here.

    Parameters
    ----------
    wanted
        The file or option that asks for a report; the message begins with it.

    Raises
    ------
    MissingDependencyError
        If highdicom is not installed.
    """
    try:
        import highdicom.sr  # noqa: F401
    except ImportError as error:
        raise MissingDependencyError(
            f"{wanted}: structured reports need highdicom, which is not installed: "
            "pip install 'napari-motionseg[sr]'"
        ) from error


def write_report(
    path: str | Path,
    cine: Cine,
    parts: Sequence[ReportedPart],
    segments: SegmentFrames | None = None,
) -> None:
    """Write measurements as a Structured Report of the study that the loop belongs to.

    Patient and study attributes are copied from the loop's file into the report.

    Parameters
    ----------
    path
        Path of the file to write.
    cine
        The loop; it must have been read from DICOM files that still exist.
    parts
        Parts of vessels with their numbers.
    segments
        Frames of a DICOM Segmentation of the loop, to which the report refers too;
        None if there are none.

    Raises
    ------
    MissingDependencyError
        If highdicom is not installed.
    ReadError
        If the loop has no DICOM file, or the file is missing, was changed, or lacks
        UIDs.
    WriteError
        If there is nothing to report, a frame was measured that the loop's header does
        not count, or the file cannot be written.
    """
    require_highdicom(path)
    require_file_target(path)
    if not parts:
        raise WriteError(f"{path}: nothing was measured; there is nothing to report")
    source = read_source(cine)
    _require_counted_frames(path, source, parts)
    with pydicom_quiet():
        data = compose_report(source, parts, segments)
        save_dataset(path, data)


def _require_counted_frames(
    path: str | Path, source: DicomSource, parts: Sequence[ReportedPart]
) -> None:
    for part in parts:
        if part.frame >= source.promised:
            raise WriteError(
                f"{path}: NumberOfFrames of the loop's file is {source.promised}, so "
                f"that no system would find the frame {part.frame + 1} that was "
                "measured; measure in another frame, or have the file repaired"
            )


def compose_report(
    source: DicomSource,
    parts: Sequence[ReportedPart],
    segments: SegmentFrames | None = None,
) -> Dataset:
    """Return the attributes of a report.

    Parameters
    ----------
    source
        DICOM objects that the loop was read from.
    parts
        Parts of vessels with their numbers.
    segments
        Frames of a segmentation of the loop, or None.
    """
    from highdicom.sr import ComprehensiveSR

    made = Identifiers.random()
    evidence = [_instance(source, *pair, source.series) for pair in source.instances]
    if segments is not None:
        uids = segments.sop_class, segments.sop_instance
        evidence.append(_instance(source, *uids, segments.series))
    written = ComprehensiveSR(
        evidence=evidence,
        content=_content(source, parts, segments, made)[0],
        series_instance_uid=made.uid("series"),
        series_number=SERIES_NUMBER,
        sop_instance_uid=made.uid("instance"),
        instance_number=1,
        manufacturer=MARK,
        is_complete=True,
        series_description=f"{MARK} measurements, {DISCLAIMER}",
        record_evidence=False,
        transfer_syntax_uid=ExplicitVRLittleEndian,
    )
    data = Dataset()
    data.update(written)
    for keyword in ("LossyImageCompression", "LossyImageCompressionRatio"):
        if keyword in data:
            delattr(data, keyword)  # of images alone
    add_equipment(data, source, __version__)
    data.SeriesDate, data.SeriesTime = made.made
    data.file_meta = file_meta(
        data.SOPClassUID, data.SOPInstanceUID, ExplicitVRLittleEndian
    )
    return data


def _instance(
    source: DicomSource, sop_class: str, sop_instance: str, series: str
) -> Dataset:
    """Return what highdicom reads of an object that a report refers to."""
    data = study_of(source)
    data.SOPClassUID, data.SOPInstanceUID = sop_class, sop_instance
    data.SeriesInstanceUID = series
    return data


def _content(
    source: DicomSource,
    parts: Sequence[ReportedPart],
    segments: SegmentFrames | None,
    made: Identifiers,
) -> MeasurementReport:
    """Return the content tree."""
    from highdicom import sr

    device = sr.DeviceObserverIdentifyingAttributes(
        uid=made.uid("device"), name=f"{MARK}, {DISCLAIMER}", manufacturer_name=MARK,
        model_name=MARK, serial_number=__version__,
    )  # fmt: skip
    observer = sr.ObserverContext(
        observer_type=codes.DCM.Device, observer_identifying_attributes=device
    )
    groups = []
    for number, part in enumerate(parts):
        uid = made.uid(f"part {number}")
        groups.append(_group(source, part, uid))
        placed = None if segments is None else segments.of_frame(part.frame)
        if placed is not None and part.finding[1] != "Stenosis":
            groups.append(_segment_group(source, part, placed, uid))
    return sr.MeasurementReport(
        observation_context=sr.ObservationContext(observer_device_context=observer),
        procedure_reported=Code("77343006", "SCT", "Angiography"),
        imaging_measurements=groups,
        title=codes.DCM.ImagingMeasurementReport,
    )


def _group(source: DicomSource, part: ReportedPart, uid: str) -> Any:
    """Return the measurement group of a part, with its line in the frame."""
    from highdicom import sr

    place = source.frames[part.frame]
    region = sr.ImageRegion(
        graphic_type=sr.GraphicTypeValues.POLYLINE,
        # PS3.3 C.18.6.1.1: (0.5, 0.5) is the middle of the first pixel
        graphic_data=part.line[:, ::-1] + 0.5,
        source_image=sr.SourceImageForRegion(
            place.sop_class, place.sop_instance, _numbers(place)
        ),
    )
    return sr.PlanarROIMeasurementsAndQualitativeEvaluations(
        referenced_region=region,
        measurements=[_measurement(number) for number in _finite(part)],
        qualitative_evaluations=[
            sr.QualitativeEvaluation(name=_code(name), value=_code(value))
            for name, value in part.answers
        ],
        **_described(part, uid),
    )


def _segment_group(
    source: DicomSource, part: ReportedPart, placed: Any, uid: str
) -> Any:
    """Return the group that ties a part to the segment of its frame."""
    from highdicom import sr

    place = source.frames[part.frame]
    segment = sr.ReferencedSegmentationFrame(
        placed.sop_class, placed.sop_instance, placed.number, placed.segment,
        sr.SourceImageForSegmentation(
            place.sop_class, place.sop_instance, _numbers(place)
        ),
    )  # fmt: skip
    reference = segment[0].ReferencedSOPSequence[0]
    # PS3.3 C.18.4: of both numbers only one may be there. A frame shows one segment,
    # but for a label map, whose frames show all
    if placed.shared:
        del reference.ReferencedFrameNumber
    else:
        del reference.ReferencedSegmentNumber
    return sr.PlanarROIMeasurementsAndQualitativeEvaluations(
        referenced_segment=segment,
        measurements=[_measurement(number) for number in _finite(part)],
        **_described(part, uid),
    )


def _described(part: ReportedPart, uid: str) -> dict[str, Any]:
    """Return the arguments that both kinds of groups share."""
    from highdicom import sr

    return {
        "tracking_identifier": sr.TrackingIdentifier(uid=uid, identifier=part.name),
        "finding_type": _code(part.finding),
        "algorithm_id": sr.AlgorithmIdentification(
            name=MARK, version=__version__, parameters=list(part.algorithm) or None
        ),
        "session": f"vessel {part.vessel}",
    }


def _finite(part: ReportedPart) -> list[ReportedNumber]:
    return [number for number in part.numbers if np.isfinite(number.value)]


def _measurement(number: ReportedNumber) -> Any:
    from highdicom import sr

    sd = number.sd
    known = sd is not None and np.isfinite(sd)
    # TID 310 holds one uncertainty above and one below; both are one deviation
    spread = round(float(sd), DIGITS) if sd is not None and known else None
    properties = sr.MeasurementProperties(
        upper_measurement_uncertainty=spread, lower_measurement_uncertainty=spread
    )
    return sr.Measurement(
        name=_code(number.concept),
        value=round(float(number.value), DIGITS),
        unit=UNITS[number.unit],
        derivation=None if number.derivation is None else _code(number.derivation),
        method=None if number.method is None else _code(number.method),
        properties=properties if known else None,
    )


def _numbers(place: FrameReference) -> list[int] | None:
    return None if place.number is None else [place.number]


def _code(term: Term) -> Code:
    scheme, keyword = term
    found = getattr(getattr(codes, scheme), keyword)
    return Code(found.value, found.scheme_designator, found.meaning)
