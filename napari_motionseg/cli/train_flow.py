"""`motionseg train-flow`: PWC-Net from synthetic angiograms alone."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

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
    Path | None, typer.Option(help="Flow checkpoint to go on from; else from scratch.")
]
Batch = Annotated[int, typer.Option(help="Pairs a step, of the smallest windows.")]
Crop = Annotated[int, typer.Option(help="Side of the smallest windows, px.")]
Largest = Annotated[
    int | None, typer.Option(help="Side of the largest windows; as --crop if unset.")
]
Pool = Annotated[int, typer.Option(help="Pairs kept in memory.")]
Refresh = Annotated[
    int, typer.Option(help="Steps after which 16 of them are made anew; 0 for never.")
]
Penalty = Annotated[str, typer.Option(help="l2, or robust for fine-tuning.")]
Network = Annotated[
    str, typer.Option(help="layered: two layers and their mixture; or published.")
]
Scenes = Annotated[
    str, typer.Option(help="xa-coronary, generic-layers or rotating-cube.")
]
Rate = Annotated[float, typer.Option("--learning-rate", "--lr", help="Highest rate.")]

BORDER = 64  # by how much pairs are larger than the largest window, for shifts
LEAST_PAIR = 512  # at this side vessels are as wide as in most loops
CLIP_NORM = 3.0
SAVE_EVERY = 50  # steps: a minute on one core
LOOK_EVERY = 200


def train_flow(
    out: Checkpoint,
    steps: Steps = 4000,
    batch: Batch = 4,
    crop: Crop = 192,
    largest_crop: Largest = None,
    pool: Pool = 192,
    refresh_every: Refresh = 50,
    network: Network = "layered",
    scenes: Scenes = "xa-coronary",
    penalty: Penalty = "l2",
    rate: Rate = 8e-4,
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
    """Train a flow network on synthetic pictures, whose flow is known exactly.

    Ctrl-C stops early and keeps what was learnt; --resume goes on from there, on
    another machine too if the .state.safetensors beside the checkpoint comes along.
    """
    from napari_motionseg.models import read_card
    from napari_motionseg.synthesis import SynthesisConfig
    from napari_motionseg.training import TrainingSettings
    from napari_motionseg.training.flow.job import train_flow_job
    from napari_motionseg.training.flow.settings import FlowTrainingSettings

    settings = FlowTrainingSettings(
        batch=batch,
        crop=crop,
        largest_crop=largest_crop,
        pair_size=max(LEAST_PAIR, (largest_crop or crop) + BORDER),
        pool_size=pool,
        refresh_every=refresh_every,
        network=network,  # type: ignore[arg-type]
        synthesis=SynthesisConfig.preset(scenes),
        penalty=penalty,  # type: ignore[arg-type]
        training=TrainingSettings(
            steps=steps,
            learning_rate=rate,
            schedule="one-cycle",
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
    job = train_flow_job(settings, out=out, resume=resume, start=start)
    path = run_job(job, "Flow training", stoppable=True)
    errors = read_card(path).provenance["held_out_epe_px"]
    print_result({"out": str(path), **errors}, as_line(path, errors), as_json)


def as_line(path: Path, errors: dict[str, Any]) -> str:
    """Return the errors on held-out pairs as one line for a person."""
    return (
        f"{path}: end-point error {errors['epe_all']:.2f} px on held-out pairs "
        f"(nothing moves: {errors['zero_flow_all']:.2f})"
        + (
            f", {errors['epe_vessel']:.2f} px on vessels "
            f"({errors['zero_flow_vessel']:.2f})"
            if "epe_vessel" in errors
            else ""
        )
    )
