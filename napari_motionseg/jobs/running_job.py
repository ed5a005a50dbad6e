"""Define the interface between code that starts a job and code that runs it.

Docks use only these two protocols. `LocalRunner` runs jobs in child processes; a runner
that sends work to another computer needs the same few methods. Large arrays are not
part of a result: a job writes them to files and returns their paths, so that the caller
can open only those that it needs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Literal, Protocol

from napari_motionseg.errors import JobError, MotionSegError
from napari_motionseg.jobs.progress import Job, Progress

JobState = Literal["running", "finished", "cancelled", "failed"]


def require_finished(state: JobState, error: MotionSegError | None) -> None:
    """Raise the error that says why a job has no result; do nothing if it has one.

    Parameters
    ----------
    state, error
        State of the job, and the reason why it failed or None.

    Raises
    ------
    MotionSegError
        The job's own error; `JobError` if it crashed or has not finished.
    """
    if error is not None:
        raise error
    if state != "finished":
        raise JobError(f"the job is {state}; it has no result")


class RunningJob(Protocol):
    """A job that was started. No method waits, so that a timer of a window may call.

    Attributes
    ----------
    state
        ``"running"``, or the way in which the job has ended.
    error
        Reason why the job failed, or None.
    """

    state: JobState
    error: MotionSegError | None

    @property
    def running(self) -> bool:
        """Whether the job has not ended yet."""

    @property
    def phase(self) -> str:
        """Description of the work before the first step; empty once steps arrive."""

    @property
    def result(self) -> Any:
        """Result of the job, with paths of files for large arrays.

        Raises
        ------
        MotionSegError
            The job's own error; `JobError` if it crashed or has not finished.
        """

    def poll(self) -> Iterator[Progress]:
        """Yield the progress that has arrived since the last call."""

    def stop(self) -> None:
        """Ask the job to finish early and keep its results; continue to call `poll`."""

    def prioritize(self, frame: int) -> None:
        """Ask the job to do a frame next, if it can change the order of frames."""

    def cancel(self) -> None:
        """End the job without a result; its state is ``"cancelled"`` at once."""


class JobRunner(Protocol):
    """Something that runs jobs."""

    def start(
        self, function: Callable[..., Job[Any]], *args: Any, **kwargs: Any
    ) -> RunningJob:
        """Start a job and return at once.

        Parameters
        ----------
        function
            Generator function at the top level of a module.
        *args, **kwargs
            Arguments of the function, which must not change until the job has begun.

        Raises
        ------
        JobError
            If the function cannot be imported in another process.
        """

    def keep_ready(self) -> None:
        """Prepare for a job that may be started soon."""

    def release(self) -> None:
        """End the preparation, and release its memory."""

    @property
    def standby_bytes(self) -> int | None:
        """Bytes of memory that the preparation takes; None if nothing is prepared."""
