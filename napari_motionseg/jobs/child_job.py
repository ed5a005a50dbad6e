"""A job in a child process, driven by polling."""

from __future__ import annotations

import functools
import inspect
import os
import time
from collections.abc import Callable, Iterator
from typing import Any, Generic, TypeVar

from napari_motionseg.errors import JobError, MotionSegError
from napari_motionseg.jobs.child_process import ENDED, WorkerProcess
from napari_motionseg.jobs.interpreter import current_folder, import_path
from napari_motionseg.jobs.messages import Call
from napari_motionseg.jobs.progress import STOP, Job, Progress
from napari_motionseg.jobs.running_job import JobState, require_finished

Result = TypeVar("Result")
POLL_EVERY_S = 0.01  # interval at which `wait` polls
KILLED = -9  # exit code of a process that the system has killed


class ChildJob(Generic[Result]):
    """A job in a child process.

    Parameters
    ----------
    function
        A generator function at the top level of a module.
    *args, **kwargs
        Arguments of the function. They are pickled in a thread, as are progress and
        result, and must not change until the job has begun.

    Raises
    ------
    JobError
        If the function cannot be imported in another process.

    Notes
    -----
    Only `wait` and `wait_gone` wait, so that a `QTimer` can call the other methods.
    """

    def __init__(
        self, function: Callable[..., Job[Result]], *args: Any, **kwargs: Any
    ) -> None:
        require_importable(function)
        self._begin(WorkerProcess(), function, args, kwargs)

    @classmethod
    def in_worker(
        cls,
        worker: WorkerProcess,
        function: Callable[..., Job[Result]],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> ChildJob[Result]:
        """Run a job in a worker that has none yet; see the class for the rest."""
        require_importable(function)
        job = cls.__new__(cls)
        job._begin(worker, function, args, kwargs)
        return job

    def _begin(
        self,
        worker: WorkerProcess,
        function: Callable[..., Job[Result]],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> None:
        self._worker = worker
        self.state: JobState = "running"
        self.error: MotionSegError | None = None
        self._result: Result | None = None
        self._stepped = False
        worker.send(
            Call(
                function, args, kwargs, import_path(), dict(os.environ),
                current_folder(),
            )
        )  # fmt: skip

    @property
    def running(self) -> bool:
        """Whether the job has not ended yet."""
        return self.state == "running"

    @property
    def phase(self) -> str:
        """Description of the work before the first step; empty once steps arrive."""
        return "" if self._stepped or not self.running else self._worker.phase

    @property
    def pid(self) -> int | None:
        """Number of the job's process, or None before it has started."""
        return self._worker.pid

    @property
    def result(self) -> Result:
        """The job's result.

        Raises
        ------
        MotionSegError
            The job's own error; `JobError` if it crashed or is not finished.
        """
        require_finished(self.state, self.error)
        return self._result  # type: ignore[return-value]

    def poll(self) -> Iterator[Progress]:
        """Yield the progress that has arrived since the last call; never wait."""
        while self.running:
            message = self._worker.receive()
            if message is None:
                return
            kind, value = message
            if kind == "progress":
                self._stepped = True
                yield value
            else:
                self._finish(kind, value)

    def wait(self, timeout_s: float | None = None) -> bool:
        """Poll until the job has ended; for scripts, not for the thread of a window.

        Parameters
        ----------
        timeout_s
            Seconds to wait at most; None for ever.

        Returns
        -------
        bool
            Whether the job has ended.
        """
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        while self.running and (deadline is None or time.monotonic() < deadline):
            for _ in self.poll():
                pass
            time.sleep(POLL_EVERY_S)
        return not self.running

    def wait_gone(self, timeout_s: float | None = None) -> bool:
        """Wait until the job's process has ended; see `WorkerProcess.wait_gone`."""
        return self._worker.wait_gone(timeout_s)

    def stop(self) -> None:
        """Ask the job to finish early and keep its results; continue to call `poll`."""
        self._worker.send(STOP)

    def prioritize(self, frame: int) -> None:
        """Ask the job to do `frame` next, if it can change the order of frames."""
        self._worker.send(int(frame))

    def cancel(self, patience_s: float = 0.0) -> None:
        """End the job without a result; its state is ``"cancelled"`` at once.

        Parameters
        ----------
        patience_s
            Seconds that the job may take to close its files before it is killed. This
            method does not wait for it. Files are written under a temporary name first,
            so that a killed job leaves nothing half-written.
        """
        if not self.running:
            return
        self.state = "cancelled"
        if patience_s > 0:
            self._worker.end(patience_s, cancel=True)
        else:
            self._worker.kill()

    def _finish(self, kind: str, value: Any) -> None:
        if kind == "result":
            self._result = value
            self.state = "finished"
            self._worker.end()
            return
        self.state = "failed"
        if kind == "refused":
            self.error = value
        elif kind == ENDED:
            self.error = JobError(_last_words(value))
        else:
            self.error = JobError(f"the job failed unexpectedly:\n{value}")
        self._worker.end()


def require_importable(function: Callable[..., Any]) -> None:
    """Refuse a function that another process cannot import.

    Raises
    ------
    JobError
        If the function is defined in a script, a notebook or another function.
    """
    while isinstance(function, functools.partial):
        function = function.func
    target = inspect.unwrap(function)
    name = getattr(target, "__qualname__", repr(target))
    module = getattr(target, "__module__", None)
    remedy = "define it at the top level of a module that can be imported"
    if module == "__main__":
        raise JobError(
            f"job function {name!r} is defined in a script or notebook, which a worker "
            f"process cannot import; {remedy}"
        )
    if "<locals>" in name or "<lambda>" in name:
        raise JobError(
            f"job function {name!r} of {module} is defined in another function or is a "
            f"lambda, which a worker process cannot import; {remedy}"
        )


def _last_words(code: int) -> str:
    if code == KILLED:
        return (
            "the job's process was killed, most likely because memory ran out; "
            "try a smaller batch or a smaller network"
        )
    return f"the job's process ended without a result (exit code {code})"
