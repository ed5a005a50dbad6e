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
        Description of the step for the user; may be empty.
    metrics
        Numbers of this step by name, for curves, such as ``{"loss": 0.31}``.
    preview
        Intermediate result to display, or None; each job documents its type.
    frames
        Indices of the frames that were completed with this step, for jobs that work
        through the frames of a loop; otherwise empty.
    next_frame
        Index of the frame that the job does next, or None if it is unknown. A frame
        that is sent to the job may still be done before.
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
    """Run a job in this process to its end and return its result.

    Parameters
    ----------
    job
        The job to run.
    watch
        Function that is called with each `Progress`, to show it in a command line or a
        notebook; None for no function.
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
        The inner job. It receives the signals of the outer job and is closed with it.
    change
        Function that is called with each `Progress` and returns the one to report.
    """
    with closing(job):
        signal = None
        while True:
            try:
                progress = job.send(signal)
            except StopIteration as end:
                return end.value  # type: ignore[no-any-return]
            signal = yield change(progress)
