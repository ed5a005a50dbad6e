"""`motionseg train-masks`: a network that segments, from synthetic angiograms alone."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from napari_motionseg.cli.console import print_result, run_job
from napari_motionseg.cli.options import (
    AsJson,
    Checkpoint,
    Device,
    LookEvery,
    Parts,
    Resume,
    SaveEvery,
    Seed,
    Steps,
    TensorBoard,
)
from napari_motionseg.cli.targets import require_training_target

Start = Annotated[
    Path | None, typer.Option(help="Checkpoint to go on from; else from scratch.")
]
Rate = Annotated[float, typer.Option("--learning-rate", "--lr", help="Highest rate.")]

CLIP_NORM = 3.0
SAVE_EVERY = 100  # steps: a minute on one core
LOOK_EVERY = 200


def train_masks(
    out: Checkpoint,
    steps: Steps = 6000,
    batch: Annotated[int, typer.Option(help="Windows a step.")] = 4,
    crop: Annotated[int, typer.Option(help="Side of what is seen, px.")] = 256,
    width: Annotated[int, typer.Option(help="Of the U-Net; the paper's is 64.")] = 16,
    pool: Annotated[int, typer.Option(help="Frames kept in memory.")] = 192,
    refresh_every: Annotated[
        int, typer.Option(help="Steps after which 16 are made anew; 0 for never.")
    ] = 40,
    rate: Rate = 2e-3,
    schedule: Annotated[
        str, typer.Option(help="Of the rate: one-cycle, cosine or constant.")
    ] = "one-cycle",
    recipe: Annotated[
        str,
        typer.Option(
            help="cameras: grain, fields of view, devices, vessels of all sizes; "
            "quiet: nearly noiseless frames, as before."
        ),
    ] = "cameras",
    start: Start = None,
    resume: Resume = False,
    parts: Parts = 0,
    save_every: SaveEvery = SAVE_EVERY,
    look_every: LookEvery = LOOK_EVERY,
    tensorboard: TensorBoard = False,
    device: Device = "auto",
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """Train a network to segment synthetic angiograms, whose masks are exact.

    It segments a loop that nobody has painted on, and is a start for few labels. Ctrl-C
    stops early and keeps what was learnt; --resume goes on from there.
    """
    from napari_motionseg.models import UNetConfig, read_card
    from napari_motionseg.training import TrainingSettings
    from napari_motionseg.training.mask_recipes import mask_recipe
    from napari_motionseg.training.masks import MaskTrainingSettings, train_masks_job

    settings = MaskTrainingSettings(
        batch=batch,
        crop=crop,
        pool_size=pool,
        refresh_every=refresh_every,
        network=UNetConfig(width=width, flat_field=True, octaves=2),
        **mask_recipe(recipe),
        training=TrainingSettings(
            steps=steps,
            learning_rate=rate,
            schedule=schedule,  # type: ignore[arg-type]
            weight_decay=1e-4,
            clip_norm=CLIP_NORM,
            device=device,
            seed=seed,
            checkpoint_every=save_every,
            preview_every=look_every,
            parts=parts,
            tensorboard=tensorboard,
        ),
    )
    require_training_target(out, (start,))
    job = train_masks_job(settings, out=out, resume=resume, start=start)
    path = run_job(job, "Mask training", stoppable=True)
    score = read_card(path).provenance["held_out_dice"]
    line = f"{path}: Dice {score:.3f} on held-out synthetic frames"
    print_result({"out": str(path), "held_out_dice": score}, line, as_json)
