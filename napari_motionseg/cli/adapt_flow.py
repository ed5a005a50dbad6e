"""Provide `motionseg adapt-flow`, which fine-tunes PWC-Net to the user's own loops."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from napari_motionseg.cli.console import print_note, print_result, run_job
from napari_motionseg.cli.labelled_loops import (
    ImageFrame,
    LabelFiles,
    LabelMode,
    read_labelled_loops,
)
from napari_motionseg.cli.options import AsJson, Checkpoint, Cines, Resume
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

Start = Annotated[
    Path | None,
    typer.Option(
        help="PWC-Net checkpoint to start from; default: the weights of the package."
    ),
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
    typer.Option(help="Side of the largest training windows in px, a multiple of 64."),
    Sets(("largest_crop",)),
]


@changes_recipe(
    "napari_motionseg.training.flow.composed_pairs:AdaptationSettings", "cpu"
)
def adapt_flow(
    context: typer.Context,
    cines: Cines,
    labels: LabelFiles,
    out: Checkpoint,
    label_mode: LabelMode = "dense",
    frame: ImageFrame = None,
    steps: Steps = None,
    batch: Batch = None,
    crop: Crop = None,
    largest_crop: Largest = None,
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
    """Fine-tune optical flow to loops on which vessels were painted.

    Pairs with known flow are composed from the loops themselves. Ctrl-C stops early and
    keeps the result so far; --resume continues from there.
    """
    from napari_motionseg.training.engine.recipes import with_changes
    from napari_motionseg.training.flow.adaptation import adapt_flow_job

    settings = with_changes(*recipe_and_changes(context))
    require_training_target(out, (*cines, *labels, start))
    examples = read_labelled_loops(cines, labels, label_mode, frame)
    job = adapt_flow_job(examples, settings, out=out, start=start, resume=resume)
    report(run_job(job, "Adapting flow", stoppable=True), as_json)


def report(path: Path, as_json: bool) -> None:
    """Print the errors of an adapted network on held-out pairs, and its notes.

    Parameters
    ----------
    path
        Path of the checkpoint.
    as_json
        Whether to print a JSON object instead of a line of text.
    """
    from napari_motionseg.models import read_card

    facts = read_card(path).provenance
    for text in facts["notes"]:
        print_note(text)
    errors = facts["held_out_epe_px"]
    row = {"out": str(path), "loops": facts["loops"], **errors, "notes": facts["notes"]}
    print_result(row, as_line(path, errors), as_json)


def as_line(path: Path, errors: dict[str, dict[str, float]]) -> str:
    """Return the errors on held-out pairs, before and after, as a line of text."""
    before, after = errors["before"], errors["after"]
    parts = [f"{before['epe_all']:.2f} -> {after['epe_all']:.2f} px"]
    if "epe_vessel" in before:
        parts.append(
            f"on vessels {before['epe_vessel']:.2f} -> {after['epe_vessel']:.2f} px"
        )
    return f"{path}: end-point error on held-out pairs {', '.join(parts)}"
