"""Provide `motionseg info`, which describes loops."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_motionseg.cine.frame_stack import describe_damage
from napari_motionseg.cli.console import print_result
from napari_motionseg.cli.failures import Failures
from napari_motionseg.cli.options import AsJson
from napari_motionseg.errors import MotionSegError

if TYPE_CHECKING:
    from napari_motionseg.cine import Cine

# attributes of the header that identify a site, a device or a person
IDENTIFYING = re.compile(
    "Manufacturer|Institution|Station|Serial|Software|Device|Detector(ID|Desc)|Name$"
    "|Physician|Operator|Address|UID$|(Study|Series|Acquisition|Content)(Date|Time)"
)


def info(
    paths: Annotated[
        list[Path], typer.Argument(metavar="PATH...", help="Files or folders of loops.")
    ],
    as_json: AsJson = False,
    phi: Annotated[
        bool,
        typer.Option("--phi", help="Also show patient, site, and maker of the device."),
    ] = False,
    check: Annotated[
        bool,
        typer.Option("--check", help="Decode all frames and list the damaged ones."),
    ] = False,
) -> None:
    """Describe each loop: frames, bits, times, spacing, view."""
    from napari_motionseg.io import read_cines

    failures = Failures("paths")
    for path in paths:
        try:
            cines = read_cines(path)
        except MotionSegError as error:
            failures.add(error)
            continue
        for cine in cines:
            try:
                row = describe(cine, phi=phi, check=check)
            except MotionSegError as error:
                failures.add(error)
                continue
            print_result(row, as_line(row), as_json)
    failures.exit_if_any(len(paths))


def describe(cine: Cine, *, phi: bool = False, check: bool = False) -> dict[str, Any]:
    """Return the description of a loop as JSON values.

    Parameters
    ----------
    cine
        The loop.
    phi
        Whether to add patient attributes, and those that identify site or device.
    check
        Whether to decode every frame and list the damaged ones.

    Raises
    ------
    ReadError
        If `check` is set and no frame of the loop can be decoded.
    """
    rows, columns = cine.shape[1:]
    row: dict[str, Any] = {
        "source": str(cine.source or cine.name),
        "frames": len(cine),
        "rows": rows,
        "columns": columns,
        "bits_stored": cine.bits_stored,
        "signed": cine.signed,
        "transfer_syntax": cine.technical.get("transfer_syntax"),
        "modality": cine.technical.get("modality"),
        "frame_interval_ms": cine.frame_interval,
        "frame_times_ms": None if cine.frame_times is None else list(cine.frame_times),
        "timing_basis": cine.timing_basis,
        "pixel_spacing_mm": cine.pixel_spacing,
        "spacing_basis": cine.spacing_basis,
        "view": None if cine.view is None else str(cine.view),
        "subtraction": [_subtraction(item) for item in cine.subtraction],
        "technical": {
            name: value
            for name, value in cine.technical.items()
            if phi or not IDENTIFYING.search(name)
        },
        "notes": list(cine.notes),
    }
    if check:
        row["damaged_frames"] = sorted(cine.frames.find_damaged())
    return {**row, "patient": dict(cine.patient)} if phi else row


def _subtraction(item: Any) -> dict[str, Any]:
    return {"operation": item.operation, "mask_frames": list(item.mask_frames)}


def as_line(row: Mapping[str, Any]) -> str:
    """Return the description of a loop as one line of text."""
    parts = [
        row["source"],
        f"{row['frames']} {'frame' if row['frames'] == 1 else 'frames'}",
        f"{row['rows']} x {row['columns']}",
        f"{row['bits_stored']} bits{' signed' if row['signed'] else ''}",
        str(row["transfer_syntax"] or "not DICOM"),
        _times(row),
        _spacing(row),
        row["view"] or "view unknown",
        _masking(row),
    ]
    if "damaged_frames" in row:
        damaged = row["damaged_frames"]
        parts.append(
            describe_damage(damaged, row["frames"]) if damaged else "no damaged frame"
        )
    known = row.get("patient") or {}
    parts += [f"{name}: {value}" for name, value in known.items()]
    return " | ".join(parts)


def _times(row: Mapping[str, Any]) -> str:
    interval = row["frame_interval_ms"]
    if interval is None:
        return "frame times unknown"
    return f"{interval:.1f} ms a frame ({row['timing_basis']})"


def _spacing(row: Mapping[str, Any]) -> str:
    spacing = row["pixel_spacing_mm"]
    if spacing is None:
        return f"spacing unknown ({row['spacing_basis']})"
    down, across = spacing
    size = f"{down:.3f}" if down == across else f"{down:.3f} x {across:.3f}"
    return f"{size} mm a pixel ({row['spacing_basis']})"


def _masking(row: Mapping[str, Any]) -> str:
    operations = [item["operation"] for item in row["subtraction"]]
    return f"subtraction {', '.join(operations)}" if operations else "no subtraction"
