"""Provide `motionseg train-propagation`, which learns what moves together."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from napari_motionseg.cli.console import print_result, run_job
from napari_motionseg.cli.options import AsJson, Checkpoint, Resume
from napari_motionseg.cli.recipe_options import (
    Device,
    MicroBatches,
    PreviewEvery,
    Rate,
    SaveEvery,
    Seed,
    Sets,
    Steps,
    TensorBoard,
    changes_recipe,
    recipe_and_changes,
    training,
)
from napari_motionseg.cli.targets import require_training_target

Start = Annotated[
    Path | None,
    typer.Option(
        help="Propagation checkpoint to start from, or a segmentation checkpoint whose "
        "U-Net becomes the image encoder; default: from scratch."
    ),
]
FreezeEncoder = Annotated[
    bool | None,
    typer.Option("--freeze-encoder", help="Train everything except the image encoder."),
    Sets(("freeze_encoder",)),
]
Batch = Annotated[
    int | None, typer.Option(help="Pictures in a step."), Sets(("batch",))
]
Motions = Annotated[
    int | None,
    typer.Option(min=1, help="Motions of each picture in a step."),
    Sets(("motions",)),
]
Crop = Annotated[
    int | None,
    typer.Option(
        help="Side in px of the pictures that the network sees, a multiple of 16."
    ),
    Sets(("crop",)),
]
Pool = Annotated[
    int | None, typer.Option(help="Number of frames in memory."), Sets(("pool_size",))
]
Refresh = Annotated[
    int | None,
    typer.Option(help="Steps after which some frames are renewed; 0 never renews."),
    Sets(("refresh_every",)),
]
Schedule = Annotated[
    str | None,
    typer.Option(help="Schedule of the learning rate: one-cycle, cosine or constant."),
    training("schedule"),
]
Recipe = Annotated[
    str,
    typer.Option(
        help="Recipe: clicks (the light network, for clicks and arrows) or paper (the "
        "ResNet-50 layout of Zhan et al. 2019)."
    ),
]


@changes_recipe(
    "napari_motionseg.training.propagation.settings:PropagationTrainingSettings"
)
def train_propagation(
    context: typer.Context,
    out: Checkpoint,
    steps: Steps = None,
    freeze_encoder: FreezeEncoder = None,
    batch: Batch = None,
    motions: Motions = None,
    crop: Crop = None,
    pool: Pool = None,
    refresh_every: Refresh = None,
    rate: Rate = None,
    schedule: Schedule = None,
    recipe: Recipe = "clicks",
    start: Start = None,
    resume: Resume = False,
    micro_batches: MicroBatches = None,
    save_every: SaveEvery = None,
    preview_every: PreviewEvery = None,
    tensorboard: TensorBoard = None,
    device: Device = None,
    seed: Seed = None,
    as_json: AsJson = False,
) -> None:
    """Train a network to propagate a few motion vectors over a picture.

    It learns from synthetic frames whose motion is exact. `motionseg click` turns
    clicks into a mask with it, and `motionseg guide` arrows into motion. Ctrl-C stops
    early and keeps the result so far; --resume continues from there.
    """
    from napari_motionseg.models import read_card
    from napari_motionseg.training.engine.recipes import with_changes
    from napari_motionseg.training.propagation.job import train_propagation_job

    settings = with_changes(*recipe_and_changes(context))
    require_training_target(out, (start,))
    job = train_propagation_job(settings, out=out, resume=resume, start=start)
    path = run_job(job, "Propagation training", stoppable=True)
    error = read_card(path).provenance["held_out_error_px"]
    line = f"{path}: end-point error {error:.2f} px on held-out synthetic frames"
    print_result({"out": str(path), "held_out_error_px": error}, line, as_json)
