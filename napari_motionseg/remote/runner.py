"""Run the jobs of a window on a Dask cluster."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from napari_motionseg.errors import MotionSegError
from napari_motionseg.jobs import Job
from napari_motionseg.jobs.child_job import require_importable
from napari_motionseg.remote.connection import Connection
from napari_motionseg.remote.dask_client import require_dask
from napari_motionseg.remote.remote_job import LEAVE_S, RemoteJob


class RemoteRunner:
    """Run each job on a worker of a cluster; this class implements `JobRunner`.

    Parameters
    ----------
    address
        Address of the Dask scheduler, such as ``tcp://host:8786``.
    folder
        Folder of the session; files of jobs come back to it.
    preload
        Names of modules that jobs are likely to need.

    Raises
    ------
    MissingDependencyError
        If distributed is not installed.
    """

    def __init__(self, address: str, folder: Path, preload: Sequence[str] = ()) -> None:
        require_dask(address)
        self.address = address
        self._folder, self._preload = folder, tuple(preload)
        self._connection = Connection(address)
        self._last: RemoteJob | None = None

    def start(
        self, function: Callable[..., Job[Any]], *args: Any, **kwargs: Any
    ) -> RemoteJob:
        """Start a job on a worker, and return at once.

        Raises
        ------
        JobError
            If the function cannot be imported in another process.
        """
        require_importable(function)
        self._last = RemoteJob(
            self._connection, self._folder, self._preload, function, args, kwargs
        )
        return self._last

    def keep_ready(self) -> None:
        """Connect in a thread, so that the next job begins sooner."""
        threading.Thread(target=self._connect, daemon=True).start()

    def release(self) -> None:
        """End the connection in a thread, because that may wait for the other side."""
        threading.Thread(target=self._close, daemon=True).start()

    @property
    def standby_bytes(self) -> int | None:
        """None: nothing stands ready on this computer."""
        return None

    def _close(self) -> None:
        if self._last is not None:
            self._last.wait_gone(LEAVE_S)  # it has to take leave of its worker
        self._connection.close()

    def _connect(self) -> None:
        with suppress(MotionSegError):  # a job will tell it
            self._connection.client()
