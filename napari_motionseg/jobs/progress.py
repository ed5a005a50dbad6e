"""Progress of a job, the signals it understands, and how to run it in this process."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypeVar

Result = TypeVar("Result")
STOP: Final = "stop"
Signal = Literal["stop"] | int


@dataclass(frozen=True)
class Progress:
    """State of a job after a step.

    Parameters
    ----------
    step, total
        Number of steps done, and of all steps; a `total` of 0 means unknown.
    message
        What the job is doing, for a person to read.
    metrics
        Numbers of this step by name, for curves: ``{"loss": 0.31}``.
    preview
        Something to look at, or None; each job documents what it gives.
    frames
        Indices of the frames that became complete with this step, for jobs that work
        through the frames of a loop; else empty.
    next_frame
        Index of the frame that the job does next, or None where that is unknown. A
        frame that is sent to the job may still come before it.
    """

    step: int
    total: int
    message: str = ""
    metrics: dict[str, float] = field(default_factory=dict)
    preview: Any = None
    frames: tuple[int, ...] = ()
    next_frame: int | None = None


Job = Generator[Progress, Signal | None, Result]


def run(job: Job[Result], watch: Callable[[Progress], object] | None = None) -> Result:
    """Drain `job` in this process and return its result.

    Parameters
    ----------
    job
        The generator.
    watch
        Called with each `Progress`; for command lines and notebooks.
    """
    while True:
        try:
            progress = next(job)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]
        if watch is not None:
            watch(progress)


def map_progress(
    job: Job[Result], change: Callable[[Progress], Progress]
) -> Job[Result]:
    """Run a job inside another one, and change each progress that it reports.

    Parameters
    ----------
    job
        The inner job. It gets the signals of this one and is closed with it.
    change
        Called with each `Progress`; returns the one to report instead.
    """
    with closing(job):
        signal = None
        while True:
            try:
                progress = job.send(signal)
            except StopIteration as end:
                return end.value  # type: ignore[no-any-return]
            signal = yield change(progress)
