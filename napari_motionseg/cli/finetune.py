"""Provide `motionseg finetune`, which trains a segmentation from few labels."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_motionseg.cli.console import run_job
from napari_motionseg.cli.labelled_loops import (
    ImageFrame,
    LabelFiles,
    LabelMode,
    read_labelled_loops,
)
from napari_motionseg.cli.options import (
    AsJson,
    Checkpoint,
    Cines,
    Device,
    Rate,
    Seed,
    given_options,
)
from napari_motionseg.cli.targets import require_target
from napari_motionseg.cli.trained_model import report_checkpoint

if TYPE_CHECKING:
    from napari_motionseg.segmentation import FinetuneSettings

Recipe = Annotated[
    str, typer.Option(help="tuned (BCE + Dice, falling rate) or paper (as is).")
]
SCRATCH = "scratch"


def finetune(
    cines: Cines,
    labels: LabelFiles,
    model: Annotated[
        str, typer.Option(help="Checkpoint to start from, 'default', or 'scratch'.")
    ],
    out: Checkpoint,
    label_mode: LabelMode = "dense",
    frame: ImageFrame = None,
    recipe: Recipe = "tuned",
    steps: Annotated[
        int | None, typer.Option(min=1, help="Optimizer steps; the recipe's if unset.")
    ] = None,
    batch: Annotated[int | None, typer.Option(help="Pictures a step.")] = None,
    crop: Annotated[
        int | None, typer.Option(help="Side of training windows, px.")
    ] = None,
    width: Annotated[int, typer.Option(help="Of a U-Net from scratch.")] = 16,
    carry: Annotated[
        bool, typer.Option("--carry", help="Carry labels along the flow, as weak ones.")
    ] = False,
    kept: Annotated[
        float | None,
        typer.Option(
            help="Share of a start that segments in the end, 0 to 1; the recipe's if "
            "unset: for 'tuned', the more the better it fits the labels."
        ),
    ] = None,
    rate: Rate = 1e-3,
    device: Device = "auto",
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """Train a segmentation from a few labelled frames.

    Ctrl-C stops early and keeps what was learnt.
    """
    from napari_motionseg.segmentation import finetune_job
    from napari_motionseg.segmentation.flow_propagation import CarrySettings

    settings = finetune_settings(
        recipe,
        steps,
        given_options(
            batch=batch,
            crop=crop,
            kept=kept,
            carry=CarrySettings() if carry else None,
        ),
        width,
        {"learning_rate": rate, "device": device, "seed": seed},
    )
    require_target(out, (*cines, *labels, model))
    examples = read_labelled_loops(cines, labels, label_mode, frame)
    start = SCRATCH if model == SCRATCH else Path(model)
    path = run_job(
        finetune_job(examples, settings, start=start, out=out),
        "Fine-tuning",
        stoppable=True,
    )
    report_checkpoint(path, as_json)


def finetune_settings(
    recipe: str,
    steps: int | None,
    changes: dict[str, Any],
    width: int,
    training: dict[str, Any],
) -> FinetuneSettings:
    """Return a recipe with the user's changes.

    Raises
    ------
    SettingsError
        If there is no such recipe, or a value cannot be.
    """
    from napari_motionseg.segmentation import FinetuneSettings

    base = FinetuneSettings.recipe(recipe)  # type: ignore[arg-type]
    if steps is not None:
        base = base.with_steps(steps)
    return dataclasses.replace(
        base,
        network=dataclasses.replace(base.network, width=width),
        training=dataclasses.replace(base.training, **training),
        **changes,
    )
