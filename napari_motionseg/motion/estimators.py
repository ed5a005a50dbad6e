"""Estimating the flow of a loop: one interface for networks and classical methods."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from napari_motionseg.cine import Cine
from napari_motionseg.errors import MotionError
from napari_motionseg.jobs import STOP, Job, Progress, run
from napari_motionseg.motion.sequence import FlowSequence, FlowSettings, resolve_gap
from napari_motionseg.options import Choice, Registry

SMALLEST_SIDE = 16  # below it, no coarse level of any method has a pixel to compare


class Estimator(Protocol):
    """What each choice in `ESTIMATORS` makes of `FlowSettings`."""

    def prepare(self, frame: NDArray[np.float32]) -> Any:
        """Return what `flow` needs of a frame ``(H, W)`` in [0, 1]."""

    def flow(self, first: Any, second: Any) -> NDArray[np.float32]:
        """Return ``(2, H, W)`` float32 in px from one prepared frame to another."""


_CLASSICAL = "napari_motionseg.motion.classical"
ESTIMATORS = Registry(
    "flow estimator",
    {
        "pwcnet": Choice(
            "napari_motionseg.motion.network:pwcnet",
            "PWC-Net, trained on synthetic angiograms: sees vessels",
        ),
        "tvl1": Choice(f"{_CLASSICAL}:tvl1", "TV-L1: classical, slow, smooth"),
        "ilk": Choice(f"{_CLASSICAL}:ilk", "Iterative Lucas-Kanade: classical"),
        "dis": Choice(
            f"{_CLASSICAL}:dis", "Dense inverse search: classical, fast", "opencv"
        ),
        "farneback": Choice(
            f"{_CLASSICAL}:farneback", "Farneback: classical, wide windows", "opencv"
        ),
    },
)


def estimate_flow_job(
    cine: Cine, settings: FlowSettings | None = None
) -> Job[FlowSequence]:
    """Estimate the flow of a loop, pair by pair.

    Parameters
    ----------
    cine
        The loop.
    settings
        See `FlowSettings`.

    Yields
    ------
    Progress
        After each pair; `preview` is ``(t, flow)`` with flow ``(2, H, W)`` in px.

    Returns
    -------
    FlowSequence
        After `STOP`, the pairs so far.

    Raises
    ------
    MotionError
        If the loop is too short or too small, or holds values that are not finite.
    SettingsError, MissingDependencyError, CheckpointError
        If the estimator is unknown, not installed, or has no weights.
    """
    settings = settings or FlowSettings()
    gap, notes = resolve_gap(cine, settings.gap)
    if min(cine.shape[1:]) < SMALLEST_SIDE:
        raise MotionError(
            f"{cine.name}: frames of {cine.shape[1]} x {cine.shape[2]} px are too small"
            f" for motion; at least {SMALLEST_SIDE} x {SMALLEST_SIDE} are needed"
        )
    frames = _PreparedFrames(cine, ESTIMATORS.load(settings.method)(settings), gap)
    count = len(cine) - gap
    forward = np.zeros((count, 2, *cine.shape[1:]), np.float32)
    backward = np.zeros_like(forward) if settings.backward else None
    done = 0
    for t in range(count):
        forward[t] = frames.flow(t, t + gap)
        if backward is not None:
            backward[t] = frames.flow(t + gap, t)
        done = t + 1
        message = f"Flow of frame {t + 1} of {count}"
        if (yield Progress(done, count, message, preview=(t, forward[t]))) == STOP:
            break
    back = None if backward is None else backward[:done]
    return FlowSequence(forward[:done], back, gap, settings.method, notes)


def estimate_flow(
    cine: Cine,
    gap: Any = "auto",
    method: str = "pwcnet",
    backward: bool = False,
    **settings: Any,
) -> FlowSequence:
    """Run `estimate_flow_job` to its end.

    Parameters
    ----------
    cine
        The loop.
    gap
        Frames between the two pictures of a pair, or ``"auto"``.
    method
        A name in `ESTIMATORS`.
    backward
        Also from t + gap to t.
    **settings
        Further fields of `FlowSettings`.
    """
    wanted = FlowSettings(gap=gap, method=method, backward=backward, **settings)
    return run(estimate_flow_job(cine, wanted))


class _PreparedFrames:
    """Frames as the estimator wants them, each prepared once while a pair needs it."""

    def __init__(self, cine: Cine, estimator: Estimator, gap: int) -> None:
        self._cine = cine
        self._estimator = estimator
        self._kept: OrderedDict[int, Any] = OrderedDict()
        self._capacity = gap + 1

    def flow(self, t: int, u: int) -> NDArray[np.float32]:
        """Return the flow from frame t to frame u; zero between equal frames."""
        first, second = self._cine.normalized(t), self._cine.normalized(u)
        if np.array_equal(first, second):
            # a network makes a little of nothing; there is no motion to be seen
            return np.zeros((2, *first.shape), np.float32)
        return self._estimator.flow(self._prepared(t, first), self._prepared(u, second))

    def _prepared(self, t: int, frame: NDArray[np.float32]) -> Any:
        if t not in self._kept:
            self._kept[t] = self._estimator.prepare(frame)
            while len(self._kept) > self._capacity:
                self._kept.popitem(last=False)
        return self._kept[t]
