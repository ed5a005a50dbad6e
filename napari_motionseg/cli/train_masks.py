"""Provide `motionseg train-masks`, which learns to segment synthetic angiograms."""

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
from napari_motionseg.errors import SettingsError

Start = Annotated[
    Path | None,
    typer.Option(help="Segmentation checkpoint to start from; default: from scratch."),
]
Keep = Annotated[
    float | None,
    typer.Option(
        min=0, max=1, help="Share of the start's weights that the result keeps."
    ),
    Sets(("kept",)),
]
Teacher = Annotated[
    Path | None,
    typer.Option(
        help="Segmentation checkpoint whose vessels are learnt too, so that they are "
        "not forgotten; default: the exact masks alone."
    ),
]
TeacherShare = Annotated[
    float | None,
    typer.Option(
        min=0, max=1, help="Share of the teacher's vessels; the rest is the exact mask."
    ),
    Sets(("teacher_share",)),
]
Batch = Annotated[int | None, typer.Option(help="Windows in a step."), Sets(("batch",))]
Crop = Annotated[
    int | None,
    typer.Option(
        help="Side in px of the windows that the network sees, a multiple of 16."
    ),
    Sets(("crop",)),
]
Width = Annotated[
    int | None,
    typer.Option(help="Width of the U-Net; the paper uses 64."),
    Sets(("network.width",)),
]
Pool = Annotated[
    int | None, typer.Option(help="Number of frames in memory."), Sets(("pool_size",))
]
Refresh = Annotated[
    int | None,
    typer.Option(help="Steps after which 16 frames are renewed; 0 never renews."),
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
        help="Recipe: cameras (grain, fields of view, devices, vessels of "
        "all sizes), coronary (the same with named coronary segments), mixed (half "
        "of each), quiet (nearly noiseless frames) or catheters (a network that tells "
        "catheters beside one that finds vessels)."
    ),
]


@changes_recipe("napari_motionseg.training.masks.settings:MaskTrainingSettings")
def train_masks(
    context: typer.Context,
    out: Checkpoint,
    steps: Steps = None,
    batch: Batch = None,
    crop: Crop = None,
    width: Width = None,
    pool: Pool = None,
    refresh_every: Refresh = None,
    rate: Rate = None,
    schedule: Schedule = None,
    recipe: Recipe = "cameras",
    start: Start = None,
    keep: Keep = None,
    teacher: Teacher = None,
    teacher_share: TeacherShare = None,
    resume: Resume = False,
    micro_batches: MicroBatches = None,
    save_every: SaveEvery = None,
    preview_every: PreviewEvery = None,
    tensorboard: TensorBoard = None,
    device: Device = None,
    seed: Seed = None,
    as_json: AsJson = False,
) -> None:
    """Train a network to segment synthetic angiograms, whose masks are exact.

    The network segments loops without any painting, and is a start for few labels.
    Ctrl-C stops early and keeps the result so far; --resume continues from there.
    """
    from napari_motionseg.training.engine.recipes import with_changes
    from napari_motionseg.training.masks.job import train_masks_job

    settings = with_changes(*recipe_and_changes(context))
    if teacher is None and teacher_share is not None:
        raise SettingsError("--teacher-share needs a --teacher")
    require_training_target(out, (start, teacher))
    job = train_masks_job(
        settings, out=out, resume=resume, start=start, teacher=teacher
    )
    _print_scores(run_job(job, "Mask training", stoppable=True), as_json)


def _print_scores(path: Path, as_json: bool) -> None:
    """Print the Dice of a new network on frames that it was not trained on."""
    from napari_motionseg.models import read_card

    told = read_card(path).provenance
    vessels, catheters = told["held_out_dice"], told["held_out_catheter_dice"]
    line = (
        f"{path}: on held-out synthetic frames, Dice {vessels:.3f} for vessels and "
        f"{catheters:.3f} for catheters"
    )
    row = {"out": str(path), "held_out_dice": vessels}
    print_result(row | {"held_out_catheter_dice": catheters}, line, as_json)
