"""Provide the flow of a loop pair by pair, from the cache or by estimation."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import DTypeLike, NDArray

from napari_motionseg.cine import Cine
from napari_motionseg.errors import MotionError
from napari_motionseg.motion.flow_cache import Direction, FlowEntry
from napari_motionseg.motion.pair_order import Outward

Flow = NDArray[np.float32]
STACK_PAIRS = 8  # flows that a `FlowStack` keeps in memory


class Estimator(Protocol):
    """Interface of flow estimators, which the entries of `ESTIMATORS` create.

    Optional attributes: `workers` is the number of threads that may call it at once;
    `flows` computes all flows of several pairs together, and `batch` is the number of
    such pairs; `remark` is a sentence for the user about the computation.
    """

    def prepare(self, frame: NDArray[np.float32]) -> Any:
        """Return what `flow` needs of a frame ``(H, W)`` in [0, 1]."""

    def flow(self, first: Any, second: Any) -> Flow:
        """Return ``(2, H, W)`` float32 in px from one prepared frame to another."""


class Task(NamedTuple):
    """A flow to be estimated: of pair `t`, forward or backward."""

    direction: Direction
    t: int


class LoopFlow:
    """The flow of a loop; any thread may use it.

    Parameters
    ----------
    cine
        The loop whose flow is estimated.
    gap
        Number of frames from the first to the second frame of a pair.
    load
        Function that creates the estimator; it is called when an estimate is needed.
    entry
        Cache entry of the flow; None without a cache. Flow with a cache is rounded to
        float16 at once, so that a loop has the same flow whenever it is opened.
    """

    def __init__(
        self,
        cine: Cine,
        gap: int,
        load: Callable[[], Estimator],
        entry: FlowEntry | None = None,
    ) -> None:
        self.cine = cine
        self.gap = gap
        self.entry = entry
        self.shape = (len(cine) - gap, 2, *cine.shape[1:])
        self._load = load
        self._estimator: Estimator | None = None
        self._frames = _PreparedFrames(self._prepare, 4 * (gap + 1))
        self._lock = threading.RLock()

    @property
    def estimator(self) -> Estimator:
        """The estimator, which is created at its first use."""
        with self._lock:
            if self._estimator is None:
                self._estimator = self._load()
            return self._estimator

    def kept(self, task: Task) -> Flow | None:
        """Return the flow from the cache; None if it is not there."""
        return None if self.entry is None else self.entry.read(*task)

    def keep(self, task: Task, flow: Flow) -> Flow:
        """Store a flow in the cache, and return it as it will be read from there."""
        if self.entry is None:
            return flow
        self.entry.write(*task, flow)
        return flow.astype(np.float16).astype(np.float32)

    def estimate(self, tasks: Sequence[Task]) -> list[Flow]:
        """Return the flow of each task; zero for frames without visible motion.

        Raises
        ------
        MotionError
            If a frame holds values that are not finite.
        """
        flows: list[Flow | None] = []
        pairs = []
        for task in tasks:
            frames = [(u, checked_frame(self.cine, u)) for u in self._frames_of(task)]
            flow = None if _may_move(*(frame for _, frame in frames)) else self._still()
            flows.append(flow)
            if flow is None:
                pairs.append([self._frames.get(u, frame) for u, frame in frames])
        found = iter(self._flows(pairs))
        return [next(found) if flow is None else flow for flow in flows]

    def flow(self, task: Task) -> Flow:
        """Return one flow ``(2, H, W)`` in px, from the cache or estimated now."""
        flow = self.kept(task)
        return self.keep(task, self.estimate([task])[0]) if flow is None else flow

    def remarks(self) -> list[str]:
        """Return sentences for the user about the estimation."""
        estimated = getattr(self._estimator, "remark", "")
        stored = "" if self.entry is None else self.entry.trouble
        return [text for text in (estimated, stored) if text]

    def _frames_of(self, task: Task) -> tuple[int, int]:
        pair = (task.t, task.t + self.gap)
        return pair if task.direction == "forward" else pair[::-1]

    def _flows(self, pairs: list[list[Any]]) -> list[Flow]:
        if len(pairs) > 1 and hasattr(self.estimator, "flows"):
            flows: list[Flow] = self.estimator.flows(pairs)
            return flows
        return [self.estimator.flow(first, second) for first, second in pairs]

    def _prepare(self, frame: NDArray[np.float32]) -> Any:
        return self.estimator.prepare(frame)

    def _still(self) -> Flow:
        return np.zeros(self.shape[1:], np.float32)


class TaskQueue:
    """A queue of tasks, from which a few are taken at a time.

    Parameters
    ----------
    order
        Pairs that wait, in their order.
    missing
        Function that returns the directions that a pair still needs.
    batch
        Number of pairs to take at once. Both directions of a pair are taken together,
        because a network may compute them for less than twice the cost of one.
    """

    def __init__(
        self, order: Outward, missing: Callable[[int], list[Direction]], batch: int
    ) -> None:
        self._order = order
        self._missing = missing
        self._batch = batch

    def take(self) -> list[Task] | None:
        """Remove and return the next tasks; None if there are none."""
        tasks: list[Task] = []
        pairs = 0
        while pairs < self._batch and (t := self._order.take()) is not None:
            lacking = [Task(direction, t) for direction in self._missing(t)]
            tasks += lacking
            pairs += bool(lacking)
        return tasks or None

    def clear(self) -> None:
        """Remove all waiting tasks."""
        self._order.clear()


class FlowStack(Sequence[Flow]):
    """Flow in one direction as a read-only array ``(T - gap, 2, H, W)`` float32, px.

    ``stack[t]`` reads or estimates one pair. Any other index, and
    ``np.asarray(stack)``, does so for all pairs that it needs.

    Parameters
    ----------
    loop
        Flow of the loop.
    direction
        Direction of the flow: ``"forward"`` or ``"backward"``.
    """

    def __init__(self, loop: LoopFlow, direction: Direction) -> None:
        self.shape = loop.shape
        self.dtype = np.dtype(np.float32)
        self.ndim = 4
        self._loop = loop
        self._direction = direction
        self._known: OrderedDict[int, Flow] = OrderedDict()

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, key: Any) -> Any:
        """Return one pair's flow ``(2, H, W)`` for an integer, else an array."""
        first, rest = (key[0], key[1:]) if isinstance(key, tuple) else (key, ())
        if first is Ellipsis:
            return np.asarray(self)[key]
        if isinstance(first, (int, np.integer)):
            return self._pair(range(len(self))[first])[rest]
        wanted = np.arange(len(self))[first]
        if not wanted.size:
            return np.zeros((0, *self.shape[1:]), self.dtype)[(slice(None), *rest)]
        return np.stack([self._pair(int(t))[rest] for t in wanted])

    def __array__(
        self, dtype: DTypeLike | None = None, copy: bool | None = None
    ) -> NDArray[Any]:
        return np.asarray(self[:], dtype=dtype)

    def _pair(self, t: int) -> Flow:
        flow = self._known.get(t)
        if flow is None:
            flow = self._loop.flow(Task(self._direction, t))
            flow.setflags(write=False)
            self._known[t] = flow
            while len(self._known) > STACK_PAIRS:
                self._known.popitem(last=False)
        return flow


class _PreparedFrames:
    """Prepared frames, each prepared once and kept while pairs need it."""

    def __init__(
        self, prepare: Callable[[NDArray[np.float32]], Any], capacity: int
    ) -> None:
        self._prepare = prepare
        self._capacity = capacity
        self._kept: OrderedDict[int, Future[Any]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, t: int, frame: NDArray[np.float32]) -> Any:
        """Return frame `t` prepared; other threads that want it meanwhile wait."""
        with self._lock:
            known = self._kept.get(t)
            made = self._kept.setdefault(t, Future())
            self._kept.move_to_end(t)
            while len(self._kept) > self._capacity:
                self._kept.popitem(last=False)
        if known is None:
            try:
                made.set_result(self._prepare(frame))
            except BaseException as error:
                with self._lock:
                    self._kept.pop(t, None)
                made.set_exception(error)
                raise
        return made.result()


def checked_frame(cine: Cine, t: int) -> NDArray[np.float32]:
    """Return frame `t` in [0, 1].

    Raises
    ------
    MotionError
        If the frame holds values that are not finite.
    """
    stored = cine.frames[t]
    if stored.dtype.kind == "f" and not np.isfinite(stored).all():
        bad = int((~np.isfinite(stored)).sum())
        raise MotionError(
            f"{cine.name}: frame {t} holds {bad} values that are NaN or infinite; "
            "replace them, or leave the frame out"
        )
    return cine.normalized(t)


def _may_move(first: NDArray[np.float32], second: NDArray[np.float32]) -> bool:
    """Return whether two frames can show any motion.

    If frames are equal or without structure, a network would still estimate a little
    motion.
    """
    structured = np.ptp(first) > 0 and np.ptp(second) > 0
    return bool(structured and not np.array_equal(first, second))
