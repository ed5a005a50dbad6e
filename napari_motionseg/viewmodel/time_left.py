"""Estimate how long a job still takes, from the steps that it has done."""

from __future__ import annotations

import time

from napari_motionseg.jobs import Progress

STEPS_NEEDED = 2  # number of steps after the first one before an estimate is given


class TimeLeft:
    """Estimate the remaining time from the durations of steps.

    Time before the first step, such as the import of torch, is not counted.

    Attributes
    ----------
    seconds
        Estimated seconds until the end, or None while it is too early to tell.
    """

    def __init__(self) -> None:
        self._begun = time.monotonic()
        self._first: tuple[float, int, int] | None = None
        self._last_step = 0
        self.seconds: float | None = None

    @property
    def passed(self) -> float:
        """Seconds since the job was started."""
        return time.monotonic() - self._begun

    def step(self, progress: Progress) -> None:
        """Record a step; start again if the total number of steps has changed."""
        now, first = time.monotonic(), self._first
        back, self._last_step = progress.step < self._last_step, progress.step
        if first is None or first[2] != progress.total or back:
            self._first = now, progress.step, progress.total
            self.seconds = None
            return
        steps = progress.step - first[1]
        if steps >= STEPS_NEEDED:
            left = progress.total - progress.step
            self.seconds = (now - first[0]) / steps * left


def duration(seconds: float) -> str:
    """Return a duration as text, such as ``"2 min"``."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min"
