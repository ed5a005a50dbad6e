"""Estimate the flow of a loop: one interface for networks and classical methods."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from importlib import import_module
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from napari_motionseg.cine import Cine
from napari_motionseg.errors import MotionError
from napari_motionseg.jobs import STOP, Job, Progress, run
from napari_motionseg.motion.flow_cache import Direction, FlowCache
from napari_motionseg.motion.flow_sequence import (
    FlowSequence,
    FlowSettings,
    missing_pairs,
    resolve_gap,
)
from napari_motionseg.motion.loop_flow import (
    Estimator,
    FlowStack,
    LoopFlow,
    Task,
    TaskQueue,
)
from napari_motionseg.motion.pair_order import Outward
from napari_motionseg.motion.pair_workers import work_through
from napari_motionseg.registry import Registry, RegistryEntry

__all__ = [
    "ESTIMATORS",
    "Estimator",
    "estimate_flow",
    "estimate_flow_job",
    "lazy_flow",
]
SMALLEST_SIDE = 16  # below it, no coarse level of any method has a pixel to compare


_CLASSICAL = "napari_motionseg.motion.classical"
ESTIMATORS = Registry(
    "flow estimator",
    {
        "pwcnet": RegistryEntry(
            "napari_motionseg.motion.pwcnet_estimator:pwcnet",
            "PWC-Net, trained on synthetic angiograms: sees vessels",
        ),
        "tvl1": RegistryEntry(f"{_CLASSICAL}:tvl1", "TV-L1: classical, slow, smooth"),
        "ilk": RegistryEntry(f"{_CLASSICAL}:ilk", "Iterative Lucas-Kanade: classical"),
        "dis": RegistryEntry(
            f"{_CLASSICAL}:dis", "Dense inverse search: classical, fast", "opencv"
        ),
        "farneback": RegistryEntry(
            f"{_CLASSICAL}:farneback", "Farneback: classical, wide windows", "opencv"
        ),
    },
)


def estimate_flow_job(
    cine: Cine,
    settings: FlowSettings | None = None,
    cache: FlowCache | None = None,
    first: int = 0,
) -> Job[FlowSequence]:
    """Estimate the flow of a loop, pair by pair.

    Parameters
    ----------
    cine
        The loop.
    settings
        Settings of the flow; None for the defaults of `FlowSettings`.
    cache
        Cache that flow is read from first and stored in, in float16; None for no cache.
    first
        Index of the frame whose flow is estimated first; its neighbours follow, from
        near to far. While the job runs, ``job.send(12)`` continues at frame 12.

    Yields
    ------
    Progress
        After each pair; `preview` is ``(t, flow)`` with `flow` ``(2, H, W)`` in px.

    Returns
    -------
    FlowSequence
        Flow of all pairs. After `STOP` it ends with the last pair estimated so far;
        missing pairs before that are zero, and the notes say so.

    Raises
    ------
    MotionError
        If the loop is too short or too small, holds values that are not finite, or has
        no pair of readable frames. Pairs with a damaged frame are zero, and noted.
    SettingsError, MissingDependencyError, CheckpointError
        If the estimator is unknown, not installed, or has no weights.
    """
    settings = settings or FlowSettings()
    loop, notes = _open(cine, settings, cache)
    missing, damage = missing_pairs(cine, loop.gap)
    result = _Result(loop, settings.backward)
    lacking = result.read_kept()
    order = Outward(lacking, first)
    kept = tuple(sorted(set(range(len(result))) - set(lacking)))
    if kept:
        message = f"Flow of {len(kept)} of {len(result)} pairs was kept from before"
        signal = yield Progress(
            len(kept), len(result), message, {}, None, kept, order.next_frame
        )
        if signal == STOP:
            order.clear()
        elif signal is not None:
            order.wanted = int(signal)
    yield from _estimate_rest(loop, result, order)
    sequence = result.sequence(settings.method, (*notes, *damage))
    return dataclasses.replace(sequence, missing=missing & set(range(len(sequence))))


def _estimate_rest(loop: LoopFlow, result: _Result, order: Outward) -> Job[None]:
    """Estimate the pairs in `order`, whose first frame the user may change."""
    if not order:
        return
    estimator = loop.estimator
    queue = TaskQueue(order, result.missing, getattr(estimator, "batch", 1))
    workers = getattr(estimator, "workers", 1)
    stopped = False
    for tasks, flows in work_through(queue.take, loop.estimate, workers):
        for task, flow in zip(tasks, flows, strict=True):
            result.put(task, loop.keep(task, flow))
            if stopped or result.missing(task.t):
                continue
            signal = yield result.progress(task.t, order.next_frame)
            if signal == STOP:
                queue.clear()
                stopped = True
            elif signal is not None:
                order.wanted = int(signal)


def lazy_flow(
    cine: Cine, settings: FlowSettings | None = None, cache: FlowCache | None = None
) -> FlowSequence:
    """Return the flow of a loop; each pair is estimated when it is first read.

    Parameters
    ----------
    cine
        The loop.
    settings
        Settings of the flow; None for the defaults of `FlowSettings`.
    cache
        Cache that flow is read from and stored in; None for no cache.

    Returns
    -------
    FlowSequence
        Flow whose `forward` and `backward` are a `FlowStack` each.

    Raises
    ------
    MotionError
        If the loop is too short or too small, or has no pair of readable frames. Gray
        values are checked when they are used.
    """
    settings = settings or FlowSettings()
    loop, notes = _open(cine, settings, cache)
    forward: Any = FlowStack(loop, "forward")
    backward: Any = FlowStack(loop, "backward") if settings.backward else None
    missing, damage = missing_pairs(cine, loop.gap)
    return FlowSequence(
        forward, backward, loop.gap, settings.method, (*notes, *damage), missing
    )


def estimate_flow(
    cine: Cine,
    gap: Any = "auto",
    method: str = "pwcnet",
    backward: bool = False,
    cache: FlowCache | None = None,
    **settings: Any,
) -> FlowSequence:
    """Run `estimate_flow_job` to its end.

    Parameters
    ----------
    cine
        The loop.
    gap
        Number of frames from one frame of a pair to the other, or ``"auto"``.
    method
        Name of a flow estimator, from `ESTIMATORS`.
    backward
        Whether to also estimate the flow from t + gap to t.
    cache
        Cache that flow is read from and stored in; None for no cache.
    **settings
        Further fields of `FlowSettings`.
    """
    wanted = FlowSettings(gap=gap, method=method, backward=backward, **settings)
    return run(estimate_flow_job(cine, wanted, cache))


class _Result:
    """Flow of a loop while it is estimated."""

    def __init__(self, loop: LoopFlow, backward: bool) -> None:
        names: tuple[Direction, ...] = get_args(Direction)
        self._loop = loop
        self._flows: dict[Direction, NDArray[np.float32]] = {
            name: np.zeros(loop.shape, np.float32) for name in names[: 1 + backward]
        }
        self._lacks = {t: list(self._flows) for t in range(loop.shape[0])}

    def __len__(self) -> int:
        return self._loop.shape[0]

    def missing(self, t: int) -> list[Direction]:
        """Return the directions that are still missing for a pair."""
        return list(self._lacks[t])

    def put(self, task: Task, flow: NDArray[np.float32]) -> None:
        """Store the flow ``(2, H, W)`` of a pair in one direction, in px."""
        self._flows[task.direction][task.t] = flow
        self._lacks[task.t].remove(task.direction)

    def read_kept(self) -> list[int]:
        """Read the flow in the cache; return the pairs that are incomplete."""
        for t in range(len(self)):
            for task in (Task(direction, t) for direction in self.missing(t)):
                flow = self._loop.kept(task)
                if flow is not None:
                    self.put(task, flow)
        return [t for t, lacks in self._lacks.items() if lacks]

    def progress(self, t: int, next_frame: int | None) -> Progress:
        """Return how many pairs are whole, and the forward flow of pair `t`."""
        done = sum(not lacks for lacks in self._lacks.values())
        words = [f"Flow of frame {t + 1} of {len(self)}", *self._loop.remarks()]
        preview = (t, self._flows["forward"][t])
        return Progress(
            done, len(self), "; ".join(words), {}, preview, (t,), next_frame
        )

    def sequence(self, method: str, notes: tuple[str, ...]) -> FlowSequence:
        """Return the flow up to the last complete pair; missing pairs are zero."""
        whole = [t for t, lacks in self._lacks.items() if not lacks]
        end = max(whole, default=-1) + 1
        notes = (*notes, *self._loop.remarks())
        if len(whole) < end:
            lacking = end - len(whole)
            notes = (
                *notes,
                f"stopped early: flow of {lacking} frames is missing, zero",
            )
        flows = [flow[:end] for flow in self._flows.values()]
        backward = flows[1] if len(flows) == 2 else None
        return FlowSequence(flows[0], backward, self._loop.gap, method, notes)


def _open(
    cine: Cine, settings: FlowSettings, cache: FlowCache | None
) -> tuple[LoopFlow, tuple[str, ...]]:
    gap, notes = resolve_gap(cine, settings.gap)
    if min(cine.shape[1:]) < SMALLEST_SIDE:
        raise MotionError(
            f"{cine.name}: frames of {cine.shape[1]} x {cine.shape[2]} px are too small"
            f" for motion; at least {SMALLEST_SIDE} x {SMALLEST_SIDE} are needed"
        )
    make = ESTIMATORS.load(settings.method)
    entry = None
    identity = _identity(settings.method)
    if cache is not None and identity is not None:
        entry = cache.entry(
            _recipe(cine, settings, gap, identity(settings)),
            (len(cine) - gap, *cine.shape[1:]),
        )
        if entry is None:
            size = f"{cache.capacity / 2**30:.1f} GiB"
            notes = (*notes, f"flow is not kept: it is larger than the cache, {size}")
    return LoopFlow(cine, gap, lambda: make(settings), entry), notes


def _identity(method: str) -> Callable[[FlowSettings], str] | None:
    """Return a function that identifies a method's flow; without it, none is cached."""
    module = import_module(ESTIMATORS[method].target.partition(":")[0])
    return getattr(module, "identity", None)


def _recipe(
    cine: Cine, settings: FlowSettings, gap: int, estimator: str
) -> dict[str, Any]:
    """Return all values that a loop's flow depends on, without patient data."""
    return {
        "pixels": cine.content_hash(),
        "range": cine.stored_range,
        "gap": gap,
        "method": settings.method,
        "estimator": estimator,
    }
