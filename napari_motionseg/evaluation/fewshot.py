"""The few-shot protocol: k labelled frames of some people, tested on others.

As in Ma et al. (2019), 4.4, and with one labelled frame of a loop, tested on its other
frames. Every method gets the same labelled frames of a draw, the same schedule and the
same test frames, so that methods can be compared draw by draw and loop by loop.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Any, Literal, get_args

import numpy as np

from napari_motionseg.errors import LabelError, SettingsError
from napari_motionseg.evaluation.methods import Method, Predict
from napari_motionseg.evaluation.reference_loops import ReferenceLoop
from napari_motionseg.jobs import STOP, Job, Progress, map_progress
from napari_motionseg.registry import unknown_name
from napari_motionseg.segmentation.dataset import LabelledLoop
from napari_motionseg.segmentation.metrics import cldice, dice, hd95
from napari_motionseg.training.engine.seeds import derived_seed

Protocol = Literal["across", "within"]
Row = dict[str, Any]
Chosen = Mapping[int, Sequence[int]]  # number of a loop -> its labelled frames


@dataclass(frozen=True)
class FewShotSettings:
    """Settings of the few-shot protocol.

    Parameters
    ----------
    labels
        Numbers of labelled frames; 0 asks those methods that need none. Within a loop
        they are that loop's.
    seeds
        Draws of the labelled frames, each with its own start of the random numbers.
    protocol
        ``"across"``: labelled frames are other people's. ``"within"``: of the same
        loop, whose other frames are tested.
    test_stride
        Every so manieth test frame is measured.

    Raises
    ------
    SettingsError
        If a value cannot be.
    """

    labels: tuple[int, ...] = (0, 1, 5, 10)
    seeds: int = 3
    protocol: Protocol = "across"
    test_stride: int = 1

    def __post_init__(self) -> None:
        if self.protocol not in get_args(Protocol):
            choices = dict.fromkeys(get_args(Protocol))
            raise SettingsError(unknown_name("protocol", self.protocol, choices))
        if not self.labels or min(self.labels) < 0:
            raise SettingsError(f"labels must be numbers >= 0; got {self.labels}")
        for name in ("seeds", "test_stride"):
            if getattr(self, name) < 1:
                raise SettingsError(
                    f"{name} must be at least 1; got {getattr(self, name)}"
                )


@dataclass(frozen=True)
class Trial:
    """One training and its tests.

    Parameters
    ----------
    method
        Its name.
    labels, seed
        Labelled frames and the number of their draw.
    examples
        What it learns from.
    tests
        Loops and the frames of each that it is measured on.
    """

    method: str
    labels: int
    seed: int
    examples: Sequence[LabelledLoop]
    tests: Sequence[tuple[ReferenceLoop, Sequence[int]]]


def fewshot_job(
    methods: Mapping[str, Method],
    train: Sequence[ReferenceLoop],
    test: Sequence[ReferenceLoop],
    settings: FewShotSettings,
    known: Sequence[Row] = (),
) -> Job[list[Row]]:
    """Train and test each method on each draw.

    Parameters
    ----------
    methods
        By name.
    train
        Loops that labelled frames are drawn from; not used within a loop.
    test
        Loops that are measured; no group of theirs may be in `train`.
    settings
        See `FewShotSettings`.
    known
        Rows of an earlier run with the same loops and settings; what they hold is not
        run again.

    Yields
    ------
    Progress
        While a method learns, then after each trial, with ``preview`` its new rows.

    Returns
    -------
    list of dict
        A row for each test frame: ``method``, ``labels``, ``seed``, ``loop``,
        ``frame``, ``dice``, ``cldice``, ``hd95_px``. After `STOP`, the trials so far.

    Raises
    ------
    SettingsError
        If a group is on both sides.
    LabelError
        If there are fewer frames to label than asked for.
    """
    shared = {loop.group for loop in train} & {loop.group for loop in test}
    if shared and settings.protocol == "across":
        raise SettingsError(
            f"{sorted(shared)[0]} is among those trained on and those tested"
        )
    trials = list(trials_of(methods, train, test, settings))
    done = {_key(row) for row in known}
    rows = list(known)
    for number, trial in enumerate(trials):
        missing = _untested(trial, done)
        if not missing:
            continue
        words = f"{trial.method}, {trial.labels} labels, draw {trial.seed}"
        fitting = methods[trial.method].fit_job(trial.examples, trial.seed)
        step = Progress(number, len(trials), words)
        predict = yield from map_progress(fitting, partial(_as_part_of, step))
        found = measured(predict, trial, missing)
        rows += found
        mean = float(np.mean([row["dice"] for row in found]))
        step = Progress(number + 1, len(trials), words, {"dice": mean}, found)
        if (yield step) == STOP:
            break
    return rows


def trials_of(
    methods: Mapping[str, Method],
    train: Sequence[ReferenceLoop],
    test: Sequence[ReferenceLoop],
    settings: FewShotSettings,
) -> Iterator[Trial]:
    """Yield what is to be run, each draw by all methods in turn."""
    tests = [(loop, loop.shown[:: settings.test_stride].tolist()) for loop in test]
    for labels in settings.labels:
        for seed in range(settings.seeds if labels else 1):
            names = [n for n, m in methods.items() if labels or not m.needs_labels]
            for name in names:
                if settings.protocol == "across" or not labels:
                    examples = _examples(train, draw_frames(train, labels, seed))
                    yield Trial(name, labels, seed, examples, tests)
                else:
                    yield from _within(name, labels, seed, tests)


def _within(
    name: str,
    labels: int,
    seed: int,
    tests: Sequence[tuple[ReferenceLoop, Sequence[int]]],
) -> Iterator[Trial]:
    for loop, frames in tests:
        chosen = draw_frames([loop], labels, seed)
        others = [t for t in frames if t not in chosen[0]]
        yield Trial(name, labels, seed, _examples([loop], chosen), [(loop, others)])


def draw_frames(loops: Sequence[ReferenceLoop], count: int, seed: int) -> Chosen:
    """Draw frames that show contrast, of as many loops as possible.

    Raises
    ------
    LabelError
        If there are not so many.
    """
    rng = np.random.default_rng(derived_seed(seed, count))
    left = [rng.permutation(loop.shown).tolist() for loop in loops]
    if sum(map(len, left)) < count:
        raise LabelError(
            f"{count} labelled frames are wanted; the loops to train on have "
            f"{sum(map(len, left))} that show contrast"
        )
    chosen: dict[int, list[int]] = {}
    order = rng.permutation(len(loops)).tolist() if loops else []
    while sum(map(len, chosen.values())) < count:
        for number in order:
            if left[number] and sum(map(len, chosen.values())) < count:
                chosen.setdefault(number, []).append(left[number].pop())
    return MappingProxyType({n: tuple(sorted(f)) for n, f in chosen.items()})


def _examples(loops: Sequence[ReferenceLoop], chosen: Chosen) -> list[LabelledLoop]:
    return [(loops[n].cine, loops[n].labels(frames)) for n, frames in chosen.items()]


def measured(
    predict: Predict,
    trial: Trial,
    tests: Sequence[tuple[ReferenceLoop, Sequence[int]]],
) -> list[Row]:
    """Return a row for each test frame."""
    rows = []
    for loop, frames in tests:
        for t in frames:
            found, truth = predict(loop.cine.normalized(t)), loop.masks[t]
            rows.append(
                {
                    "method": trial.method,
                    "labels": trial.labels,
                    "seed": trial.seed,
                    "loop": loop.name,
                    "frame": int(t),
                    "dice": float(dice(found, truth)),
                    "cldice": float(cldice(found, truth)),
                    "hd95_px": float(hd95(found, truth)),
                }
            )
    return rows


def _key(row: Row) -> tuple[Any, ...]:
    return tuple(row[name] for name in ("method", "labels", "seed", "loop", "frame"))


def _untested(
    trial: Trial, done: set[tuple[Any, ...]]
) -> list[tuple[ReferenceLoop, list[int]]]:
    """Return the loops and frames of a trial that no row is of."""
    own = (trial.method, trial.labels, trial.seed)
    left = [
        (loop, [t for t in frames if (*own, loop.name, t) not in done])
        for loop, frames in trial.tests
    ]
    return [(loop, frames) for loop, frames in left if frames]


def _as_part_of(whole: Progress, progress: Progress) -> Progress:
    """Return the whole's progress with the numbers of a part of it."""
    return dataclasses.replace(whole, metrics=progress.metrics)
