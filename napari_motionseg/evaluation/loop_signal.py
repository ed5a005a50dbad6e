"""Measure how much the flow of several estimators can teach, on loops."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_motionseg.cine import Cine
from napari_motionseg.cine.field_of_view import find_cine_field_of_view
from napari_motionseg.cine.patients import patient_key
from napari_motionseg.errors import (
    LabelError,
    MotionError,
    ReadError,
    SettingsError,
)
from napari_motionseg.evaluation.fitted import Predict
from napari_motionseg.evaluation.flow_signal import (
    MEASURES,
    Mask,
    SignalPair,
    pair_signal,
)
from napari_motionseg.evaluation.mask_evaluation import group_interval
from napari_motionseg.evaluation.reference_loops import LEAST_SHARE
from napari_motionseg.io import Labels
from napari_motionseg.jobs import STOP, Job, Progress
from napari_motionseg.models.class_names import VESSEL
from napari_motionseg.motion import ESTIMATORS, FlowCache, FlowSettings, lazy_flow
from napari_motionseg.motion.flow_sequence import resolve_gap

Row = dict[str, Any]
CANDIDATES = 3  # frames that the network segments, for each pair that is wanted


@dataclass(frozen=True)
class SignalSettings:
    """Settings of the measurement.

    Parameters
    ----------
    methods
        Names of flow estimators, keys of `ESTIMATORS`.
    pairs
        Number of pairs of frames of each loop, evenly spread over those that show
        contrast agent.
    flow
        Settings of the flow; its method and directions are replaced.

    Raises
    ------
    SettingsError
        If there is no method, or no pair.
    """

    methods: tuple[str, ...] = ("pwcnet",)
    pairs: int = 4
    flow: FlowSettings = field(default_factory=FlowSettings)

    def __post_init__(self) -> None:
        if not self.methods:
            raise SettingsError("methods must name at least one flow estimator")
        if self.pairs < 1:
            raise SettingsError(f"pairs must be at least 1; got {self.pairs}")

    def flow_of(self, method: str) -> FlowSettings:
        """Return the settings of one estimator's flow, in both directions."""
        return dataclasses.replace(self.flow, method=method, backward=True)


@dataclass(frozen=True, eq=False)
class SignalLoop:
    """A loop whose vessels are known from masks or from a network.

    Parameters
    ----------
    cine
        The loop.
    labels
        Dense labels of some frames, whose class 1 is vessel; None asks `predict`.
    predict
        Function that returns the vessels ``(H, W)`` bool of a frame ``(H, W)`` in
        [0, 1]; used if there are no labels.

    Raises
    ------
    LabelError
        If there are neither labels nor a network, or the labels are scribbles.
    """

    cine: Cine
    labels: Labels | None = None
    predict: Predict | None = None

    def __post_init__(self) -> None:
        if self.labels is None and self.predict is None:
            raise LabelError(
                f"{self.cine.name}: needs labels, or a network that finds vessels"
            )
        if self.labels is not None and self.labels.mode != "dense":
            raise LabelError(
                f"{self.cine.name}: labels must be dense, because pixels beside "
                f"vessels must be known; got {self.labels.mode}"
            )

    @cached_property
    def field_of_view(self) -> Mask:
        """Pixels ``(H, W)`` bool of the field of view without its edge."""
        return find_cine_field_of_view(self.cine).inner()

    def vessels(self, count: int, gap: int) -> dict[int, Mask]:
        """Return the vessels of frames that show contrast agent and begin a pair.

        Parameters
        ----------
        count
            Largest number of frames, evenly spread.
        gap
            Number of frames from the first to the second frame of a pair.

        Raises
        ------
        LabelError
            If no frame shows contrast agent.
        """
        usable = self.cine.frames.usable
        starts = [
            t
            for t in range(len(self.cine) - gap)
            if usable(t) and usable(t + gap) and self._is_labelled(t)
        ]
        if self.labels is None:
            starts = _evenly(starts, CANDIDATES * count)
        masks = {t: self._mask(t) for t in starts}
        largest = max((float(mask.mean()) for mask in masks.values()), default=0.0)
        shown = [t for t, mask in masks.items() if mask.mean() >= LEAST_SHARE]
        if not shown:
            source = "network marks" if self.labels is None else "masks mark"
            raise LabelError(
                "no frame shows vessels filled with contrast agent: the "
                f"{source} at most {largest:.2%} of a frame, and {LEAST_SHARE:.2%} are "
                "needed; leave the loop out, or give masks of its vessels"
            )
        return {t: masks[t] for t in _evenly(shown, count)}

    def _is_labelled(self, t: int) -> bool:
        return self.labels is None or bool(self.labels.labelled[t])

    def _mask(self, t: int) -> Mask:
        if self.labels is not None:
            return np.asarray(self.labels.labels[t] == VESSEL)
        if self.predict is None:
            raise LabelError(f"{self.cine.name}: frame {t} has no labels")
        return self.predict(self.cine.normalized(t))


def _evenly(values: Sequence[int], count: int) -> list[int]:
    """Return at most `count` values, evenly spread."""
    if len(values) <= count:
        return list(values)
    places = (np.arange(count) + 0.5) * len(values) / count
    return [values[int(place)] for place in places]


def flow_signal_job(
    loops: Sequence[SignalLoop],
    settings: SignalSettings,
    cache: FlowCache | None = None,
) -> Job[list[Row]]:
    """Measure the flow of some pairs of each loop, for each estimator.

    Parameters
    ----------
    loops
        Loops with their vessels. Those that cannot be measured are left out, with a
        message.
    settings
        Settings of the measurement.
    cache
        Cache in which flow is searched and stored; None uses none.

    Yields
    ------
    Progress
        After each pair and estimator; a message for each loop that is left out.

    Returns
    -------
    list of dict
        A row for each pair and estimator: ``loop``, ``patient`` (a number from 1),
        ``frame``, ``gap``, ``method``, and `MEASURES`. After `STOP`, the rows so far.

    Raises
    ------
    SettingsError
        If there is no loop, or a flow estimator is unknown.
    LabelError
        If no loop can be measured; the message names the reason of each.
    """
    if not loops:
        raise SettingsError("flow-signal needs at least one loop; got none")
    for method in settings.methods:  # a typo is told before a network segments
        ESTIMATORS.load(method)
    patients = patient_numbers([loop.cine for loop in loops])
    names = _distinct([loop.cine.name for loop in loops])
    rows: list[Row] = []
    reasons: list[str] = []
    for number, (loop, patient) in enumerate(zip(loops, patients, strict=True)):
        try:
            pairs = _pairs_of(loop, settings)
        except (LabelError, MotionError, ReadError) as error:
            reasons.append(f"{names[number]}: {error}")
            message = f"Loop {number + 1} of {len(loops)} is left out: {reasons[-1]}"
            # a number beside the message makes it a note to the user
            counts = {"left_out": float(len(reasons))}
            yield Progress(number + 1, len(loops), message, counts)
            continue
        for found in _loop_rows(loop, pairs, settings, cache):
            rows.append({"loop": names[number], "patient": patient, **found})
            words = f"{found['method']}, {names[number]}"
            if (yield Progress(number, len(loops), words)) == STOP:
                return rows
    if not rows:
        raise LabelError("no loop can be measured. " + "; ".join(reasons[:10]))
    return rows


def _distinct(names: Sequence[str]) -> list[str]:
    """Return names in which a number tells equal ones apart."""
    seen: dict[str, int] = {}
    found = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        found.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return found


def _pairs_of(loop: SignalLoop, settings: SignalSettings) -> dict[int, SignalPair]:
    """Return the pairs of a loop, by the number of their first frame."""
    gap, _ = resolve_gap(loop.cine, settings.flow.gap)
    return {
        t: SignalPair(loop.cine.normalized(t), mask, loop.field_of_view)
        for t, mask in loop.vessels(settings.pairs, gap).items()
    }


def _loop_rows(
    loop: SignalLoop,
    pairs: Mapping[int, SignalPair],
    settings: SignalSettings,
    cache: FlowCache | None,
) -> Iterator[Row]:
    """Yield a row for each estimator and pair of a loop."""
    for method in settings.methods:
        flow = lazy_flow(loop.cine, settings.flow_of(method), cache)
        for t, pair in pairs.items():
            forward, backward = flow.forward[t], flow.backward[t]  # type: ignore[index]
            found = pair_signal(pair, forward, backward)
            yield {"frame": t, "gap": flow.gap, "method": method, **found}


def patient_numbers(cines: Sequence[Cine]) -> list[int]:
    """Return the number of each loop's patient, from 1, in order of appearance.

    Numbers identify nobody. Loops of unknown patients count as different ones.
    """
    keys = [patient_key(cine) or number for number, cine in enumerate(cines)]
    numbers = {key: place for place, key in enumerate(dict.fromkeys(keys), start=1)}
    return [numbers[key] for key in keys]


def summarize_signal(rows: Sequence[Row]) -> list[Row]:
    """Return means for each estimator.

    Parameters
    ----------
    rows
        Rows of `flow_signal_job`.

    Returns
    -------
    list of dict
        For each estimator ``method``, the numbers of ``pairs``, ``loops`` and
        ``patients``, ``measures``: for each the mean over loops of the mean over pairs,
        with its 95 % interval ``low``, ``high`` by resampling patients, which is None
        for a single patient; and ``by_patient``: the means of each patient.
    """
    methods = dict.fromkeys(row["method"] for row in rows)
    return [_summary([r for r in rows if r["method"] == name]) for name in methods]


def _summary(rows: Sequence[Row]) -> Row:
    loops = {row["loop"]: str(row["patient"]) for row in rows}
    patients = list(loops.values())
    measures: dict[str, Row] = {}
    by_patient: dict[str, dict[str, float]] = {name: {} for name in patients}
    for measure in MEASURES:
        pairs: dict[str, list[float]] = {name: [] for name in loops}
        for row in rows:
            pairs[row["loop"]].append(row[measure])
        values = np.array([np.nanmean(found) for found in pairs.values()])
        measures[measure] = _mean(values, patients)
        for patient, means in by_patient.items():
            own = [v for v, one in zip(values, patients, strict=True) if one == patient]
            means[measure] = float(np.nanmean(own))
    return {
        "method": rows[0]["method"],
        "pairs": len(rows),
        "loops": len(loops),
        "patients": len(by_patient),
        "measures": measures,
        "by_patient": by_patient,
    }


def _mean(values: NDArray[np.float64], patients: Sequence[str]) -> Row:
    """Return a mean with its interval, which a single patient does not have."""
    low = high = None
    if len(set(patients)) > 1:
        low, high = group_interval(values, patients)
    return {"mean": float(np.nanmean(values)), "low": low, "high": high}
