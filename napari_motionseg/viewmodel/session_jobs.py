"""Hold the one job of a session, and choose where it runs."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar

from psygnal import Signal

from napari_motionseg.environment import chosen_scheduler
from napari_motionseg.errors import JobError, MissingDependencyError
from napari_motionseg.jobs import Job, JobRunner, LocalRunner, RunningJob
from napari_motionseg.viewmodel.worker_modules import WORKER_MODULES


class Runners:
    """The runner of the next jobs: of this computer, or of a Dask scheduler.

    Parameters
    ----------
    folder
        Folder for files of jobs.

    Attributes
    ----------
    address
        Address of the scheduler; empty for this computer.
    now
        The runner.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.address = ""
        self.now: JobRunner = LocalRunner(folder, WORKER_MODULES)

    def choose(self, address: str) -> None:
        """Take another runner, and release the one before.

        Raises
        ------
        MissingDependencyError
            If Dask is not installed.
        """
        before = self.now
        if address:
            from napari_motionseg.remote import RemoteRunner

            self.now = RemoteRunner(address, self._folder, WORKER_MODULES)
        else:
            self.now = LocalRunner(self._folder, WORKER_MODULES)
        self.address = address
        before.release()


class SessionJobs:
    """The job of a session, which has one at a time, and where it runs.

    Parameters
    ----------
    folder
        Folder for files of jobs.

    Attributes
    ----------
    job_changed
        Emitted with the title of the job that starts, or None when it has ended.
    run_on_changed
        Emitted with the address of the scheduler that the next jobs run on.
    job_title
        Title of the job that runs, or None.
    runners
        The runner of the next jobs.
    """

    job_changed: ClassVar[Signal] = Signal(object)
    run_on_changed: ClassVar[Signal] = Signal(str)

    def __init__(self, folder: Path) -> None:
        self._job: RunningJob | None = None
        self.job_title: str | None = None
        self._panels = 0
        self._closed = False
        self.runners = Runners(folder)
        with suppress(MissingDependencyError):  # told where the user chooses it
            self.run_on = chosen_scheduler()

    @property
    def runner(self) -> JobRunner:
        """The runner of the next jobs."""
        return self.runners.now

    @property
    def run_on(self) -> str:
        """Address of the Dask scheduler that jobs run on; empty for this computer."""
        return self.runners.address

    @run_on.setter
    def run_on(self, address: str) -> None:
        """Choose where the next jobs run; a job that runs stays where it is.

        Raises
        ------
        MissingDependencyError
            If Dask is not installed.
        """
        if address == self.runners.address:
            return
        self.runners.choose(address)
        self.run_on_changed.emit(address)
        self.expect_job()

    @property
    def job(self) -> RunningJob | None:
        """The job that runs, or None."""
        job = self._job
        return job if job is not None and job.running else None

    def start(
        self, title: str, function: Callable[..., Job[Any]], *args: Any, **kwargs: Any
    ) -> RunningJob:
        """Start a job; a session has one at a time.

        Raises
        ------
        JobError
            If another job runs, because two would share the cores and the memory.
        """
        if self.job is not None:
            raise JobError(
                f"{self.job_title} is still running: stop or cancel it first"
            )
        self._job = self.runner.start(function, *args, **kwargs)
        self.job_title = title
        self.job_changed.emit(title)
        return self._job

    def job_ended(self, job: RunningJob) -> None:
        """Record that a job has ended."""
        if job is self._job:
            self._job, self.job_title = None, None
            self.job_changed.emit(None)
            self.expect_job()

    def panel_opened(self) -> None:
        """Count a panel that can start jobs."""
        self._panels += 1

    def panel_closed(self) -> None:
        """Count a destroyed panel; after the last one, end the standby process."""
        self._panels -= 1
        if self._panels <= 0:
            self.runner.release()

    def expect_job(self) -> None:
        """Start a worker in advance, if there is a panel that can start a job."""
        if self._panels > 0 and self.job is None and not self._closed:
            self.runner.keep_ready()

    def standby_words(self) -> str:
        """Return a sentence on the standby process and its memory."""
        taken = self.runner.standby_bytes
        if self.run_on:
            return f"Jobs run on workers of {self.run_on}."
        if taken is None:
            return "No worker process stands ready; a job starts one."
        if taken == 0:
            return "A worker process is being made ready for the next job."
        return (
            "A worker process stands ready for the next job; it takes "
            f"{taken / 2**20:.0f} MiB."
        )

    def close_jobs(self) -> None:
        """Cancel the job that runs; there will be no other."""
        self._closed = True
        if self._job is not None:
            self._job.cancel()
            self.job_ended(self._job)
