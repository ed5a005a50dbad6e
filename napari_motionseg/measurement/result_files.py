"""Write measurements to a folder: JSON, tables for a spreadsheet, a figure."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_motionseg.cine import Cine
from napari_motionseg.io.result_folders import replacing_folder
from napari_motionseg.measurement.following import FollowedVessel
from napari_motionseg.measurement.loop_vessel import LoopVessel, lesion_rows
from napari_motionseg.measurement.result_figures import (
    NOTICE,
    kymograph_figure,
    profile_figure,
)
from napari_motionseg.measurement.section_speed import section_speeds
from napari_motionseg.measurement.vessel import VesselMeasurement
from napari_motionseg.text import as_json

__all__ = ["NOTICE", "write_measurement", "write_measurements"]

KIND = "measurement"
JSON_FILE = "measurement.json"


def write_measurement(
    folder: str | Path,
    cine: Cine,
    measured: VesselMeasurement,
    row: dict[str, Any],
    followed: FollowedVessel | None = None,
    *,
    overwrite: bool = False,
) -> None:
    """Write a measurement to a new folder.

    Parameters
    ----------
    folder
        Folder to write: `measurement.json`, `profile.csv`, `profile.png`, and for a
        followed vessel `kymographs.png`, `diameters.csv`, `contrast.csv` and, where
        frame times are known, `speeds.csv`, a row for each frame.
    cine
        The loop.
    measured
        Measurement of the vessel in one frame.
    row
        Contents of `measurement.json`.
    followed
        The vessel in all frames, or None.
    overwrite
        Whether to replace files of this program that were changed after it wrote them,
        as in `result_folders.replacing_folder`.

    Raises
    ------
    OccupiedError
        If the folder contains something that must not be replaced.
    WriteError
        If the folder cannot be written.
    """
    with replacing_folder(folder, KIND, overwrite=overwrite) as room:
        _fill(room, cine, measured, row, followed)


def write_measurements(
    folder: str | Path,
    cine: Cine,
    vessels: Sequence[LoopVessel],
    *,
    overwrite: bool = False,
) -> None:
    """Write all measured vessels of a loop to a new folder.

    Parameters
    ----------
    folder
        Folder to write. One vessel gives the files of `write_measurement`. Several give
        a folder for each, such as `vessel_2`, and `measurement.json` and `lesions.csv`
        of all.
    cine
        The loop.
    vessels
        One or more vessels.
    overwrite
        As in `write_measurement`.

    Raises
    ------
    OccupiedError
        If the folder contains something that must not be replaced.
    WriteError
        If the folder cannot be written.
    """
    with replacing_folder(folder, KIND, overwrite=overwrite) as room:
        if len(vessels) == 1:
            (one,) = vessels
            _fill(room, cine, one.measured, one.as_dict(), one.followed)
        else:
            room.mkdir()
            for one in vessels:
                part = room / one.name.replace(" ", "_")
                _fill(part, cine, one.measured, one.as_dict(), one.followed)
            _write_json(
                room / JSON_FILE, {"vessels": [one.as_dict() for one in vessels]}
            )
        _write_lesions(room / "lesions.csv", vessels)


def _fill(
    room: Path,
    cine: Cine,
    measured: VesselMeasurement,
    row: dict[str, Any],
    followed: FollowedVessel | None,
) -> None:
    """Write the files of one vessel to a new folder."""
    room.mkdir()
    _write_json(room / JSON_FILE, row)
    _write_profile(room / "profile.csv", measured)
    (room / "profile.png").write_bytes(profile_figure(cine, measured))
    if followed is None:
        return
    (room / "kymographs.png").write_bytes(kymograph_figure(followed))
    unit, times = followed.calibration.unit, cine.frame_times
    tables = [
        ("diameters", followed.diameters, unit),
        ("contrast", followed.contrast, "darkness"),
        ("place_uncertainty", followed.place_sd, "px"),
    ]
    if times is not None:
        speeds = section_speeds(followed.points, times, followed.calibration)
        tables.append(("speeds", speeds, f"{unit}/s"))
    for name, values, what in tables:
        _write_kymograph(
            room / f"{name}.csv", values, times, followed.arc_length, unit, what
        )


def _write_json(path: Path, row: dict[str, Any]) -> None:
    path.write_text(as_json({"notice": NOTICE, **row}, indent=1) + "\n")


def _write_lesions(path: Path, vessels: Sequence[LoopVessel]) -> None:
    """Write a row for each lesion, and for each vessel without one."""
    units = {one.measured.profile.calibration.unit for one in vessels}
    unit = units.pop() if len(units) == 1 else "px"  # one calibration for a loop
    head = [
        "vessel", "frame", "lesion", f"MLD ({unit})", f"RVD ({unit})",
        "diameter stenosis (%)", "area stenosis (%)", f"length ({unit})",
    ]  # fmt: skip
    rows = [
        [
            row.vessel, row.frame, _or_nan(row.lesion), row.mld, row.rvd,
            row.percent_diameter_stenosis, row.percent_area_stenosis,
            _or_nan(row.length),
        ]
        for one in vessels
        for row in lesion_rows(one.number, one.measured)
    ]  # fmt: skip
    _write_table(path, head, np.array(rows, float).reshape(-1, len(head)))


def _or_nan(value: float | None) -> float:
    return float("nan") if value is None else value


def _write_profile(path: Path, measured: VesselMeasurement) -> None:
    profile, unit = measured.profile, measured.profile.calibration.unit
    head = [
        f"arc length ({unit})", "row (px)", "column (px)", f"diameter ({unit})",
        f"standard deviation ({unit})", f"reference diameter ({unit})",
    ]  # fmt: skip
    columns = np.column_stack(
        (
            profile.arc_length,
            profile.line.points,
            profile.diameters,
            profile.uncertainty,
            measured.reference,
        )
    )
    _write_table(path, head, columns)


def _write_kymograph(
    path: Path,
    values: NDArray[np.float64],
    times: NDArray[np.float64] | None,
    arc_length: NDArray[np.float64],
    unit: str,
    what: str,
) -> None:
    """Write a row for each frame and a column for each section."""
    head = ["frame", "time (ms)"]
    head += [f"{what} at {length:.3f} {unit}" for length in arc_length]
    when = np.full(len(values), np.nan) if times is None else times
    _write_table(path, head, np.column_stack((np.arange(len(values)), when, values)))


def _write_table(path: Path, head: list[str], rows: NDArray[np.float64]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(head)
        for row in rows:
            writer.writerow(["" if np.isnan(v) else f"{v:.6g}" for v in row])
