"""Set up and run the few-shot protocol, for `evaluate fewshot` and `ablation`."""

from __future__ import annotations

import dataclasses
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from napari_motionseg.cli.console import print_note, print_result, run_job
from napari_motionseg.errors import SettingsError
from napari_motionseg.jobs import map_progress

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari_motionseg.evaluation import FewShotSettings, ReferenceLoop
    from napari_motionseg.evaluation.fewshot import Protocol
    from napari_motionseg.evaluation.methods import Method
    from napari_motionseg.evaluation.record import Record
    from napari_motionseg.evaluation.starts import Start
    from napari_motionseg.jobs import Progress
    from napari_motionseg.segmentation import FinetuneSettings

Data = Annotated[
    str,
    typer.Option(
        help="Folder of loops GROUP_NAME.dcm with masks "
        "GROUP_NAME_mask.npz, or 'synthetic'."
    ),
]
Groups = Annotated[
    str, typer.Option(help="Names of groups, such as patients, separated by commas.")
]
Draws = Annotated[int, typer.Option(min=1, help="Number of draws of labelled frames.")]
TestStride = Annotated[
    int,
    typer.Option(
        "--stride", min=1, help="Distance between two test frames, in frames."
    ),
]

DrawRange = Annotated[
    str,
    typer.Option(
        "--draws",
        metavar="FIRST-LAST",
        help="Draws of labelled frames, from 1, in place of --seeds. Choose variants "
        "on draws 1-8 and report them on 9-24.",
    ),
]

SYNTHETIC = "synthetic"
ENOUGH_DRAWS = 16  # which frame is labelled moves Dice from .33 to .71
ALL = "all"
SYNTHETIC_TRAIN, SYNTHETIC_TEST = 6, 4  # numbers of loops
# trainings use small seeds, so test loops are never training loops
SYNTHETIC_SEED = 7_000_000


def words_of(text: str) -> list[str]:
    """Return the words of a list with commas, without empty words."""
    return [word.strip() for word in text.split(",") if word.strip()]


def reference_loops(
    data: str, train: list[str], test: list[str]
) -> tuple[list[ReferenceLoop], list[ReferenceLoop]]:
    """Read the loops to learn from and the loops to test on.

    Parameters
    ----------
    data
        Folder of loops with masks, or ``synthetic``.
    train
        Groups to learn from; ignored for synthetic loops.
    test
        Groups to test on; ignored for synthetic loops.

    Raises
    ------
    SettingsError
        If a folder is given without groups to test on.
    """
    from napari_motionseg.evaluation import read_references, synthetic_references

    if data == SYNTHETIC:
        count = SYNTHETIC_TRAIN + SYNTHETIC_TEST
        loops = synthetic_references(count, SYNTHETIC_SEED)
        return loops[:SYNTHETIC_TRAIN], loops[SYNTHETIC_TRAIN:]
    if not test:
        raise SettingsError("--test must name the groups to test on")
    return read_references(data, train) if train else [], read_references(data, test)


def protocol_settings(
    labels: str,
    learners: list[ReferenceLoop],
    draws: str,
    stride: int,
    protocol: Protocol = "across",
) -> FewShotSettings:
    """Return the settings of the protocol.

    Parameters
    ----------
    labels
        Numbers of labelled frames, separated by commas; ``all`` is every frame.
    learners
        Loops whose frames can be labelled.
    draws
        First and last draw, from 1, as ``"9-24"``.
    stride
        Distance between two test frames, in frames.
    protocol
        Protocol of the evaluation; see `FewShotSettings`.
    """
    from napari_motionseg.evaluation import FewShotSettings

    first, count = draw_range(draws)
    return FewShotSettings(
        labels=label_counts(labels, learners),
        seeds=count,
        first=first,
        protocol=protocol,
        test_stride=stride,
    )


def draw_range(text: str) -> tuple[int, int]:
    """Return the seed of the first draw, from 0, and the number of draws.

    Parameters
    ----------
    text
        First and last draw, from 1, such as ``"9-24"``, or a single draw.

    Raises
    ------
    SettingsError
        If it is no such range.
    """
    first, _, last = text.partition("-")
    try:
        low, high = int(first), int(last or first)
    except ValueError:
        low = high = 0
    if not 1 <= low <= high:
        raise SettingsError(
            f"--draws must be FIRST-LAST, numbers from 1 such as 9-24; got {text!r}"
        )
    return low - 1, high - low + 1


def label_counts(text: str, learners: list[ReferenceLoop]) -> tuple[int, ...]:
    """Return numbers of labelled frames; ``all`` is the number that the loops have.

    Raises
    ------
    SettingsError
        If a word is not a number, or ``all`` is used without loops to learn from.
    """
    every = sum(len(loop.shown) for loop in learners)
    if not every and ALL in words_of(text):
        raise SettingsError("--labels all needs loops to learn from; see --train")
    try:
        return tuple(every if w == ALL else int(w) for w in words_of(text))
    except ValueError as error:
        raise SettingsError(
            f"--labels must be numbers separated by commas, or all; got {text!r}"
        ) from error


def finetune_settings(
    recipe: str, steps: int | None, *, early_stopping: bool = True
) -> FinetuneSettings:
    """Return the settings of fine-tuning for the given options.

    Parameters
    ----------
    recipe
        Name of a recipe.
    steps
        Number of optimizer steps; None uses the recipe's number.
    early_stopping
        Whether training may end before, if the recipe lets it.
    """
    from napari_motionseg.segmentation import FinetuneSettings

    settings = FinetuneSettings.recipe(recipe)
    if steps is not None:
        settings = settings.with_steps(steps)
    if not early_stopping:
        settings = dataclasses.replace(settings, early_stopping_every=0)
    return settings


def network_methods(
    starts: Mapping[str, Start],
    settings: FinetuneSettings,
    device: str,
    snapshot_every: int = 0,
) -> dict[str, Method]:
    """Return one network method for each start; all are fine-tuned in the same way."""
    from napari_motionseg.evaluation.methods import NetworkMethod
    from napari_motionseg.models import read_card
    from napari_motionseg.segmentation.initialization import SCRATCH

    methods: dict[str, Method] = {}
    for name, start in starts.items():
        whole = start.base != SCRATCH and not start.words
        segments = whole and read_card(start.base).kind == "segmentation"
        methods[name] = NetworkMethod(
            start, settings, device, segments, snapshot_every=snapshot_every
        )
    return methods


def describe_protocol(
    settings: FewShotSettings,
    train: list[ReferenceLoop],
    test: list[ReferenceLoop],
    recipe: str,
    steps: int | None,
    **others: object,
) -> dict[str, object]:
    """Return what rows depend on, except methods, which may be added to a record.

    Parameters
    ----------
    settings
        Settings of the protocol.
    train, test
        Loops to learn from and to test on.
    recipe, steps
        Recipe of fine-tuning, and number of steps or None.
    **others
        Further options, of which those that are set are described.
    """
    return {
        **{name: value for name, value in others.items() if value},
        "protocol": settings.protocol,
        "test_stride": settings.test_stride,
        "recipe": recipe,
        "steps": steps,
        "train": [loop.cine.content_hash() for loop in train],
        "test": [loop.cine.content_hash() for loop in test],
    }


def measure(
    methods: dict[str, Method],
    learners: list[ReferenceLoop],
    testers: list[ReferenceLoop],
    settings: FewShotSettings,
    record: Record,
    as_json: bool,
) -> None:
    """Run the protocol, record its rows, and print the table."""
    from napari_motionseg.evaluation import fewshot_job, summarize
    from napari_motionseg.evaluation.record import as_table

    job = fewshot_job(methods, learners, testers, settings, record.rows())
    kept = map_progress(job, partial(_record_rows, record))
    summary = summarize(run_job(kept, "Evaluating", stoppable=True))
    record.finish(summary)
    if settings.seeds < ENOUGH_DRAWS and any(settings.labels):
        print_note(
            f"{settings.seeds} draws give a lead, not a result: which frames are "
            f"labelled often matters more than the start; use {ENOUGH_DRAWS} or more"
        )
    if as_json:
        for row in summary:
            print_result(row, "", as_json)
    else:
        print_result({}, as_table(summary), as_json, table=True)


def _record_rows(record: Record, progress: Progress) -> Progress:
    """Add the rows of a step to the record."""
    if progress.preview:
        record.add(progress.preview)
    return progress
