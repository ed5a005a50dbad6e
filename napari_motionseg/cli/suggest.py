"""Provide `motionseg suggest`, which names the frame to label next."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from napari_motionseg.cli.console import print_result, run_job
from napari_motionseg.cli.labelled_loops import LabelMode
from napari_motionseg.cli.options import AsJson, Device, OneCine


def suggest(
    cine: OneCine,
    model: Annotated[
        str, typer.Option(help="Segmentation checkpoint, or 'default'.")
    ] = "default",
    labels: Annotated[
        Path | None,
        typer.Option(help="Label file of the frames that are labelled already."),
    ] = None,
    label_mode: LabelMode = "dense",
    device: Device = "auto",
    as_json: AsJson = False,
) -> None:
    """Suggest the frame to label next, with a reason."""
    from napari_motionseg.io import read_cine, read_labels
    from napari_motionseg.segmentation import segment_job
    from napari_motionseg.segmentation.suggest import suggest_frame

    loop = read_cine(cine)
    known: tuple[int, ...] = ()
    if labels is not None:
        known = read_labels(
            labels,
            shape=loop.shape,
            cine=loop,
            mode=label_mode,  # type: ignore[arg-type]
        ).frames
    found = run_job(segment_job(loop, model, device=device), loop.name)
    wanted = suggest_frame(found.probabilities, known, found.done)
    row = {"cine": loop.name, "frame": wanted.frame, "reason": wanted.reason}
    print_result(row, wanted.reason, as_json)
