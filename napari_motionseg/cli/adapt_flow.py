"""`motionseg adapt-flow`: PWC-Net, fine-tuned to loops of one's own."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_motionseg.cli.console import print_note, print_result, run_job
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
    LookEvery,
    Parts,
    Rate,
    Resume,
    Seed,
    Steps,
    TensorBoard,
    given_options,
)
from napari_motionseg.cli.targets import require_training_target

if TYPE_CHECKING:
    from napari_motionseg.training.flow.composed_pairs import AdaptationSettings

Start = Annotated[
    Path | None, typer.Option(help="PWC-Net to start from; what ships if unset.")
]
Batch = Annotated[
    int | None, typer.Option(help="Pairs a step, of the smallest windows.")
]
Crop = Annotated[int | None, typer.Option(help="Side of the smallest windows, px.")]
Largest = Annotated[int | None, typer.Option(help="Side of the largest windows, px.")]


def adapt_flow(
    cines: Cines,
    labels: LabelFiles,
    out: Checkpoint,
    label_mode: LabelMode = "dense",
    frame: ImageFrame = None,
    steps: Steps = 400,
    batch: Batch = None,
    crop: Crop = None,
    largest_crop: Largest = None,
    rate: Rate = 4e-4,
    start: Start = None,
    resume: Resume = False,
    parts: Parts = 0,
    look_every: LookEvery = 50,
    tensorboard: TensorBoard = False,
    device: Device = "auto",
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """Fine-tune optical flow to loops on which vessels were painted.

    Pairs with known flow are composed of the loops themselves. Ctrl-C stops early and
    keeps what was learnt; --resume goes on from there.
    """
    from napari_motionseg.models import read_card
    from napari_motionseg.training.flow.adaptation import adapt_flow_job

    settings = adaptation_settings(
        given_options(batch=batch, crop=crop, largest_crop=largest_crop),
        {
            "steps": steps,
            "learning_rate": rate,
            "device": device,
            "seed": seed,
            "parts": parts,
            "preview_every": look_every,
            "tensorboard": tensorboard,
        },
    )
    require_training_target(out, (*cines, *labels, start))
    examples = read_labelled_loops(cines, labels, label_mode, frame)
    job = adapt_flow_job(examples, settings, out=out, start=start, resume=resume)
    path = run_job(job, "Adapting flow", stoppable=True)
    facts = read_card(path).provenance
    for text in facts["notes"]:
        print_note(text)
    errors = facts["held_out_epe_px"]
    row = {"out": str(path), "loops": facts["loops"], **errors, "notes": facts["notes"]}
    print_result(row, as_line(path, errors), as_json)


def adaptation_settings(
    changes: dict[str, Any], training: dict[str, Any]
) -> AdaptationSettings:
    """Return the defaults with the user's changes.

    Raises
    ------
    SettingsError
        If a value cannot be.
    """
    from napari_motionseg.training.flow.composed_pairs import AdaptationSettings

    base = AdaptationSettings()
    changed = dataclasses.replace(base.training, **training)
    return dataclasses.replace(base, training=changed, **changes)


def as_line(path: Path, errors: dict[str, dict[str, float]]) -> str:
    """Return the errors on held-out pairs, before and after, as a line for a person."""
    before, after = errors["before"], errors["after"]
    parts = [f"{before['epe_all']:.2f} -> {after['epe_all']:.2f} px"]
    if "epe_vessel" in before:
        parts.append(
            f"on vessels {before['epe_vessel']:.2f} -> {after['epe_vessel']:.2f} px"
        )
    return f"{path}: end-point error on held-out pairs {', '.join(parts)}"
