"""Measure how many pictures a training computes in a second, and how long it waits."""

from __future__ import annotations

import time
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, runtime_checkable


class DataClock:
    """A stopwatch, as a context manager, that adds up the time for the data of steps.

    Attributes
    ----------
    seconds
        Sum of the times in s between entering and leaving the context.
    """

    def __init__(self) -> None:
        self.seconds = 0.0
        self._entered = 0.0

    def __enter__(self) -> None:
        self._entered = time.perf_counter()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.seconds += time.perf_counter() - self._entered


@runtime_checkable
class TimedTask(Protocol):
    """A task that measures the time until the data of each step are there."""

    data_clock: DataClock


@dataclass(frozen=True)
class Throughput:
    """Pictures and seconds of a training on one device, since its start or resume.

    Parameters
    ----------
    pictures
        Number of pictures, which is a fraction if devices have shared the last one.
    seconds
        Time of all steps in s, without previews and checkpoints.
    waiting_s
        Part of it in s in which the device waited for data.
    devices
        Number of devices that train together.
    """

    pictures: float = 0.0
    seconds: float = 0.0
    waiting_s: float = 0.0
    devices: int = 1

    def __str__(self) -> str:
        """Return a line for the user."""
        rate = self.pictures / max(self.seconds, 1e-9)
        share = 100 * self.waiting_s / max(self.seconds, 1e-9)
        each = f" on each of {self.devices} devices" if self.devices > 1 else ""
        return f"{rate:.3g} pictures/s{each}, {share:.0f} % of the time for data."
