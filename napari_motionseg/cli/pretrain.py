"""Provide `motionseg pretrain`, which learns an embedding from motion."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_motionseg.cli.console import run_job
from napari_motionseg.cli.flow import Cached, parsed_gap
from napari_motionseg.cli.objective_words import as_objective, as_option
from napari_motionseg.cli.options import AsJson, Checkpoint, Cines, Resume
from napari_motionseg.cli.recipe_options import (
    MicroBatches,
    PreviewEvery,
    Rate,
    SaveEvery,
    Seed,
    Sets,
    TensorBoard,
    changes_recipe,
    recipe_and_changes,
)
from napari_motionseg.cli.targets import require_training_target
from napari_motionseg.cli.trained_model import report_checkpoint
from napari_motionseg.errors import SettingsError
from napari_motionseg.objectives import OBJECTIVES

if TYPE_CHECKING:
    from napari_motionseg.cine import Cine
    from napari_motionseg.training import PretrainSettings

SYNTHETIC, SYNTHETIC_LOOPS = "synthetic", 8


def loops_of(paths: Sequence[Path], seed: int) -> list[Cine]:
    """Read loops, or make synthetic ones for the word ``synthetic``.

    Parameters
    ----------
    paths
        Files, folders, or the word ``synthetic`` if no file has this name.
    seed
        Seed of the first synthetic loop; the others have the next numbers.
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


Objective = Annotated[
    list[str] | None,
    typer.Option(
        help=f"What to learn from motion: {', '.join(OBJECTIVES)}; several, each as "
        "NAME=WEIGHT."
    ),
    Sets(("objective",), as_objective),
]
Option = Annotated[
    list[str] | None,
    typer.Option(
        help="Setting of the objective, NAME=VALUE, or OBJECTIVE.NAME=VALUE "
        "for several objectives. Repeat for several settings."
    ),
    Sets(("options",), lambda texts: dict(map(as_option, texts))),
]
Recipe = Annotated[
    str,
    typer.Option(
        help="Recipe: loops (what works best), paper (as in Ma et al.), or exact "
        "(synthetic pairs with exact flow)."
    ),
]
Start = Annotated[
    str | None,
    typer.Option(
        help="Embedding to start from: motion-xa, which ships, or a checkpoint; "
        "default: random weights. It brings its own network."
    ),
]
Steps = Annotated[
    int | None,
    typer.Option(min=1, help="Optimizer steps."),
    Sets(("steps", "training.steps")),
]
Batch = Annotated[
    int | None, typer.Option(help="Pictures in a step."), Sets(("batch",))
]
Crop = Annotated[
    int | None,
    typer.Option(help="Side of the training windows in px."),
    Sets(("crop",)),
]
Points = Annotated[
    int | None,
    typer.Option(help="Pixels of each picture in the loss."),
    Sets(("points",)),
]
Width = Annotated[
    int | None,
    typer.Option(help="Width of the U-Net; the paper uses 64."),
    Sets(("network.width",)),
]
Dim = Annotated[
    int | None,
    typer.Option(help="Length of an embedding; for grouping, the number of segments."),
    Sets(("network.embedding_dim",)),
]
Head = Annotated[
    str | None,
    typer.Option(
        help="Part that makes embeddings: decoder (the U-Net's), or "
        "hypercolumn (on its encoder)."
    ),
    Sets(("network.head",)),
]
FlatField = Annotated[
    bool | None,
    typer.Option(
        "--flat-field/--no-flat-field",
        help="Divide out the slow background; the paper does not.",
    ),
    Sets(("network.flat_field",)),
]
Enlarging = Annotated[
    str | None,
    typer.Option(
        help="Upsampling of the decoder: learnt, or bilinear, which leaves no stripes."
    ),
    Sets(("network.enlarging",)),
]
Octaves = Annotated[
    int | None,
    typer.Option(
        help="Number of sizes at which frames are processed, each half of the previous."
    ),
    Sets(("network.octaves",)),
]
Gap = Annotated[
    str | None,
    typer.Option(
        help="Frames from the first to the second of a pair; auto: nearest to 133 ms."
    ),
    Sets(("flow.gap",), parsed_gap),
]
FlowMethod = Annotated[
    str | None,
    typer.Option("--flow-method", help="Flow method; see motionseg flow --help."),
    Sets(("flow.method",)),
]
FlowWeights = Annotated[
    Path | None,
    typer.Option(
        "--flow-weights", help="PWC-Net checkpoint (.safetensors or .pth) for the flow."
    ),
    Sets(("flow.weights",), str),
]
Anyway = Annotated[
    bool,
    typer.Option(
        "--anyway",
        help="Train even if the flow has no signal, or no loop shows contrast agent.",
    ),
]
HeldOut = Annotated[
    float | None,
    typer.Option(
        "--held-out",
        help="Share of loops or frames on which is measured what the embedding "
        "explains, and that is not trained on; 0 for none.",
    ),
    Sets(("held_out",)),
]
Shuffled = Annotated[
    bool | None,
    typer.Option(
        "--shuffled-flow",
        help="Give each picture the flow of another one: the control, from which "
        "nothing about vessels can be learnt.",
    ),
    Sets(("shuffled",)),
]
EstimatedFlow = Annotated[
    bool | None,
    typer.Option(
        "--estimated-flow",
        help="With --recipe exact: estimate the flow of the pairs.",
    ),
    Sets(("pairs.estimated",)),
]
Pool = Annotated[
    int | None,
    typer.Option(
        min=1, help="With --recipe exact: synthetic pairs in memory (default: 192)."
    ),
    Sets(("pairs.pool",)),
]
Anatomy = Annotated[
    str | None,
    typer.Option(
        help="With --recipe exact: vessels of the pairs, generic, coronary, cerebral, "
        "renal, leg or iliac."
    ),
    Sets(("pairs.anatomy",)),
]
Workers = Annotated[
    int | None,
    typer.Option(
        min=0,
        help="Worker processes that decode the frames of the next step; "
        "default: 2 on CUDA, else none.",
    ),
    Sets(("workers",)),
]
Device = Annotated[
    str | None,
    typer.Option(
        help="Device: auto (CUDA, else MPS, else CPU), cpu, cuda, cuda:1 or mps."
    ),
    Sets(("training.device", "flow.device")),
]


@changes_recipe("napari_motionseg.training.pretrain.settings:PretrainSettings")
def pretrain(
    context: typer.Context,
    cines: Cines,
    out: Checkpoint,
    recipe: Recipe = "loops",
    objective: Objective = None,
    start: Start = None,
    steps: Steps = None,
    resume: Resume = False,
    batch: Batch = None,
    crop: Crop = None,
    points: Points = None,
    option: Option = None,
    width: Width = None,
    dim: Dim = None,
    head: Head = None,
    flat_field: FlatField = None,
    enlarging: Enlarging = None,
    octaves: Octaves = None,
    rate: Rate = None,
    gap: Gap = None,
    method: FlowMethod = None,
    weights: FlowWeights = None,
    held_out: HeldOut = None,
    shuffled: Shuffled = None,
    estimated: EstimatedFlow = None,
    pool: Pool = None,
    anatomy: Anatomy = None,
    micro_batches: MicroBatches = None,
    workers: Workers = None,
    save_every: SaveEvery = None,
    preview_every: PreviewEvery = None,
    tensorboard: TensorBoard = None,
    cached: Cached = True,
    anyway: Anyway = False,
    device: Device = None,
    seed: Seed = None,
    as_json: AsJson = False,
) -> None:
    """Learn a pixel embedding from the motion in loops; no label is needed.

    CINE may be 'synthetic', which makes synthetic loops, or pairs with --recipe exact.
    Ctrl-C stops early and keeps the result so far; --resume continues from there.
    Curves and pictures are in the .log folder beside OUT.
    """
    _run(context, cines, out, start, resume, cached, anyway, as_json)


def _run(
    context: typer.Context,
    cines: Sequence[Path],
    out: Path,
    start: str | None,
    resume: bool,
    cached: bool,
    anyway: bool,
    as_json: bool,
) -> None:
    """Pretrain with the recipe and the changes of the running command."""
    from napari_motionseg.motion import FlowCache
    from napari_motionseg.training import pretrain_job

    settings = _settings_of(context, start)
    require_training_target(out, (*cines, start, settings.flow.weights))
    loops = _loops_for(settings, cines)
    if not (anyway or resume):
        _require_contrast(loops, settings.training.device)
    cache = FlowCache.default() if cached else None
    job = pretrain_job(
        loops, settings, out=out, start=start, resume=resume, cache=cache, anyway=anyway
    )
    report_checkpoint(run_job(job, "Pretraining", stoppable=True), as_json)


def _require_contrast(loops: Sequence[Cine], device: str) -> None:
    """Raise an error if no loop of a file shows contrast agent."""
    from napari_motionseg.evaluation.contrast_check import LEAST_SIDE, require_contrast

    read = [cine for cine in loops if cine.source is not None]
    if any(min(cine.shape[1:]) >= LEAST_SIDE for cine in read):
        from napari_motionseg.evaluation.methods import vessel_predictor

        require_contrast(read, vessel_predictor("default", device))


def _settings_of(context: typer.Context, start: str | None) -> PretrainSettings:
    """Return the recipe with the changes of the running command.

    Raises
    ------
    SettingsError
        If a setting of pairs is given to a recipe that has none, or one of the network
        to a start that brings its own.
    """
    from napari_motionseg.training.engine.recipes import with_changes

    recipe, changes = recipe_and_changes(context)
    if recipe.pairs is None and any(name.startswith("pairs.") for name in changes):
        raise SettingsError(
            "--estimated-flow, --pool and --anatomy need --recipe exact, which learns "
            "from synthetic pairs; other recipes estimate the flow of loops"
        )
    if start is not None and any(name.startswith("network.") for name in changes):
        raise SettingsError(
            "--width, --dim, --head, --flat-field, --enlarging and --octaves describe "
            "a new network; --start brings its own, so leave them out"
        )
    if "objective" in changes:  # what the recipe says belongs to its own objective
        changes = {"options": {}, "points": None, **changes}
    settings: PretrainSettings = with_changes(recipe, changes)
    return settings


def _loops_for(settings: PretrainSettings, cines: Sequence[Path]) -> list[Cine]:
    """Return the loops to learn from; none for synthetic pairs.

    Raises
    ------
    SettingsError
        If files are given to a recipe that learns from synthetic pairs.
    """
    if settings.pairs is None:
        return loops_of(cines, settings.training.seed)
    others = [path for path in cines if str(path) != SYNTHETIC]
    if others:
        raise SettingsError(
            f"--recipe exact learns from synthetic pairs, not from {others[0]}; give "
            "the word synthetic, or use --recipe loops for your loops"
        )
    return []
