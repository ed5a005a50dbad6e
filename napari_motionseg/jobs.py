"""Long work as generators of `Progress`, run here or in a child process.

A job is a generator. It yields `Progress` after each step and returns its result. Three
things can be asked of it; the first two are two buttons in the window:

* ``job.send(STOP)``: finish early, keep and return what there is so far;
* ``job.close()``: cancel within one step, return nothing, leave no half-written file;
* ``job.send(12)``: do frame 12 next, as far as the job does frames in any order.

`run` drains a job in this process; `ChildJob` runs the same generator in a spawned
process behind a pipe, because Python work in a thread starves Qt, GPU memory comes
back when a process ends, and a crash there costs the window nothing.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
import time
import traceback
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import Any, Final, Generic, Literal, TypeVar

from napari_motionseg.errors import JobError, MotionSegError

Result = TypeVar("Result")
STOP: Final = "stop"
Signal = Literal["stop"] | int
DRAIN_EVERY_S = 0.02


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
    """

    step: int
    total: int
    message: str = ""
    metrics: dict[str, float] = field(default_factory=dict)
    preview: Any = None


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


def _serve(
    connection: Connection, function: Callable[..., Job[Any]], args: Any, kwargs: Any
) -> None:
    """Run a job at the child's end of the pipe."""
    try:
        _set_threads()
        result = _forward(connection, function(*args, **kwargs))
        connection.send(("result", result))
    except (BrokenPipeError, EOFError, KeyboardInterrupt):
        return
    except MotionSegError as error:
        connection.send(("refused", error))
    except BaseException:  # noqa: BLE001 - a child's failure must reach the parent
        connection.send(("failed", traceback.format_exc()))


def _set_threads() -> None:
    """Leave one core to the window, unless the user has said how many to take.

    Torch, which otherwise takes them all, reads the variable when it is imported; a job
    that does not need it starts at once.
    """
    threads = max(1, (os.cpu_count() or 2) - 1)
    if "OMP_NUM_THREADS" in os.environ:
        return
    os.environ["OMP_NUM_THREADS"] = str(threads)
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(threads)


def _forward(connection: Connection, job: Job[Any]) -> Any:
    signal: Signal | None = None
    started = False
    while True:
        try:
            progress = job.send(signal) if started else next(job)
        except StopIteration as end:
            return end.value
        started, signal = True, None
        connection.send(("progress", progress))
        while connection.poll():
            word = connection.recv()
            if word == "cancel":
                job.close()
                return None
            # the last frame asked for counts; a stop is never taken back
            signal = word if signal != STOP else STOP


class ChildJob(Generic[Result]):
    """A job in a spawned child process, driven by polling.

    Parameters
    ----------
    function
        A generator function at the top level of a module.
    *args, **kwargs
        Its arguments; they are pickled, as are its progress and its result.

    Notes
    -----
    Nothing here blocks, so that a `QTimer` may call `poll`. The states are
    ``"running"``, ``"finished"``, ``"cancelled"`` and ``"failed"``.
    """

    def __init__(
        self, function: Callable[..., Job[Result]], *args: Any, **kwargs: Any
    ) -> None:
        context = multiprocessing.get_context("spawn")
        self._connection, child = context.Pipe()
        self._process = context.Process(
            target=_serve, args=(child, function, args, kwargs), daemon=True
        )
        self._process.start()
        child.close()
        self.state = "running"
        self.error: MotionSegError | None = None
        self._result: Result | None = None

    @property
    def running(self) -> bool:
        """Whether the job has not ended yet."""
        return self.state == "running"

    @property
    def result(self) -> Result:
        """The job's result.

        Raises
        ------
        MotionSegError
            The job's own error; `JobError` if it crashed or is not finished.
        """
        if self.error is not None:
            raise self.error
        if self.state != "finished":
            raise JobError(f"the job is {self.state}; it has no result")
        return self._result  # type: ignore[return-value]

    def poll(self) -> Iterator[Progress]:
        """Yield the progress that has arrived since the last call; never wait."""
        while self.running:
            try:
                if not self._connection.poll():
                    if self._process.is_alive() or self._connection.poll():
                        return
                    raise EOFError
                kind, value = self._connection.recv()
            except (EOFError, OSError):
                self._end("failed", JobError(self._last_words()))
                return
            if kind == "progress":
                yield value
            else:
                self._finish(kind, value)

    def stop(self) -> None:
        """Ask the job to finish early and keep what there is; `poll` goes on."""
        self._tell(STOP)

    def prioritize(self, frame: int) -> None:
        """Ask the job to do `frame` next, if it does frames in any order."""
        self._tell(int(frame))

    def cancel(self, patience_s: float = 0.0) -> None:
        """End the job and keep nothing.

        Parameters
        ----------
        patience_s
            How long the job may take to close its files before it is killed. Writing
            goes to a temporary name first, so a kill leaves nothing half-written.
        """
        if not self.running:
            return
        self._tell("cancel")
        deadline = time.monotonic() + patience_s
        while self._process.is_alive() and time.monotonic() < deadline:
            self._drain()
            self._process.join(DRAIN_EVERY_S)
        self._end("cancelled", None)

    def _drain(self) -> None:
        """Make room in the pipe: a child that waits to send hears nothing."""
        try:
            while self._connection.poll():
                self._connection.recv()
        except (EOFError, OSError):
            return  # the child has ended

    def _tell(self, word: str | int) -> None:
        try:
            self._connection.send(word)
        except OSError:
            return  # the child has ended; poll will say how

    def _finish(self, kind: str, value: Any) -> None:
        if kind == "result":
            self._result = value
            self._end("finished", None)
        elif kind == "refused":
            self._end("failed", value)
        else:
            self._end("failed", JobError(f"the job failed unexpectedly:\n{value}"))

    def _end(self, state: str, error: MotionSegError | None) -> None:
        self.state, self.error = state, error
        if state == "finished":
            self._process.join(5)
        if self._process.is_alive():
            self._process.kill()
        self._process.join()
        self._connection.close()
        self._process.close()

    def _last_words(self) -> str:
        self._process.join(1)  # its pipe ends a moment before it does
        code = self._process.exitcode
        if code == -9:
            return (
                "the job's process was killed, most likely because memory ran out; "
                "try a smaller batch or a smaller network"
            )
        return f"the job's process ended without a result (exit code {code})"
