"""Provide `motionseg flow`, which estimates the optical flow of a loop."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast

import typer

from napari_motionseg.cli.console import print_note, print_result, run_job
from napari_motionseg.cli.options import AsJson, Device, OneCine
from napari_motionseg.cli.run_on import RunOn, job_on
from napari_motionseg.cli.targets import Overwrite, require_target, source_of
from napari_motionseg.errors import SettingsError

if TYPE_CHECKING:
    from napari_motionseg.cine import Cine
    from napari_motionseg.models.precision import Precision
    from napari_motionseg.motion import FlowSequence, FlowSettings

Gap = Annotated[
    str,
    typer.Option(
        help="Frames from the first to the second of a pair; auto: nearest to 133 ms."
    ),
]
Method = Annotated[
    str,
    typer.Option(
        help="Flow method: pwcnet, tvl1 or ilk; with OpenCV also dis or farneback."
    ),
]
Weights = Annotated[
    Path | None, typer.Option(help="PWC-Net checkpoint (.safetensors or .pth).")
]

FlowPrecision = Annotated[
    str,
    typer.Option("--precision", help="Precision of networks: auto, float32 or bf16."),
]
Cached = Annotated[
    bool,
    typer.Option(
        "--cache/--no-cache",
        help="Cache the flow on disk, in the folder that MOTIONSEG_CACHE names.",
    ),
]

Out = Annotated[
    Path,
    typer.Option(
        help="File to write: a zarr folder (no suffix); .mp4 or .gif with "
        "colours; .flo or .png with one frame."
    ),
]
StartFrame = Annotated[
    int,
    typer.Option(help="Frame, from 0, at which the flow of .flo or .png begins."),
]


def flow(
    cine: OneCine,
    out: Out,
    gap: Gap = "auto",
    backward: Annotated[
        bool, typer.Option("--backward", help="Estimate the backward flow too.")
    ] = False,
    method: Method = "pwcnet",
    weights: Weights = None,
    frame: StartFrame = 0,
    device: Device = "auto",
    precision: FlowPrecision = "auto",
    cached: Cached = True,
    overwrite: Overwrite = False,
    run_on: RunOn = "",
    as_json: AsJson = False,
) -> None:
    """Estimate the optical flow of a loop and write it.

    An existing file at --out is replaced unless it is a loop or an input. A folder is
    replaced only if this program wrote everything in it.
    """
    from napari_motionseg.io import read_cine
    from napari_motionseg.motion import FlowCache, estimate_flow_job, save_flow
    from napari_motionseg.motion.flow_export import MOVIES, ONE_FRAME

    settings = flow_settings(gap, method, weights, device, backward, precision)
    single = out.suffix.lower() in (*MOVIES, *ONE_FRAME)
    require_target(
        out, (cine, weights), folder="" if single else "flow", overwrite=overwrite
    )
    loop = read_cine(cine)
    cache = FlowCache.default() if cached and not run_on else None
    job = job_on(run_on, estimate_flow_job, loop, settings, cache)
    sequence = run_job(job, "Optical flow")
    for text in sequence.notes:
        print_note(text)
    save_flow(out, loop, sequence, frame, overwrite=overwrite)
    row = summary(loop, sequence, out)
    print_result(row, as_line(row), as_json)


def flow_settings(
    gap: str,
    method: str,
    weights: Path | None,
    device: str,
    backward: bool = False,
    precision: str = "auto",
) -> FlowSettings:
    """Return the flow settings for the given options.

    Raises
    ------
    SettingsError
        If the gap is neither ``auto`` nor a positive integer, or the precision is
        unknown.
    """
    from napari_motionseg.motion import FlowSettings

    return FlowSettings(
        gap=parsed_gap(gap),
        method=method,
        backward=backward,
        weights=None if weights is None else str(weights),
        device=device,
        precision=cast("Precision", precision),
    )


def parsed_gap(gap: str) -> int | Literal["auto"]:
    """Return the gap as `FlowSettings` expects it.

    Raises
    ------
    SettingsError
        If it is neither ``auto`` nor an integer.
    """
    if gap == "auto":
        return "auto"
    try:
        return int(gap)
    except ValueError as error:
        raise SettingsError(
            f"--gap must be 'auto' or an integer; got {gap!r}"
        ) from error


def summary(cine: Cine, sequence: FlowSequence, out: Path) -> dict[str, Any]:
    """Return a summary of the flow in a few numbers."""
    import numpy as np

    known = [t for t in range(len(sequence)) if t not in sequence.missing]
    forward = np.asarray(sequence.forward)[known]
    lengths = np.hypot(forward[:, 0], forward[:, 1])
    interval = cine.frame_interval
    return {
        "out": str(out),
        **source_of(cine),
        "method": sequence.method,
        "gap": sequence.gap,
        "gap_ms": None if interval is None else sequence.gap * interval,
        "pairs": len(sequence),
        "missing_pairs": sorted(sequence.missing),
        "median_px": float(np.median(lengths)),
        "p99_px": float(np.percentile(lengths, 99)),
        "agreement": _agreement(sequence),
    }


def _agreement(sequence: FlowSequence) -> float | None:
    """Return the share of pixels with a forward-backward error below 1 px."""
    if sequence.backward is None:
        return None
    import torch

    from napari_motionseg.motion import forward_backward_error

    shares = [
        float((forward_backward_error(torch.from_numpy(f)[None],
                                      torch.from_numpy(b)[None]) < 1).float().mean())
        for t, (f, b) in enumerate(
            zip(sequence.forward, sequence.backward, strict=True)
        )
        if t not in sequence.missing
    ]  # fmt: skip
    return sum(shares) / len(shares)


def as_line(row: dict[str, Any]) -> str:
    """Return the summary as one line of text."""
    time = "" if row["gap_ms"] is None else f" ({row['gap_ms']:.0f} ms)"
    parts = [
        f"{row['out']}: {row['pairs']} pairs by {row['method']}",
        f"gap {row['gap']}{time}",
        f"median {row['median_px']:.2f} px, 99% below {row['p99_px']:.1f} px",
    ]
    if row["agreement"] is not None:
        parts.append(f"forward and backward agree on {row['agreement']:.0%}")
    return ", ".join(parts)
