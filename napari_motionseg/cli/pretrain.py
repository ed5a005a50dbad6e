"""Provide `motionseg pretrain`, which learns an embedding from motion."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_motionseg.cli.console import run_job
from napari_motionseg.cli.flow import Cached, Gap, flow_settings
from napari_motionseg.cli.options import (
    AsJson,
    Checkpoint,
    Cines,
    Device,
    LookEvery,
    Parts,
    Rate,
    Resume,
    SaveEvery,
    Seed,
    Steps,
    TensorBoard,
)
from napari_motionseg.cli.targets import require_training_target
from napari_motionseg.cli.trained_model import report_checkpoint
from napari_motionseg.errors import SettingsError

if TYPE_CHECKING:
    from napari_motionseg.cine import Cine

Objective = Annotated[
    list[str],
    typer.Option(help="What to learn from motion; several, each as NAME=WEIGHT."),
]
Option = Annotated[
    list[str],
    typer.Option(
        help="A setting of the objective, as NAME=VALUE, of several as "
        "OBJECTIVE.NAME=VALUE; repeat."
    ),
]
Head = Annotated[
    str,
    typer.Option(
        help="What embeds: the U-Net's decoder, or a hypercolumn on its encoder."
    ),
]
FlatField = Annotated[
    bool, typer.Option(help="Divide the slow background out; not in the paper.")
]
Enlarging = Annotated[
    str,
    typer.Option(help="How the decoder doubles: learnt, or bilinear: no stripes."),
]
Octaves = Annotated[
    int, typer.Option(help="Sizes a frame is looked at in, each half of the last.")
]
FlowMethod = Annotated[str, typer.Option("--flow-method", help="See flow.")]
FlowWeights = Annotated[
    Path | None, typer.Option("--flow-weights", help="PWC-Net checkpoint.")
]
Workers = Annotated[
    int | None,
    typer.Option(
        min=0,
        help="Processes that decode the next step's frames; 2 on CUDA, else none.",
    ),
]
SYNTHETIC, SYNTHETIC_LOOPS = "synthetic", 8


def pretrain(
    cines: Cines,
    out: Checkpoint,
    objective: Objective = ["flow-consistency"],  # noqa: B006 - typer's way
    steps: Steps = 1000,
    resume: Resume = False,
    batch: Annotated[int, typer.Option(help="Pictures a step.")] = 3,
    crop: Annotated[int, typer.Option(help="Side of training windows, px.")] = 256,
    points: Annotated[
        int | None, typer.Option(help="Pixels a picture in the loss.")
    ] = None,
    option: Option = [],  # noqa: B006 - typer's way; never changed
    width: Annotated[int, typer.Option(help="Of the U-Net; the paper's is 64.")] = 16,
    dim: Annotated[
        int, typer.Option(help="Length of an embedding; segments of grouping.")
    ] = 64,
    head: Head = "decoder",
    flat_field: FlatField = True,
    enlarging: Enlarging = "learnt",
    octaves: Octaves = 1,
    rate: Rate = 1e-3,
    gap: Gap = "auto",
    method: FlowMethod = "pwcnet",
    weights: FlowWeights = None,
    parts: Parts = 0,
    workers: Workers = None,
    save_every: SaveEvery = 200,
    look_every: LookEvery = 200,
    tensorboard: TensorBoard = False,
    cached: Cached = True,
    device: Device = "auto",
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """Learn a pixel embedding from how loops move; no label is needed.

    CINE may be 'synthetic': loops are made up then. Ctrl-C stops early and keeps what
    was learnt; --resume goes on from there. Curves and pictures lie in the .log folder
    beside OUT.
    """
    from napari_motionseg.models import UNetConfig
    from napari_motionseg.motion import FlowCache
    from napari_motionseg.training import (
        PretrainSettings,
        TrainingSettings,
        pretrain_job,
    )

    settings = PretrainSettings(
        objective=as_objective(objective),
        steps=steps,
        batch=batch,
        crop=crop,
        points=points,
        options=dict(map(as_option, option)),
        network=UNetConfig(
            width=width,
            embedding_dim=dim,
            flat_field=flat_field,
            head=head,  # type: ignore[arg-type]
            enlarging=enlarging,  # type: ignore[arg-type]
            octaves=octaves,
        ),
        flow=flow_settings(gap, method, weights, device),
        training=TrainingSettings(
            steps=steps,
            learning_rate=rate,
            device=device,
            seed=seed,
            checkpoint_every=save_every,
            preview_every=look_every,
            parts=parts,
            tensorboard=tensorboard,
        ),
        workers=workers,
    )
    require_training_target(out, (*cines, weights))
    loops = loops_of(cines, seed)
    cache = FlowCache.default() if cached else None
    job = pretrain_job(loops, settings, out=out, resume=resume, cache=cache)
    path = run_job(job, "Pretraining", stoppable=True)
    report_checkpoint(path, as_json)


def as_objective(texts: Sequence[str]) -> str | dict[str, float]:
    """Return the one objective's name, or the weights of several by name.

    Raises
    ------
    SettingsError
        If a weight is no number, or a name comes twice.
    """
    if len(texts) == 1 and "=" not in texts[0]:
        return texts[0]
    weights: dict[str, float] = {}
    for text in texts:
        name, sign, value = text.partition("=")
        try:
            weight = float(value) if sign else 1.0
        except ValueError:
            raise SettingsError(
                f"--objective must be NAME or NAME=WEIGHT; got {text!r}"
            ) from None
        if name in weights:
            raise SettingsError(f"--objective {name} is given twice; give it once")
        weights[name] = weight
    return weights


def loops_of(paths: Sequence[Path], seed: int) -> list[Cine]:
    """Read loops, or make synthetic ones for the word ``synthetic``.

    Parameters
    ----------
    paths
        Files, folders, or ``synthetic`` where nothing of that name exists.
    seed
        Seed of the first synthetic loop; the others follow it.
    """
    from napari_motionseg.io import read_cines
    from napari_motionseg.synthesis import synthesize_cine

    loops: list[Cine] = []
    for path in paths:
        if str(path) == SYNTHETIC and not path.exists():
            seeds = (seed + number for number in range(SYNTHETIC_LOOPS))
            loops += [synthesize_cine(seed=one).cine for one in seeds]
        else:
            loops += read_cines(path)
    return loops


def as_option(text: str) -> tuple[str, Any]:
    """Return name and value of ``NAME=VALUE``; the value as JSON where it is some.

    Raises
    ------
    SettingsError
        If there is no name.
    """
    name, sign, value = text.partition("=")
    if not (name and sign):
        raise SettingsError(f"--option must be NAME=VALUE; got {text!r}")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value
