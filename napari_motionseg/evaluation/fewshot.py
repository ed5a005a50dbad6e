"""Run the few-shot protocol: few labelled frames of some patients, tested on others.

As in Ma et al. (2019), 4.4; also with each patient left out in turn, and with one
labelled frame of a loop, tested on its other frames. All methods get the same labelled
frames of a draw, the same schedule and the same test frames, so methods can be compared
for each draw and loop.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Any, Literal, get_args

import numpy as np

from napari_motionseg.embedding.separation import area_under_curve
from napari_motionseg.errors import LabelError, SettingsError
from napari_motionseg.evaluation.fitted import Fitted, Predict, as_fitted
from napari_motionseg.evaluation.methods import Method
from napari_motionseg.evaluation.reference_loops import ReferenceLoop
from napari_motionseg.jobs import STOP, Job, Progress, map_progress
from napari_motionseg.registry import unknown_name
from napari_motionseg.segmentation.labelled_classes import LabelledLoop
from napari_motionseg.segmentation.metrics import cldice, dice, hd95
from napari_motionseg.training.engine.seeds import derived_seed

Protocol = Literal["across", "within", "leave-one-out"]
Row = dict[str, Any]
Chosen = Mapping[int, Sequence[int]]  # number of a loop -> its labelled frames


@dataclass(frozen=True)
class FewShotSettings:
    """Settings of the few-shot protocol.

    Parameters
    ----------
    labels
        Numbers of labelled frames; 0 tests methods that need none. In the protocol
        ``"within"``, they are frames of the tested loop.
    seeds
        Number of draws of labelled frames, each with its own random seed.
    protocol
        ``"across"``: labelled frames come from other patients. ``"leave-one-out"``: the
        same for each patient in turn, with all others to learn from. ``"within"``: they
        come from the same loop, whose other frames are tested.
    test_stride
        Distance between two test frames, in frames.
    first
        Seed of the first draw. Variants are chosen on some draws and reported on
        others, such as 8 draws from 0 and 16 from 8.

    Raises
    ------
    SettingsError
        If a value is out of range.
    """

    labels: tuple[int, ...] = (0, 1, 5, 10)
    seeds: int = 3
    protocol: Protocol = "across"
    test_stride: int = 1
    first: int = 0

    def __post_init__(self) -> None:
        if self.protocol not in get_args(Protocol):
            choices = dict.fromkeys(get_args(Protocol))
            raise SettingsError(unknown_name("protocol", self.protocol, choices))
        if not self.labels or min(self.labels) < 0:
            raise SettingsError(
                f"labels must be numbers of at least 0; got {self.labels}"
            )
        for name in ("seeds", "test_stride"):
            if getattr(self, name) < 1:
                raise SettingsError(
                    f"{name} must be at least 1; got {getattr(self, name)}"
                )
        if self.first < 0:
            raise SettingsError(f"first must be at least 0; got {self.first}")

    @property
    def draws(self) -> range:
        """Seeds of the draws."""
        return range(self.first, self.first + self.seeds)


@dataclass(frozen=True)
class Trial:
    """One training with its tests.

    Parameters
    ----------
    method
        Name of the method.
    labels, seed
        Number of labelled frames, and number of their draw.
    examples
        Loops with labels to learn from.
    tests
        Loops to test on, with the indices of their test frames.
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
        Methods by name.
    train
        Loops from which labelled frames are drawn; unused in the protocol ``"within"``.
        With ``"leave-one-out"``, loops of the tested group are left out.
    test
        Loops to test on; with ``"across"``, none of their groups may be in `train`.
    settings
        Settings of the protocol.
    known
        Rows of an earlier run with the same loops and settings, which are not computed
        again.

    Yields
    ------
    Progress
        While a method learns, then after each trial, with its new rows as ``preview``.

    Returns
    -------
    list of dict
        One row for each test frame: ``method``, ``labels``, ``seed``, ``loop``,
        ``group``, ``frame``, ``dice``, ``cldice``, ``hd95_px``; for methods with scores
        ``auc``; and for methods with snapshots ``best_dice`` and ``best_step``, of the
        step with the best mean Dice over all test frames of the trial. Only draws of
        the settings are returned. After `STOP`, the rows so far.

    Raises
    ------
    SettingsError
        If a group is both trained and tested on, or there is none to learn from.
    LabelError
        If there are fewer frames than shall be labelled.
    """
    _check_groups(train, test, settings)
    trials = list(trials_of(methods, train, test, settings))
    done = {_key(row) for row in known}
    draws = settings.draws
    rows = [row for row in known if row["seed"] in draws or not row["labels"]]
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


def _check_groups(
    train: Sequence[ReferenceLoop],
    test: Sequence[ReferenceLoop],
    settings: FewShotSettings,
) -> None:
    """Raise an error if a group is on both sides, or nobody is left to learn from."""
    learnt, tested = ({loop.group for loop in loops} for loops in (train, test))
    shared = learnt & tested
    if shared and settings.protocol == "across":
        raise SettingsError(
            f"group {sorted(shared)[0]} must not be both trained and tested on"
        )
    alone = len(learnt | tested) < 2 and any(settings.labels)
    if settings.protocol == "leave-one-out" and alone:
        raise SettingsError(
            "all loops are of one patient, so nobody is left to learn from; add loops "
            "of other patients, or label frames of the tested loops themselves "
            "(protocol 'within', --within)"
        )


def trials_of(
    methods: Mapping[str, Method],
    train: Sequence[ReferenceLoop],
    test: Sequence[ReferenceLoop],
    settings: FewShotSettings,
) -> Iterator[Trial]:
    """Yield the trials, all methods for each draw in turn."""
    tests = [(loop, loop.shown[:: settings.test_stride].tolist()) for loop in test]
    for labels in settings.labels:
        for seed in settings.draws if labels else [0]:
            names = [n for n, m in methods.items() if labels or not m.needs_labels]
            for name in names:
                if settings.protocol == "across" or not labels:
                    examples = _examples(train, draw_frames(train, labels, seed))
                    yield Trial(name, labels, seed, examples, tests)
                elif settings.protocol == "within":
                    yield from _within(name, labels, seed, tests)
                else:
                    yield from _leaving_out(name, labels, seed, [*train, *test], tests)


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


def _leaving_out(
    name: str,
    labels: int,
    seed: int,
    loops: Sequence[ReferenceLoop],
    tests: Sequence[tuple[ReferenceLoop, Sequence[int]]],
) -> Iterator[Trial]:
    """Yield a trial for each group that is tested, with all others to learn from."""
    unique = list({loop.name: loop for loop in loops}.values())
    for group in dict.fromkeys(loop.group for loop, _ in tests):
        others = [loop for loop in unique if loop.group != group]
        examples = _examples(others, draw_frames(others, labels, seed))
        own = [(loop, frames) for loop, frames in tests if loop.group == group]
        yield Trial(name, labels, seed, examples, own)


def draw_frames(loops: Sequence[ReferenceLoop], count: int, seed: int) -> Chosen:
    """Draw frames that show contrast agent, from as many loops as possible.

    Raises
    ------
    LabelError
        If there are too few such frames.
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
    method: Predict | Fitted,
    trial: Trial,
    tests: Sequence[tuple[ReferenceLoop, Sequence[int]]],
) -> list[Row]:
    """Return a row for each test frame of a trial."""
    fitted = as_fitted(method)
    frames = [(loop, int(t)) for loop, chosen in tests for t in chosen]
    rows = [_row(fitted, trial, loop, t) for loop, t in frames]
    if fitted.snapshots:
        curve = {
            step: [dice_of(snapshot, loop, t) for loop, t in frames]
            for step, snapshot in fitted.snapshots.items()
        }
        best = max(curve, key=lambda step: float(np.mean(curve[step])))
        for row, value in zip(rows, curve[best], strict=True):
            row |= {"best_dice": value, "best_step": best}
    return rows


def _row(fitted: Fitted, trial: Trial, loop: ReferenceLoop, t: int) -> Row:
    """Return the measures of one test frame."""
    frame, truth = loop.cine.normalized(t), loop.masks[t]
    found = fitted.predict(frame)
    row: Row = {
        "method": trial.method,
        "labels": trial.labels,
        "seed": trial.seed,
        "loop": loop.name,
        "group": loop.group,
        "frame": t,
        "dice": float(dice(found, truth)),
        "cldice": float(cldice(found, truth)),
        "hd95_px": float(hd95(found, truth)),
    }
    if fitted.scores is not None and truth.any() and not truth.all():
        scores = fitted.scores(frame)
        row["auc"] = area_under_curve(scores[truth], scores[~truth])
    return row


def dice_of(predict: Predict, loop: ReferenceLoop, t: int) -> float:
    """Return the Dice of a predicted mask of one frame."""
    return float(dice(predict(loop.cine.normalized(t)), loop.masks[t]))


def _key(row: Row) -> tuple[Any, ...]:
    return tuple(row[name] for name in ("method", "labels", "seed", "loop", "frame"))


def _untested(
    trial: Trial, done: set[tuple[Any, ...]]
) -> list[tuple[ReferenceLoop, list[int]]]:
    """Return the loops and frames of a trial for which there is no row."""
    own = (trial.method, trial.labels, trial.seed)
    left = [
        (loop, [t for t in frames if (*own, loop.name, t) not in done])
        for loop, frames in trial.tests
    ]
    return [(loop, frames) for loop, frames in left if frames]


def _as_part_of(whole: Progress, progress: Progress) -> Progress:
    """Return the progress of the whole with the metrics of a part."""
    return dataclasses.replace(whole, metrics=progress.metrics)
