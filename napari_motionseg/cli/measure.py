"""Provide `motionseg measure`, which measures a vessel between points."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_motionseg.cli.console import print_note, print_result, run_job
from napari_motionseg.cli.options import AsJson, Device, OneCine
from napari_motionseg.cli.targets import Overwrite, require_target, source_of
from napari_motionseg.errors import SettingsError

if TYPE_CHECKING:
    from napari_motionseg.cine import Cine
    from napari_motionseg.measurement import (
        Calibration,
        FollowedVessel,
        VesselMeasurement,
    )

CALIBRATIONS = "isocentre, px, catheter:6F:ROW,COLUMN,ROW,COLUMN or "
CALIBRATIONS += "object:MM:ROW,COLUMN,ROW,COLUMN"


Start = Annotated[
    str,
    typer.Option(
        "--from",
        metavar="T,ROW,COLUMN",
        help="Frame, from 0, and the proximal end of the vessel in px.",
    ),
]
End = Annotated[
    str, typer.Option("--to", metavar="ROW,COLUMN", help="Distal end of the vessel.")
]
Via = Annotated[
    list[str] | None,
    typer.Option(metavar="ROW,COLUMN", help="A point between, in order; repeatable."),
]
Guide = Annotated[
    Path | None,
    typer.Option(
        "--masks",
        help="Masks of the loop, whose vessels guide the centreline.",
    ),
]
Scale = Annotated[
    str,
    typer.Option("--calibration", help=f"Source of the pixel size: {CALIBRATIONS}."),
]
Diameters = Annotated[
    str, typer.Option("--method", help="Diameters by tube, edges or densitometry.")
]
Reference = Annotated[
    str,
    typer.Option(
        help="Reference diameter: curve fitted, interpolated local, mean local."
    ),
]
Follow = Annotated[
    bool,
    typer.Option(
        "--follow", help="Also follow the vessel through the loop, by its flow."
    ),
]
Results = Annotated[
    Path | None, typer.Option(help="Folder for tables, figure and JSON.")
]
Report = Annotated[
    Path | None,
    typer.Option(
        "--sr",
        help="DICOM Structured Report to write. With DICOM SEG as --masks, it "
        "refers to its first segment.",
    ),
]


def measure(
    cine: OneCine,
    start: Start,
    end: End,
    via: Via = None,
    masks: Guide = None,
    calibration: Scale = "isocentre",
    method: Diameters = "tube",
    reference: Reference = "curve fitted",
    follow: Follow = False,
    out: Results = None,
    sr: Report = None,
    device: Device = "auto",
    overwrite: Overwrite = False,
    as_json: AsJson = False,
) -> None:
    """Measure diameters and stenoses of a vessel between two points.

    Research use only; not a medical device.
    """
    from napari_motionseg.io import read_cine

    if out is not None:
        require_target(out, (cine, masks), folder="measurement", overwrite=overwrite)
    _require_report(sr, cine, masks)
    loop = read_cine(cine)
    first, *start_point = parsed_numbers("--from", start, 3)
    frame = whole("--from", first)
    points = [start_point, *(parsed_numbers("--via", one, 2) for one in via or ())]
    points.append(parsed_numbers("--to", end, 2))
    scale = parsed_calibration(calibration, loop, frame, points)
    measured = _measured(loop, frame, points, masks, scale, method, reference)
    row = {**source_of(loop), **measured.as_dict()}
    if (followed := _followed(loop, measured, device) if follow else None) is not None:
        row["followed"] = followed_row(loop, followed)
    if out is not None:
        from napari_motionseg.measurement.result_files import write_measurement

        write_measurement(out, loop, measured, row, followed, overwrite=overwrite)
        row["out"] = str(out)
    if sr is not None:
        _write_report(sr, loop, measured, masks)
        row["sr"] = str(sr)
    print_result(row, as_line(loop, measured), as_json)


def _write_report(
    sr: Path, loop: Cine, measured: VesselMeasurement, masks: Path | None
) -> None:
    from napari_motionseg.measurement.report_parts import write_measurement_report

    write_measurement_report(sr, loop, [measured], masks)


def _require_report(sr: Path | None, cine: Path, masks: Path | None) -> None:
    """Raise an error if the report cannot be written, before measuring."""
    from napari_motionseg.io.dicom_report import require_highdicom

    if sr is None:
        return
    require_target(sr, (cine, masks))
    require_highdicom("--sr")


def _measured(
    loop: Cine,
    frame: int,
    points: list[list[float]],
    masks: Path | None,
    calibration: Calibration,
    method: str,
    reference: str,
) -> VesselMeasurement:
    from napari_motionseg.io import read_labels
    from napari_motionseg.measurement import measure_vessel
    from napari_motionseg.models.class_names import without_catheters

    guide = None
    if masks is not None:
        labels = read_labels(masks, shape=loop.shape, cine=loop)
        if 0 <= frame < len(loop):
            guide = without_catheters(labels.labels[frame]).astype(float)
    found = measure_vessel(
        loop,
        frame,
        [(point[0], point[1]) for point in points],
        probability=guide,
        calibration=calibration,
        method=method,  # type: ignore[arg-type]
        reference_method=reference,  # type: ignore[arg-type]
    )
    for warning in found.warnings:
        print_note(warning)
    return found


def _followed(loop: Cine, measured: VesselMeasurement, device: str) -> FollowedVessel:
    """Follow the vessel along the loop's flow, estimated or kept from before."""
    from napari_motionseg.measurement import follow_vessel_job
    from napari_motionseg.motion import FlowCache, FlowSettings, estimate_flow_job

    settings = FlowSettings(gap=1, backward=True, device=device)
    job = estimate_flow_job(loop, settings, FlowCache.default())
    flow = run_job(job, "Optical flow")
    profile = measured.profile
    return run_job(
        follow_vessel_job(
            loop, flow, measured.frame, profile.line, profile.calibration
        ),
        "Following the vessel",
    )


def followed_row(loop: Cine, followed: FollowedVessel) -> dict[str, Any]:
    """Return what the whole loop says about a vessel, as JSON values."""
    from napari_motionseg.measurement.loop_numbers import loop_numbers

    numbers = loop_numbers(loop, followed)
    for note in numbers.notes:
        print_note(note)
    unseen = followed.interpolated.mean(axis=1)
    return {
        "frames": int(followed.followed.sum()),
        "drift_px": [round(float(d), 3) for d in followed.drift],
        "unseen_share": [round(float(part), 3) for part in unseen],
        **numbers.as_dict(),
    }


def parsed_calibration(
    text: str, loop: Cine, frame: int, points: Sequence[Sequence[float]] = ()
) -> Calibration:
    """Return the calibration that ``--calibration`` means.

    Parameters
    ----------
    text
        Value of the option.
    loop
        The loop that is measured.
    frame
        Index of the frame that shows the vessel and the object.
    points
        Rows and columns in px along the vessel, whose blur a catheter's shaft has too;
        none if the blur is not known.

    Raises
    ------
    SettingsError
        If the text is none of the forms that are understood.
    MeasurementError
        If the object cannot be measured.
    """
    from napari_motionseg.measurement import Calibration, calibration_of
    from napari_motionseg.measurement.calibration import (
        calibration_by_object,
        disagreement,
    )
    from napari_motionseg.measurement.catheter import calibration_by_catheter

    header = calibration_of(loop)
    if text == "isocentre":
        if not header.known:
            print_note("no spacing at the isocentre is known: lengths are in px")
        return header
    if text == "px":
        return Calibration(loop.pixel_aspect, 1.0, "pixels were asked for")
    kind, *rest = text.split(":")
    if kind not in ("catheter", "object") or len(rest) != 2:
        raise SettingsError(f"--calibration must be {CALIBRATIONS}; got {text!r}")
    size = parsed_numbers("--calibration", rest[0].rstrip("Ff"), 1)[0]
    row, column, last_row, last_column = parsed_numbers("--calibration", rest[1], 4)
    if kind == "catheter":
        ends = (row, column), (last_row, last_column)
        found = calibration_by_catheter(
            loop, frame, size, *ends, blur=_blur(loop, frame, points)
        )
    else:
        away = ((last_row - row) * loop.pixel_aspect, last_column - column)
        length = (away[0] ** 2 + away[1] ** 2) ** 0.5
        basis = f"object of {size:g} mm"
        found = calibration_by_object(size, length, basis, aspect=loop.pixel_aspect)
    warning = disagreement(header, found)
    if warning:
        print_note(warning)
    return found


def _blur(loop: Cine, frame: int, points: Sequence[Sequence[float]]) -> float | None:
    """Return the blur in px that the vessel shows, or None if it cannot be measured."""
    from napari_motionseg.errors import MeasurementError
    from napari_motionseg.measurement import measure_vessel

    if len(points) < 2:
        return None
    try:
        found = measure_vessel(loop, frame, [(row, column) for row, column in points])
    except MeasurementError:
        return None  # the measurement itself will tell the reason
    return float(found.profile.fit.blur)


def parsed_numbers(option: str, text: str, count: int) -> list[float]:
    """Return the numbers of an option, which are separated by commas.

    Raises
    ------
    SettingsError
        If there are more or fewer numbers, or one is not finite.
    """
    import math

    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) != count or not all(map(math.isfinite, numbers)):
        words = "a number" if count == 1 else f"{count} numbers, separated by commas"
        raise SettingsError(f"{option} takes {words}; got {text!r}")
    return numbers


def whole(option: str, number: float) -> int:
    """Return a frame's index.

    Raises
    ------
    SettingsError
        If the number is not an integer.
    """
    if number != int(number):
        raise SettingsError(f"{option} begins with a frame's index; got {number:g}")
    return int(number)


def as_line(loop: Cine, measured: VesselMeasurement) -> str:
    """Return a measurement as one line of text."""
    unit = measured.profile.calibration.unit
    row = measured.as_dict()
    length = measured.profile.arc_length[-1]
    parts = [
        f"{loop.name}, frame {measured.frame}: vessel of {length:.1f} {unit}",
        f"smallest diameter {row[f'mld_{unit}']:.2f} {unit}",
        f"reference {row[f'rvd_{unit}']:.2f} {unit} ({measured.reference_method})",
        f"stenosis {row['percent_diameter_stenosis']:.0f} %",
        f"{len(measured.lesions)} lesions",
        f"calibration: {measured.profile.calibration.basis}",
    ]
    return ", ".join(parts)
