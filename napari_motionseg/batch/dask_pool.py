"""Let workers of Dask do the work of a batch: on this computer or on many.

Dask's scheduler hands places to workers and gives those of a worker that has died to
others. Few places are with it at a time, so that its memory does not grow with the
archive. Everything else stands in the output folder, which all workers must see.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from napari_motionseg.batch.places import AnyPlace
from napari_motionseg.batch.records import FAILED, BatchFolder, Record
from napari_motionseg.batch.work import Task, work_on
from napari_motionseg.errors import JobError, MotionSegError, SettingsError
from napari_motionseg.remote.dask_client import state_of_workers
from napari_motionseg.text import as_json

if TYPE_CHECKING:
    from distributed import Client, Future

AHEAD = 2  # places for each thread of a worker: one in work, one that waits
DIED = "the worker died while it worked on it: {}"
LOST = (
    "the connection to the Dask scheduler was lost ({}); run the command again, which "
    "does only what is missing"
)


def require_workers(
    client: Client, folder: BatchFolder, task: Task, workers: int = 1
) -> None:
    """Check that the workers have this version, see the folder, and have the weights.

    Parameters
    ----------
    client
        Connection to the scheduler.
    folder
        The output folder.
    task
        What is done with each loop.
    workers
        Number of workers to wait for.

    Raises
    ------
    SettingsError
        If no worker comes, or one cannot do the work; the message says why.
    """
    path = str(folder.folder.absolute())
    told = state_of_workers(client, workers, _settings_seen, path, task)
    for worker, (settings, own) in told.items():
        if settings != folder.settings:
            raise SettingsError(
                f"worker {worker} does not see {folder.folder}: {settings}; the folder "
                "must have the same path on all computers"
            )
        if own != folder.settings:
            raise SettingsError(
                f"worker {worker} would not do the same: {own}; the weights must have "
                "the same path on all computers"
            )


def _settings_seen(folder: str, task: Task) -> tuple[Any, Any]:
    """Return what a worker reads in the output folder, and what its task would do."""
    return _told(lambda: BatchFolder(folder).settings), _told(task.settings)


def _told(look: Callable[[], Any]) -> Any:
    """Return JSON values, or the reason why there are none."""
    try:
        return json.loads(as_json(look()))
    except MotionSegError as error:
        return str(error)


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
        self._completed = as_completed([], loop=client.loop)
        self._places: dict[Future, AnyPlace] = {}

    def __len__(self) -> int:
        """Return the number of places that were given to the scheduler."""
        return len(self._places)

    def has_room(self) -> bool:
        """Return whether the workers need another place; they may come and go."""
        threads = int(sum(self._client.nthreads().values()))
        return len(self._places) < AHEAD * max(1, threads)

    def put(self, place: AnyPlace) -> None:
        """Give a place to the scheduler."""
        future = self._client.submit(
            _work, str(self._folder.folder.absolute()), self._task, place, pure=False
        )
        self._places[future] = place
        self._completed.add(future)

    def get(self) -> tuple[AnyPlace, Record | None]:
        """Wait for any place, and return its record.

        Raises
        ------
        JobError
            If the connection to the scheduler was lost.
        """
        from distributed import KilledWorker

        future = next(self._completed)
        place = self._places.pop(future)
        try:
            return place, future.result()
        except KilledWorker as error:  # each worker that began it has died
            return place, self._died(place, error)
        except MotionSegError:  # not even a record could be written
            raise
        except Exception as error:
            raise JobError(LOST.format(error)) from error

    def cancel(self) -> None:
        """Cancel what has not begun."""
        self._client.cancel(list(self._places))
        self._places.clear()

    def _died(self, place: AnyPlace, error: Exception) -> Record:
        """Write down that no worker survives a place."""
        known = self._folder.record(place.key)
        record = known or Record(place.key, str(place.path), "")
        reason = DIED.format(error if str(error) else type(error).__name__)
        record = replace(record, state=FAILED, reason=reason, again=False)
        self._folder.write(record)
        return record


def _work(folder: str, task: Task, place: AnyPlace) -> Record | None:
    return work_on(_opened(folder), task, place)


@lru_cache(maxsize=4)
def _opened(folder: str) -> BatchFolder:
    return BatchFolder(folder)
