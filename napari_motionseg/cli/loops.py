"""`motionseg info` and `motionseg synth`: what loops are, and loops to try."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_motionseg.cine.frame_stack import damage_words
from napari_motionseg.cli.console import answer, drive
from napari_motionseg.cli.failures import Failures
from napari_motionseg.cli.options import AsJson, Seed
from napari_motionseg.cli.targets import Overwrite
from napari_motionseg.errors import MotionSegError
from napari_motionseg.jobs import Job, Progress

if TYPE_CHECKING:
    from napari_motionseg.cine import Cine
    from napari_motionseg.synthesis import SynthesisConfig

# attributes of the header that name a site, a device or a person rather than a loop
IDENTIFYING = re.compile(
    "Manufacturer|Institution|Station|Serial|Software|Device|Detector(ID|Desc)|Name$"
    "|Physician|Operator|Address|UID$|(Study|Series|Acquisition|Content)(Date|Time)"
)


def info(
    paths: Annotated[
        list[Path], typer.Argument(metavar="PATH...", help="Files or folders.")
    ],
    as_json: AsJson = False,
    phi: Annotated[
        bool,
        typer.Option(
            "--phi", help="Also show who and where: patient, site, maker of the device."
        ),
    ] = False,
    check: Annotated[
        bool,
        typer.Option("--check", help="Decode all frames and count the damaged ones."),
    ] = False,
) -> None:
    """Say what each loop is: frames, bits, times, spacing, view."""
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
            answer(row, as_line(row), as_json)
    failures.leave(len(paths))


def describe(cine: Cine, *, phi: bool = False, check: bool = False) -> dict[str, Any]:
    """Return what is known of a loop as JSON values.

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
        If no frame of a loop that is checked can be decoded.
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
    """Return a loop's description as one line for a person."""
    parts = [
        row["source"],
        f"{row['frames']} {'frame' if row['frames'] == 1 else 'frames'}",
        f"{row['rows']} x {row['columns']}",
        f"{row['bits_stored']} bits{' signed' if row['signed'] else ''}",
        str(row["transfer_syntax"] or "no DICOM"),
        _times(row),
        _spacing(row),
        row["view"] or "view unknown",
        _masking(row),
    ]
    if "damaged_frames" in row:
        damaged = row["damaged_frames"]
        parts.append(
            damage_words(damaged, row["frames"]) if damaged else "no damaged frame"
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


def synth(
    out: Annotated[Path, typer.Argument(metavar="OUT", help="Folder to write to.")],
    cines: Annotated[int, typer.Option(min=1, help="How many loops.")] = 1,
    frames: Annotated[int, typer.Option(help="Frames of each loop.")] = 24,
    size: Annotated[int, typer.Option(help="Rows and columns.")] = 512,
    seed: Seed = 0,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
) -> None:
    """Make synthetic angiograms: XA DICOM files, and their truth beside them.

    The truth is a label file (labels, labelled) that also holds the exact flow from
    each frame to the next (flow). Loops of another seed or size in the folder stay: a
    short hash is added to the names of new ones.
    """
    from napari_motionseg.synthesis import SynthesisConfig

    config = SynthesisConfig(size=size, frames=frames)
    job = synth_job(out, config, cines, seed, overwrite=overwrite)
    for row in drive(job, "Synthetic loops"):
        answer(row, f"{row['cine']}  truth: {row['truth']}", as_json)


def synth_job(
    out: Path,
    config: SynthesisConfig,
    cines: int,
    seed: int,
    *,
    overwrite: bool = False,
) -> Job[list[dict[str, Any]]]:
    """Write loops and their truth, the n-th from seed `seed` + n.

    Parameters
    ----------
    out
        Path of the folder to write to.
    config
        Settings of the synthesis.
    cines
        Number of loops.
    seed
        Seed of the first loop.
    overwrite
        As in `OutputFolder`.

    Yields
    ------
    Progress
        After each loop.

    Raises
    ------
    WriteError
        If the folder cannot be written.
    """
    from napari_motionseg.io.dicom_writer import write_xa
    from napari_motionseg.io.output_folder import OutputFolder, Source
    from napari_motionseg.synthesis import synthesize_cine

    folder = OutputFolder(out, overwrite=overwrite)
    rows = []
    yield Progress(0, cines)
    for number in range(cines):
        synthetic = synthesize_cine(config, seed=seed + number)
        settings = json.dumps(asdict(config), sort_keys=True, default=str)
        digest = hashlib.sha256(f"{seed + number} {settings}".encode()).hexdigest()
        source = Source("synthesis", f"seed {seed + number}", digest)
        stem = f"cine_{number:03d}"
        with folder.writing(source, [(stem, ".dcm"), (stem, "_truth.npz")]) as draft:
            cine, truth = draft.temporary
            write_xa(cine, synthetic.cine)
            write_truth(truth, synthetic)
        cine, truth = draft.final
        rows.append({"cine": str(cine), "truth": str(truth), "seed": seed + number})
        yield Progress(number + 1, cines)
    return rows


def write_truth(path: Path, synthetic: Any) -> None:
    """Write the masks as a label file, with the exact flow between neighbours.

    Raises
    ------
    WriteError
        If it cannot be written.
    """
    import numpy as np

    from napari_motionseg.io.atomic import replacing

    count = len(synthetic.cine)
    flow = [synthetic.flow(t, t + 1).astype(np.float16) for t in range(count - 1)]
    with replacing(path) as temporary:
        np.savez_compressed(
            temporary,
            labels=synthetic.masks.astype(np.uint8),
            labelled=np.ones(count, bool),
            flow=np.asarray(flow, np.float16).reshape(-1, 2, *synthetic.cine.shape[1:]),
        )
