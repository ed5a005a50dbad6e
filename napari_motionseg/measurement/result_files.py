"""Write measurements to a folder: JSON, tables for a spreadsheet, a figure."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_motionseg.cine import Cine
from napari_motionseg.io.result_folders import replacing_folder
from napari_motionseg.measurement.following import FollowedVessel
from napari_motionseg.measurement.vessel import VesselMeasurement
from napari_motionseg.text import as_json

KIND = "measurement"
NOTICE = "Research use only; not a medical device."
FIGURE_INCHES = (10.0, 4.2)
ROOM_PX = 40  # of the picture shown around the vessel


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
        followed vessel `diameters.csv` and `contrast.csv`, a row for each frame.
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
        room.mkdir()
        (room / "measurement.json").write_text(
            as_json({"notice": NOTICE, **row}, indent=1) + "\n"
        )
        _write_profile(room / "profile.csv", measured)
        _draw(room / "profile.png", cine, measured)
        if followed is not None:
            unit = followed.calibration.unit
            times = cine.frame_times
            for name, values, what in (
                ("diameters", followed.diameters, unit),
                ("contrast", followed.contrast, "darkness"),
            ):
                lengths = followed.arc_length
                _write_kymograph(
                    room / f"{name}.csv", values, times, lengths, unit, what
                )


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


def _draw(path: Path, cine: Cine, measured: VesselMeasurement) -> None:
    """Draw the vessel in its frame beside its diameters."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    profile, unit = measured.profile, measured.profile.calibration.unit
    figure = Figure(figsize=FIGURE_INCHES, layout="constrained")
    FigureCanvasAgg(figure)
    picture, curve = figure.subplots(1, 2, width_ratios=(1, 1.5))
    rows, columns = profile.line.points.T
    picture.imshow(cine.normalized(measured.frame), cmap="gray")
    picture.plot(columns, rows, color="tab:orange", linewidth=1)
    picture.set_xlim(columns.min() - ROOM_PX, columns.max() + ROOM_PX)
    picture.set_ylim(rows.max() + ROOM_PX, rows.min() - ROOM_PX)
    picture.set_title(f"frame {measured.frame}")
    picture.set_axis_off()
    length = profile.arc_length
    low, high = (profile.diameters + k * profile.uncertainty for k in (-1.96, 1.96))
    curve.fill_between(length, low, high, alpha=0.3, linewidth=0, label="95 % (noise)")
    curve.plot(length, profile.diameters, label=f"diameter ({profile.method})")
    curve.plot(
        length,
        measured.reference,
        "--",
        label=f"reference ({measured.reference_method})",
    )
    for lesion in measured.lesions:
        curve.axvspan(
            length[lesion.start], length[lesion.end], color="tab:red", alpha=0.12
        )
        picture.plot(
            columns[lesion.smallest], rows[lesion.smallest], "x", color="tab:red"
        )
    curve.set(
        xlabel=f"arc length ({unit})", ylabel=f"diameter ({unit})", ylim=(0, None)
    )
    curve.legend(loc="best", frameon=False)
    figure.suptitle(NOTICE, fontsize="small")
    figure.savefig(path, dpi=120)
