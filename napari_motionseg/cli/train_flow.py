"""Provide `motionseg train-flow`, which trains PWC-Net on synthetic angiograms."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

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
)
from napari_motionseg.cli.targets import require_training_target

if TYPE_CHECKING:
    from napari_motionseg.synthesis import SynthesisConfig


def _scenes(name: str) -> SynthesisConfig:
    from napari_motionseg.synthesis import SynthesisConfig

    return SynthesisConfig.preset(name)


Start = Annotated[
    Path | None,
    typer.Option(help="Flow checkpoint to start from; default: from scratch."),
]
Batch = Annotated[
    int | None,
    typer.Option(help="Pairs in a step of the smallest windows."),
    Sets(("batch",)),
]
Crop = Annotated[
    int | None,
    typer.Option(help="Side of the smallest training windows in px, a multiple of 64."),
    Sets(("crop",)),
]
Largest = Annotated[
    int | None,
    typer.Option(
        help="Side of the largest training windows in px; default: as --crop."
    ),
    Sets(("largest_crop",)),
]
Pool = Annotated[
    int | None, typer.Option(help="Number of pairs in memory."), Sets(("pool_size",))
]
Refresh = Annotated[
    int | None,
    typer.Option(help="Steps after which 16 pairs are renewed; 0 never renews."),
    Sets(("refresh_every",)),
]
Penalty = Annotated[
    str | None,
    typer.Option(help="Penalty of errors: l2, or robust for fine-tuning."),
    Sets(("penalty",)),
]
Network = Annotated[
    str | None,
    typer.Option(help="Network: layered (two layers and their mixture) or published."),
    Sets(("network",)),
]
Scenes = Annotated[
    str | None,
    typer.Option(
        help="Synthetic scenes: xa-coronary, generic-layers or rotating-cube."
    ),
    Sets(("synthesis",), _scenes, shown="xa-coronary"),
]


@changes_recipe("napari_motionseg.training.flow.settings:FlowTrainingSettings", "cpu")
def train_flow(
    context: typer.Context,
    out: Checkpoint,
    steps: Steps = None,
    batch: Batch = None,
    crop: Crop = None,
    largest_crop: Largest = None,
    pool: Pool = None,
    refresh_every: Refresh = None,
    network: Network = None,
    scenes: Scenes = None,
    penalty: Penalty = None,
    rate: Rate = None,
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
    """Train a flow network on synthetic pictures, whose flow is known exactly.

    Ctrl-C stops early and keeps the result so far; --resume continues from there, also
    on another computer if the .state.safetensors beside the checkpoint is copied too.
    """
    from napari_motionseg.models import read_card
    from napari_motionseg.training.flow.job import train_flow_job

    recipe, changes = recipe_and_changes(context)
    settings = recipe.with_changes(changes)
    require_training_target(out, (start,))
    job = train_flow_job(settings, out=out, resume=resume, start=start)
    path = run_job(job, "Flow training", stoppable=True)
    errors = read_card(path).provenance["held_out_epe_px"]
    print_result({"out": str(path), **errors}, as_line(path, errors), as_json)


def as_line(path: Path, errors: dict[str, Any]) -> str:
    """Return the errors on held-out pairs as one line of text."""
    return (
        f"{path}: end-point error {errors['epe_all']:.2f} px on held-out pairs "
        f"(zero flow: {errors['zero_flow_all']:.2f})"
        + (
            f", {errors['epe_vessel']:.2f} px on vessels "
            f"({errors['zero_flow_vessel']:.2f})"
            if "epe_vessel" in errors
            else ""
        )
    )
