"""`motionseg evaluate`: how well few labels do against peers, and what helps them."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_motionseg.cli.console import answer, drive
from napari_motionseg.cli.evaluate_masks import masks
from napari_motionseg.cli.flow import Cached
from napari_motionseg.cli.options import AsJson, Device
from napari_motionseg.errors import SettingsError
from napari_motionseg.jobs import relayed
from napari_motionseg.registry import unknown_choice

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari_motionseg.evaluation import FewShotSettings, ReferenceLoop
    from napari_motionseg.evaluation.ablations import Variant
    from napari_motionseg.evaluation.methods import Method
    from napari_motionseg.evaluation.record import Record
    from napari_motionseg.jobs import Progress
    from napari_motionseg.training import PretrainSettings

app = typer.Typer(help="Measure networks and few labels.", rich_markup_mode=None)
app.command()(masks)

Data = Annotated[
    str,
    typer.Option(
        help="Folder of GROUP_NAME.dcm with GROUP_NAME_mask.npz, or 'synthetic'."
    ),
]
Names = Annotated[str, typer.Option(help="Groups, separated by commas.")]
Starts = Annotated[
    str, typer.Option(help="scratch, default, checkpoints; separated by commas.")
]
Peers = Annotated[
    str, typer.Option(help="random-forest, frangi; separated by commas; or empty.")
]

SYNTHETIC = "synthetic"
ALL = "all"
SYNTHETIC_TRAIN, SYNTHETIC_TEST = 6, 4  # loops
SYNTHETIC_SEED = 7_000_000


@app.command()
def fewshot(
    out: Annotated[Path, typer.Option(help="Folder of rows, summary and table.")],
    data: Data = SYNTHETIC,
    train: Names = "",
    test: Names = "",
    starts: Starts = "scratch,default",
    peers: Peers = "random-forest,frangi",
    labels: Annotated[
        str, typer.Option(help="Labelled frames, by commas; 0: none; all.")
    ] = "0,1,5,10",
    seeds: Annotated[int, typer.Option(min=1, help="Draws of labelled frames.")] = 3,
    within: Annotated[
        bool, typer.Option("--within", help="Labels of the loop that is tested.")
    ] = False,
    stride: Annotated[int, typer.Option(min=1, help="Of test frames.")] = 1,
    recipe: Annotated[
        str, typer.Option(help="tuned (BCE + Dice, falling rate) or paper (as is).")
    ] = "tuned",
    steps: Annotated[
        int | None, typer.Option(min=1, help="Of fine-tuning; the recipe's if unset.")
    ] = None,
    device: Device = "auto",
    as_json: AsJson = False,
) -> None:
    """Compare starts and peers on few labelled frames, all on the same ones.

    Rows are kept as they come: the same command goes on where it was cut.
    """
    from napari_motionseg.evaluation.record import Record

    learners, testers = _loops(data, _words(train), _words(test))
    settings = _protocol(labels, learners, seeds, stride, within=within)
    methods = _methods(_words(starts), _words(peers), recipe, steps, device)
    record = Record(out, _described(settings, learners, testers, recipe, steps))
    _measure(methods, learners, testers, settings, record, as_json)


@app.command()
def ablation(
    name: Annotated[
        str,
        typer.Argument(
            help="objective, flow, kernel, neighbourhood, guidance or nets."
        ),
    ],
    out: Annotated[Path, typer.Option(help="Folder of checkpoints, rows, summary.")],
    data: Data = SYNTHETIC,
    train: Names = "",
    test: Names = "",
    only: Annotated[
        str, typer.Option(help="Variants, separated by commas; all if empty.")
    ] = "",
    steps: Annotated[int, typer.Option(min=1, help="Of each pretraining.")] = 1000,
    labels: Annotated[str, typer.Option(help="Labelled frames, by commas.")] = "1",
    seeds: Annotated[int, typer.Option(min=1, help="Draws of labelled frames.")] = 3,
    stride: Annotated[int, typer.Option(min=1, help="Of test frames.")] = 1,
    cached: Cached = True,
    device: Device = "auto",
    as_json: AsJson = False,
) -> None:
    """Pretrain variants that differ in one thing, and compare them as starts.

    All learn from the motion of the training loops, without a label, and are then
    fine-tuned on the same few labelled frames, as scratch is. The same command goes on
    where it was cut.
    """
    from napari_motionseg.evaluation.ablations import variants_job, variants_of
    from napari_motionseg.evaluation.record import Record
    from napari_motionseg.motion import FlowCache
    from napari_motionseg.segmentation.initialization import SCRATCH

    variants = _chosen(variants_of(name), _words(only))
    learners, testers = _loops(data, _words(train), _words(test))
    settings = _protocol(labels, learners, seeds, stride)
    cache = FlowCache.default() if cached else None
    base = _pretraining(steps, device)
    cines = [loop.cine for loop in learners]
    out.mkdir(parents=True, exist_ok=True)
    starts = drive(variants_job(variants, cines, base, out, cache), "Pretraining")
    named = {SCRATCH: SCRATCH} | {name: str(path) for name, path in starts.items()}
    methods = _networks(named, "tuned", None, device)
    described = _described(settings, learners, testers, "tuned", None)
    record = Record(out, described | {"ablation": name, "pretraining_steps": steps})
    _measure(methods, learners, testers, settings, record, as_json)


def _pretraining(steps: int, device: str) -> PretrainSettings:
    """Return what all variants share: the defaults of `motionseg pretrain`."""
    from napari_motionseg.models import UNetConfig
    from napari_motionseg.motion import FlowSettings
    from napari_motionseg.training import PretrainSettings, TrainingSettings

    training = TrainingSettings(
        steps=steps, learning_rate=1e-3, device=device, checkpoint_every=100
    )
    return PretrainSettings(
        steps=steps,
        network=UNetConfig(flat_field=True),
        flow=FlowSettings(device=device),
        training=training,
    )


def _chosen(variants: Mapping[str, Variant], names: list[str]) -> dict[str, Variant]:
    unknown = [name for name in names if name not in variants]
    if unknown:
        raise SettingsError(unknown_choice("variant", unknown[0], variants))
    return {n: v for n, v in variants.items() if not names or n in names}


def _measure(
    methods: dict[str, Method],
    learners: list[ReferenceLoop],
    testers: list[ReferenceLoop],
    settings: FewShotSettings,
    record: Record,
    as_json: bool,
) -> None:
    """Run the protocol, keep its rows, and print the table."""
    from napari_motionseg.evaluation import fewshot_job, summarize
    from napari_motionseg.evaluation.record import as_table

    job = fewshot_job(methods, learners, testers, settings, record.rows())
    kept = relayed(job, partial(_kept, record))
    summary = summarize(drive(kept, "Evaluating", keeps=True))
    record.finish(summary)
    if as_json:
        for row in summary:
            answer(row, "", as_json)
    else:
        answer({}, as_table(summary), as_json, table=True)


def _kept(record: Record, progress: Progress) -> Progress:
    """Keep the rows that a step tells of."""
    if progress.preview:
        record.add(progress.preview)
    return progress


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


def _counts(text: str, learners: list[ReferenceLoop]) -> tuple[int, ...]:
    """Return numbers of labelled frames; all is as many as the loops have."""
    every = sum(len(loop.shown) for loop in learners)
    if not every and ALL in _words(text):
        raise SettingsError("--labels all needs loops to learn from; see --train")
    try:
        return tuple(every if w == ALL else int(w) for w in _words(text))
    except ValueError as error:
        raise SettingsError(
            f"--labels must be numbers separated by commas, or all; got {text!r}"
        ) from error


def _protocol(
    labels: str,
    learners: list[ReferenceLoop],
    seeds: int,
    stride: int,
    *,
    within: bool = False,
) -> FewShotSettings:
    """Return which labels are given how often, and what is tested."""
    from napari_motionseg.evaluation import FewShotSettings

    return FewShotSettings(
        labels=_counts(labels, learners),
        seeds=seeds,
        protocol="within" if within else "across",
        test_stride=stride,
    )


def _loops(
    data: str, train: list[str], test: list[str]
) -> tuple[list[ReferenceLoop], list[ReferenceLoop]]:
    from napari_motionseg.evaluation import read_references, synthetic_references

    if data == SYNTHETIC:
        count = SYNTHETIC_TRAIN + SYNTHETIC_TEST
        loops = synthetic_references(count, SYNTHETIC_SEED)
        return loops[:SYNTHETIC_TRAIN], loops[SYNTHETIC_TRAIN:]
    if not test:
        raise SettingsError("--test must name the groups that are measured")
    return read_references(data, train) if train else [], read_references(data, test)


def _methods(
    starts: list[str], peers: list[str], recipe: str, steps: int | None, device: str
) -> dict[str, Method]:
    from napari_motionseg.evaluation.methods import PEERS
    from napari_motionseg.segmentation.initialization import SCRATCH

    named = {s if s in (SCRATCH, "default") else Path(s).stem: s for s in starts}
    methods = _networks(named, recipe, steps, device)
    return methods | {peer: PEERS.load(peer)() for peer in peers}


def _networks(
    starts: Mapping[str, str], recipe: str, steps: int | None, device: str
) -> dict[str, Method]:
    """Return the network, fine-tuned from each start in the same way."""
    from napari_motionseg.evaluation.methods import NetworkMethod
    from napari_motionseg.models import read_card
    from napari_motionseg.segmentation import FinetuneSettings
    from napari_motionseg.segmentation.initialization import SCRATCH

    settings = FinetuneSettings.recipe(recipe)  # type: ignore[arg-type]
    if steps is not None:
        settings = settings.with_steps(steps)
    methods: dict[str, Method] = {}
    for name, start in starts.items():
        segments = start != SCRATCH and read_card(start).kind == "segmentation"
        methods[name] = NetworkMethod(start, settings, device, zero_shot=segments)
    return methods


def _described(
    settings: FewShotSettings,
    train: list[ReferenceLoop],
    test: list[ReferenceLoop],
    recipe: str,
    steps: int | None,
) -> dict[str, object]:
    """Return what rows depend on, methods apart: more of those can be added."""
    return {
        "protocol": settings.protocol,
        "test_stride": settings.test_stride,
        "recipe": recipe,
        "steps": steps,
        "train": [loop.cine.content_hash() for loop in train],
        "test": [loop.cine.content_hash() for loop in test],
    }
