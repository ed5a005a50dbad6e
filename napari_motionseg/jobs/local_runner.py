"""Run jobs in child processes of this computer, with one process on standby."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from napari_motionseg.jobs.child_job import ChildJob, require_importable
from napari_motionseg.jobs.child_process import WorkerProcess
from napari_motionseg.jobs.progress import Job

Result = TypeVar("Result")
IDLE_S = 15 * 60.0


class LocalRunner:
    """Run each job in a separate process; this class implements `JobRunner`.

    The import of torch takes seconds. While the user may start a job, one process that
    has imported torch waits for it. There is never more than one such process, and it
    ends after a while without a request.

    Parameters
    ----------
    folder
        Path of the folder for temporary files of jobs; None for the system's.
    preload
        Names of modules that processes import before they get a job.
    idle_s
        Seconds after the last `keep_ready` after which the process that stands ready
        is ended.
    """

    def __init__(
        self,
        folder: Path | None = None,
        preload: Sequence[str] = (),
        idle_s: float = IDLE_S,
    ) -> None:
        self._folder = folder
        self._preload = tuple(preload)
        self._idle_s = idle_s
        self._standby: WorkerProcess | None = None
        self._running: ChildJob[Any] | None = None
        self._idle: threading.Timer | None = None
        self._lock = threading.Lock()

    def start(
        self, function: Callable[..., Job[Result]], *args: Any, **kwargs: Any
    ) -> ChildJob[Result]:
        """Start a job in the standby process, or in a new one.

        Raises
        ------
        JobError
            If the function cannot be imported in another process.
        """
        require_importable(function)
        with self._lock:
            worker, self._standby = self._standby, None
            self._stop_clock()
        if worker is None or not worker.alive:
            worker = WorkerProcess(self._folder, self._preload)
        job = ChildJob.in_worker(worker, function, args, kwargs)
        self._running = job
        return job

    def keep_ready(self) -> None:
        """Start the standby process, unless a job runs and needs the cores."""
        with self._lock:
            if self._running is not None and self._running.running:
                return
            self._running = None
            if self._standby is None or not self._standby.alive:
                self._standby = WorkerProcess(self._folder, self._preload)
            self._stop_clock()
            self._idle = threading.Timer(self._idle_s, self.release)
            self._idle.daemon = True
            self._idle.start()

    def release(self) -> None:
        """End the standby process."""
        with self._lock:
            worker, self._standby = self._standby, None
            self._stop_clock()
        if worker is not None:
            worker.kill()

    @property
    def standby_bytes(self) -> int | None:
        """Memory of the standby process in bytes; None if there is no such process."""
        worker = self._standby
        return None if worker is None or not worker.alive else worker.resident_bytes

    def _stop_clock(self) -> None:
        if self._idle is not None:
            self._idle.cancel()
            self._idle = None
