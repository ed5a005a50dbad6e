"""Let workers of Dask do the work of a batch: on this computer or on many.

Dask's scheduler hands places to workers and gives those of a worker that has died to
others. Few places are with it at a time, so that its memory does not grow with the
archive. Everything else stands in the output folder, which all workers must see.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from napari_motionseg.batch.places import Place
from napari_motionseg.batch.records import FAILED, BatchFolder, Record
from napari_motionseg.batch.work import Task, work_on
from napari_motionseg.errors import (
    MissingDependencyError,
    MotionSegError,
    SettingsError,
)
from napari_motionseg.version import __version__

if TYPE_CHECKING:
    from distributed import Client, Future

AHEAD = 2  # places for each thread of a worker: one in work, one that waits
PATIENCE_S = 15  # for a scheduler to answer
# Dask makes its workers return memory at once, which costs a network 0.4 of its speed
ENVIRONMENT = "distributed.nanny.pre-spawn-environ"
KEEP_MEMORY = {"MALLOC_TRIM_THRESHOLD_": 2**30, "MALLOC_MMAP_THRESHOLD_": 2**30}
DIED = "the worker died while it worked on it: {}"


def require_dask(wanted: str) -> None:
    """Check that Dask's scheduler can be used here.

    Parameters
    ----------
    wanted
        The option that asks for it; the message begins with it.

    Raises
    ------
    MissingDependencyError
        If distributed is not installed.
    """
    try:
        import distributed  # noqa: F401
    except ImportError as error:
        raise MissingDependencyError(
            f"{wanted} needs distributed, which is not installed: "
            "pip install 'napari-motionseg[batch]'"
        ) from error


@contextmanager
def dask_client(address: str = "", workers: int = 0) -> Iterator[Client]:
    """Connect to a scheduler, or start one with workers on this computer.

    Parameters
    ----------
    address
        Address of a scheduler, such as ``tcp://host:8786``; empty to start one.
    workers
        Number of processes to start if there is no address; each has one thread.

    Raises
    ------
    MissingDependencyError
        If distributed is not installed.
    SettingsError
        If no scheduler answers at the address.
    """
    require_dask("--scheduler" if address else "--workers")
    import dask
    import distributed

    if not address:
        environment = {**dask.config.get(ENVIRONMENT), **KEEP_MEMORY}
        with (
            dask.config.set({ENVIRONMENT: environment}),
            distributed.LocalCluster(
                n_workers=workers, threads_per_worker=1, dashboard_address=None
            ) as cluster,
            distributed.Client(cluster) as client,
        ):
            yield client
        return
    try:
        client = distributed.Client(address, timeout=PATIENCE_S)
    except (OSError, ValueError, TimeoutError) as error:
        raise SettingsError(
            f"--scheduler {address}: no Dask scheduler answers there ({error}); start "
            "one with dask scheduler"
        ) from error
    with client:
        yield client


def is_open_to_others(address: str) -> bool:
    """Return whether a connection leaves this computer without encryption.

    Parameters
    ----------
    address
        Address of a scheduler.
    """
    parts = urlsplit(address if "://" in address else f"tcp://{address}")
    if parts.scheme in ("tls", "wss", "inproc"):
        return False
    host = parts.hostname or ""
    try:
        return not ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host != "localhost"


def require_workers(client: Client, folder: BatchFolder, workers: int = 1) -> None:
    """Check that the workers have this version and see the output folder.

    Parameters
    ----------
    client
        Connection to the scheduler.
    folder
        The output folder.
    workers
        Number of workers to wait for.

    Raises
    ------
    SettingsError
        If no worker comes, or one cannot do the work; the message says why.
    """
    try:
        client.wait_for_workers(workers, timeout=PATIENCE_S)
    except TimeoutError as error:
        raise SettingsError(
            f"the Dask scheduler has fewer than {workers} workers; start them with "
            "dask worker ADDRESS"
        ) from error
    told = client.run(_state_of_worker, str(folder.folder.absolute()))
    for worker, (version, settings) in told.items():
        if version != __version__:
            raise SettingsError(
                f"worker {worker} has {version} of napari-motionseg, and this is "
                f"{__version__}; install the same version everywhere"
            )
        if settings != folder.settings:
            raise SettingsError(
                f"worker {worker} does not see {folder.folder}: {settings}; the folder "
                "must have the same path on all computers"
            )


def _state_of_worker(folder: str) -> tuple[str, Any]:
    """Return the version on a worker, and what it reads in the output folder."""
    try:
        return __version__, BatchFolder(folder).settings
    except MotionSegError as error:
        return __version__, str(error)


class DaskPool:
    """The work by workers of Dask.

    Parameters
    ----------
    client
        Connection to the scheduler.
    folder
        The output folder, which the workers see under the same path.
    task
        What is done with each loop.
    """

    def __init__(self, client: Client, folder: BatchFolder, task: Task) -> None:
        from distributed import as_completed

        self._client, self._folder, self._task = client, folder, task
        self._completed = as_completed([])
        self._places: dict[Future, Place] = {}

    def __len__(self) -> int:
        """Return the number of places that were given to the scheduler."""
        return len(self._places)

    def has_room(self) -> bool:
        """Return whether the workers need another place; they may come and go."""
        threads = int(sum(self._client.nthreads().values()))
        return len(self._places) < AHEAD * max(1, threads)

    def put(self, place: Place) -> None:
        """Give a place to the scheduler."""
        future = self._client.submit(
            _work, str(self._folder.folder.absolute()), self._task, place, pure=False
        )
        self._places[future] = place
        self._completed.add(future)

    def get(self) -> tuple[Place, Record | None]:
        """Wait for any place, and return its record."""
        future = next(self._completed)
        place = self._places.pop(future)
        try:
            return place, future.result()
        except Exception as error:  # noqa: BLE001 - Dask names what a worker died of
            return place, self._died(place, error)

    def cancel(self) -> None:
        """Cancel what has not begun."""
        self._client.cancel(list(self._places))
        self._places.clear()

    def _died(self, place: Place, error: Exception) -> Record:
        """Write down that no worker survives a place."""
        known = self._folder.record(place.key)
        record = known or Record(place.key, str(place.path), "")
        reason = DIED.format(error if str(error) else type(error).__name__)
        record = replace(record, state=FAILED, reason=reason, again=False)
        self._folder.write(record)
        return record


def _work(folder: str, task: Task, place: Place) -> Record | None:
    return work_on(_opened(folder), task, place)


@lru_cache(maxsize=4)
def _opened(folder: str) -> BatchFolder:
    return BatchFolder(folder)
