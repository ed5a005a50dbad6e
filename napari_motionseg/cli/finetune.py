"""Provide `motionseg finetune`, which trains a segmentation from few labels."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_motionseg.cli.console import run_job
from napari_motionseg.cli.labelled_loops import (
    ImageFrame,
    LabelFiles,
    LabelMode,
    read_labelled_loops,
)
from napari_motionseg.cli.options import AsJson, Checkpoint, Cines
from napari_motionseg.cli.recipe_options import (
    Device,
    Rate,
    Seed,
    Sets,
    changes_recipe,
    recipe_and_changes,
)
from napari_motionseg.cli.run_on import RunOn, job_on
from napari_motionseg.cli.targets import require_target
from napari_motionseg.cli.trained_model import report_checkpoint

if TYPE_CHECKING:
    from napari_motionseg.segmentation.flow_propagation import CarrySettings

SCRATCH = "scratch"


def _carry(wanted: bool) -> CarrySettings | None:
    from napari_motionseg.segmentation.flow_propagation import CarrySettings

    return CarrySettings() if wanted else None


Model = Annotated[
    str, typer.Option(help="Checkpoint to start from, 'default', or 'scratch'.")
]
Recipe = Annotated[
    str,
    typer.Option(
        help="Recipe: quick (last layers of a segmentation network, seconds), tuned "
        "(all layers, minutes) or paper (as in Ma et al.)."
    ),
]
Steps = Annotated[
    int | None,
    typer.Option(
        min=1,
        help="Optimizer steps; by default, those of the recipe grow with "
        "the number of labelled frames.",
    ),
    Sets(("steps",)),
]
Batch = Annotated[
    int | None, typer.Option(help="Pictures in a step."), Sets(("batch",))
]
Crop = Annotated[
    int | None,
    typer.Option(help="Side of the training windows in px."),
    Sets(("crop",)),
]
Width = Annotated[
    int | None,
    typer.Option(help="Width of a U-Net that is trained from scratch."),
    Sets(("network.width",)),
]
Carry = Annotated[
    bool | None,
    typer.Option(
        "--carry",
        help="Carry labels along the flow to neighbouring frames, as weak labels.",
    ),
    Sets(("carry",), _carry),
]
Kept = Annotated[
    float | None,
    typer.Option(
        help="Share of the initial weights that is kept if the start is a "
        "segmentation network, 0 to 1; earned: larger if the start "
        "fits the labels better."
    ),
    Sets(("kept",)),
]


@changes_recipe("napari_motionseg.segmentation.settings:FinetuneSettings")
def finetune(
    context: typer.Context,
    cines: Cines,
    labels: LabelFiles,
    model: Model,
    out: Checkpoint,
    label_mode: LabelMode = "dense",
    frame: ImageFrame = None,
    recipe: Recipe = "quick",
    steps: Steps = None,
    batch: Batch = None,
    crop: Crop = None,
    width: Width = None,
    carry: Carry = None,
    kept: Kept = None,
    rate: Rate = None,
    device: Device = None,
    seed: Seed = None,
    run_on: RunOn = "",
    as_json: AsJson = False,
) -> None:
    """Train a segmentation from a few labelled frames.

    Ctrl-C stops early and keeps the result so far.
    """
    from napari_motionseg.segmentation import finetune_job
    from napari_motionseg.training.engine.recipes import with_changes

    base, changes = recipe_and_changes(context)
    if steps is not None:
        base = base.with_steps(steps)
    settings = with_changes(base, changes)
    require_target(out, (*cines, *labels, model))
    examples = read_labelled_loops(cines, labels, label_mode, frame)
    start = SCRATCH if model == SCRATCH else Path(model)
    job = job_on(run_on, finetune_job, examples, settings, start=start, out=out)
    report_checkpoint(run_job(job, "Fine-tuning", stoppable=True), as_json)
