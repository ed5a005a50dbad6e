"""Set up and run the few-shot protocol, for `evaluate fewshot` and `ablation`."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from napari_motionseg.cli.console import print_result, run_job
from napari_motionseg.errors import SettingsError
from napari_motionseg.jobs import map_progress

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari_motionseg.evaluation import FewShotSettings, ReferenceLoop
    from napari_motionseg.evaluation.methods import Method
    from napari_motionseg.evaluation.record import Record
    from napari_motionseg.jobs import Progress

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

SYNTHETIC = "synthetic"
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
    seeds: int,
    stride: int,
    *,
    within: bool = False,
) -> FewShotSettings:
    """Return the settings of the protocol.

    Parameters
    ----------
    labels
        Numbers of labelled frames, separated by commas; ``all`` is every frame.
    learners
        Loops whose frames can be labelled.
    seeds
        Number of draws of labelled frames.
    stride
        Distance between two test frames, in frames.
    within
        Whether labels come from the tested loop itself.
    """
    from napari_motionseg.evaluation import FewShotSettings

    return FewShotSettings(
        labels=label_counts(labels, learners),
        seeds=seeds,
        protocol="within" if within else "across",
        test_stride=stride,
    )


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


def network_methods(
    starts: Mapping[str, str], recipe: str, steps: int | None, device: str
) -> dict[str, Method]:
    """Return one network method for each start; all are fine-tuned in the same way."""
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


def describe_protocol(
    settings: FewShotSettings,
    train: list[ReferenceLoop],
    test: list[ReferenceLoop],
    recipe: str,
    steps: int | None,
) -> dict[str, object]:
    """Return what rows depend on, except methods, which may be added to a record."""
    return {
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
