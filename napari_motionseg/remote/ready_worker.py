"""A plugin of Dask for workers that do jobs of windows; it needs distributed."""

from __future__ import annotations

from distributed import Worker, WorkerPlugin

from napari_motionseg.remote.hosted_job import runner

READY_S = 7 * 24 * 3600.0  # a process stands ready on a worker that has no other use


class ReadyWorker(WorkerPlugin):  # type: ignore[misc]
    """Keep a process with imported modules ready on a worker.

    Parameters
    ----------
    preload
        Names of the modules.
    """

    name = "motionseg-ready"

    def __init__(self, preload: tuple[str, ...]) -> None:
        self.preload = preload

    def setup(self, worker: Worker) -> None:
        """Start the process."""
        runner(self.preload, READY_S).keep_ready()

    def teardown(self, worker: Worker) -> None:
        """End the process."""
        runner(self.preload).release()
