"""Turn measurements into the coded parts of a DICOM Structured Report.

Codes are those of PS3.16: CID 3465 for the reference, CID 3452 and 3451 for the
calibration, CID 3804 for the base of a stenosis.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from napari_motionseg.cine import Cine
from napari_motionseg.io.dicom_report import (
    ReportedNumber,
    ReportedPart,
    require_highdicom,
    write_report,
)
from napari_motionseg.io.dicom_segment_frames import read_segment_frames
from napari_motionseg.io.segment_codes import Term
from napari_motionseg.measurement.calibration import Calibration
from napari_motionseg.measurement.stenosis import Lesion
from napari_motionseg.measurement.vessel import VesselMeasurement

DIAMETER: Term = ("SCT", "VesselLumenDiameter")
MINIMUM: Term = ("SCT", "Minimum")
MEAN: Term = ("SCT", "Mean")
REFERENCES: dict[str, Term] = {
    "curve fitted": ("DCM", "CurveFittedReference"),
    "interpolated local": ("DCM", "InterpolatedLocalReference"),
    "mean local": ("DCM", "MeanLocalReference"),
}
METHODS: dict[str, Term] = {"densitometry": ("DCM", "DensitometricMethod")}
BY_DIAMETER: Term = ("DCM", "DiameterBasedMethod")
BY_AREA: Term = ("DCM", "AreaBasedMethod")
OBJECTS: dict[str, Term] = {
    "catheter": ("SCT", "Catheter"),
    "sphere": ("DCM", "Sphere"),
}
RULER: Term = ("SCT", "MeasuringRuler")


def write_measurement_report(
    path: str | Path,
    cine: Cine,
    vessels: Sequence[VesselMeasurement],
    masks: str | Path | None = None,
) -> None:
    """Write measurements of vessels as a DICOM Structured Report.

    Parameters
    ----------
    path
        Path of the file to write.
    cine
        The loop; it must have been read from DICOM files that still exist.
    vessels
        Measured vessels, in the order of their numbers.
    masks
        File with masks of the loop. If it is a DICOM Segmentation, the report refers to
        its first segment; None or another file adds no reference.

    Raises
    ------
    MissingDependencyError
        If highdicom is not installed.
    ReadError
        If the loop or the masks cannot be referred to.
    WriteError
        If nothing was measured, or the file cannot be written.
    """
    require_highdicom(path)
    parts = [
        part
        for number, vessel in enumerate(vessels, 1)
        for part in report_parts(vessel, number)
    ]
    segments = None if masks is None else read_segment_frames(masks, cine)
    write_report(path, cine, parts, segments)


def report_parts(measured: VesselMeasurement, number: int = 1) -> list[ReportedPart]:
    """Return a vessel and its lesions as parts of a report.

    Parameters
    ----------
    measured
        The measured vessel.
    number
        Number of the vessel in the report, from 1.
    """
    name = f"vessel {number}"
    whole = ReportedPart(
        name=name,
        frame=measured.frame,
        line=measured.profile.line.points,
        finding=("SCT", "BloodVessel"),
        numbers=_vessel_numbers(measured),
        answers=_calibration_answers(measured.profile.calibration),
        algorithm=_settings(measured),
        vessel=number,
    )
    lesions = [
        ReportedPart(
            name=f"{name}, lesion {index}",
            frame=measured.frame,
            line=measured.profile.line.points[lesion.start : lesion.end + 1],
            finding=("SCT", "Stenosis"),
            numbers=_lesion_numbers(measured, lesion),
            algorithm=_settings(measured),
            vessel=number,
        )
        for index, lesion in enumerate(measured.lesions, 1)
    ]
    return [whole, *lesions]


def _settings(measured: VesselMeasurement) -> tuple[str, ...]:
    calibration = measured.profile.calibration
    return (
        f"diameters by {measured.profile.method}",
        f"reference: {measured.reference_method}",
        f"pixel: {calibration.column_mm:.5g} {calibration.unit}, {calibration.basis}",
        "uncertainties are one standard deviation, from noise alone",
    )


def _vessel_numbers(measured: VesselMeasurement) -> tuple[ReportedNumber, ...]:
    profile, unit = measured.profile, measured.profile.calibration.unit
    smallest = int(np.nanargmin(profile.diameters))
    method = METHODS.get(profile.method)
    return (
        ReportedNumber(("DCM", "PathLength"), float(profile.arc_length[-1]), unit),
        ReportedNumber(DIAMETER, float(np.nanmean(profile.diameters)), unit, MEAN),
        ReportedNumber(
            DIAMETER, float(profile.diameters[smallest]), unit, MINIMUM, method,
            float(profile.uncertainty[smallest]),
        ),
    )  # fmt: skip


def _lesion_numbers(
    measured: VesselMeasurement, lesion: Lesion
) -> tuple[ReportedNumber, ...]:
    profile, unit = measured.profile, measured.profile.calibration.unit
    sd = float(profile.uncertainty[lesion.smallest])
    reference = REFERENCES[measured.reference_method]
    of_reference = 100 / lesion.rvd
    return (
        ReportedNumber(
            DIAMETER, lesion.mld, unit, MINIMUM, METHODS.get(profile.method), sd
        ),
        ReportedNumber(DIAMETER, lesion.rvd, unit, method=reference),
        ReportedNumber(
            ("SCT", "LumenDiameterStenosis"), lesion.percent_diameter_stenosis, "%",
            method=BY_DIAMETER, sd=of_reference * sd,
        ),
        ReportedNumber(
            ("SCT", "LumenAreaStenosis"), lesion.percent_area_stenosis, "%",
            method=BY_AREA, sd=2 * lesion.mld / lesion.rvd * of_reference * sd,
        ),
        ReportedNumber(("SCT", "StenoticLesionLength"), lesion.length, unit),
    )  # fmt: skip


def _calibration_answers(calibration: Calibration) -> tuple[tuple[Term, Term], ...]:
    """Return how the size of a pixel was found; nothing if it is unknown."""
    if not calibration.known:
        return ()
    method: Term = ("DCM", "CalibrationMethod")
    kind = calibration.basis.split()[0]
    if kind == "isocentre":
        return ((method, ("DCM", "GeometricIsocenter")),)
    used: tuple[Term, Term] = (method, ("DCM", "CalibrationObjectUsed"))
    return (used, (("DCM", "CalibrationObject"), OBJECTS.get(kind, RULER)))
