"""The flow of a loop, pair by pair: what was kept is read, the rest is estimated."""

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
    """Type of an entry of `ESTIMATORS`: makes an estimator from `FlowSettings`.

    It may also have `workers`, threads that may ask at once; `batch`, pairs of which
    all flows are to be given at once, to `flows`; `remark`, what a person should know
    of how it went.
    """

    def prepare(self, frame: NDArray[np.float32]) -> Any:
        """Return what `flow` needs of a frame ``(H, W)`` in [0, 1]."""

    def flow(self, first: Any, second: Any) -> Flow:
        """Return ``(2, H, W)`` float32 in px from one prepared frame to another."""


class Task(NamedTuple):
    """A flow that is wanted: of pair `t`, there or back."""

    direction: Direction
    t: int


class LoopFlow:
    """The flow of a loop; any thread may ask.

    Parameters
    ----------
    cine
        The loop.
    gap
        Frames between the two of a pair.
    load
        Makes the estimator; called when something has to be estimated.
    entry
        Where flow is kept, if anywhere. It is then rounded to float16 at once, so that
        a loop has the same flow whenever it is opened.
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
        """The estimator, made when it is first asked for."""
        with self._lock:
            if self._estimator is None:
                self._estimator = self._load()
            return self._estimator

    def kept(self, task: Task) -> Flow | None:
        """Return the flow if it was kept from before."""
        return None if self.entry is None else self.entry.read(*task)

    def keep(self, task: Task, flow: Flow) -> Flow:
        """Keep a flow for next time, and return what will then be read."""
        if self.entry is None:
            return flow
        self.entry.write(*task, flow)
        return flow.astype(np.float16).astype(np.float32)

    def estimate(self, tasks: Sequence[Task]) -> list[Flow]:
        """Return the flow of each task; zero where there is nothing to be seen.

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
        """Return one flow ``(2, H, W)`` px, kept or estimated now."""
        flow = self.kept(task)
        return self.keep(task, self.estimate([task])[0]) if flow is None else flow

    def remarks(self) -> list[str]:
        """Return what a person should know of how it went."""
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
    """The flows that wait, a few at a time.

    Parameters
    ----------
    order
        Pairs that wait.
    missing
        Directions that a pair lacks.
    batch
        Pairs to take at once, with all the flows that each lacks: there and back
        together, since a network may do both for less than twice one.
    """

    def __init__(
        self, order: Outward, missing: Callable[[int], list[Direction]], batch: int
    ) -> None:
        self._order = order
        self._missing = missing
        self._batch = batch

    def take(self) -> list[Task] | None:
        """Take tasks out; None if there are none."""
        tasks: list[Task] = []
        pairs = 0
        while pairs < self._batch and (t := self._order.take()) is not None:
            lacking = [Task(direction, t) for direction in self._missing(t)]
            tasks += lacking
            pairs += bool(lacking)
        return tasks or None

    def clear(self) -> None:
        """Forget what waits."""
        self._order.clear()


class FlowStack(Sequence[Flow]):
    """Flow in one direction as a read-only array ``(T - gap, 2, H, W)`` float32, px.

    ``stack[t]`` reads or estimates one pair; anything else, and ``np.asarray(stack)``,
    all pairs that it takes.

    Parameters
    ----------
    loop
        The loop's flow.
    direction
        ``"forward"`` or ``"backward"``.
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
    """Frames as the estimator wants them, each prepared once while pairs need it."""

    def __init__(
        self, prepare: Callable[[NDArray[np.float32]], Any], capacity: int
    ) -> None:
        self._prepare = prepare
        self._capacity = capacity
        self._kept: OrderedDict[int, Future[Any]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, t: int, frame: NDArray[np.float32]) -> Any:
        """Return frame `t` prepared; whoever asks for it meanwhile waits."""
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
        If it holds values that are not finite.
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
    """Return whether there is any motion to be seen.

    A network makes a little of nothing where frames are equal or without structure.
    """
    structured = np.ptp(first) > 0 and np.ptp(second) > 0
    return bool(structured and not np.array_equal(first, second))
