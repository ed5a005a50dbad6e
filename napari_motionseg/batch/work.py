"""Do what is missing of a batch, place by place."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Protocol

from napari_motionseg.batch.listing import Listing
from napari_motionseg.batch.places import AnyPlace, Part, Place, places
from napari_motionseg.batch.records import (
    DONE,
    FAILED,
    WORKING,
    BatchFolder,
    Draft,
    Record,
)
from napari_motionseg.cine import Cine
from napari_motionseg.errors import (
    ArchiveError,
    MissingDependencyError,
    MotionSegError,
    WriteError,
)
from napari_motionseg.io.temporary import temporary_folder
from napari_motionseg.jobs import STOP, Job, Progress

MOST_TRIES = 3
# errors that may not come again: a full disk, a library that is missing, a network
PASSING = (WriteError, MissingDependencyError, ArchiveError)
KILLED = "the program ended while it worked on it, {} times"


class Task(Protocol):
    """The processing of each loop."""

    def settings(self) -> dict[str, Any]:
        """Return the JSON values that the results depend on."""

    def run(self, cine: Cine, key: str, draft: Draft) -> dict[str, Any]:
        """Write the results of a loop, and return its facts."""


class Pool(Protocol):
    """The processes that do the work: this one, or workers of Dask."""

    def __len__(self) -> int:
        """Return the number of places in work."""

    def has_room(self) -> bool:
        """Return whether another place may be given to it."""

    def put(self, place: AnyPlace) -> None:
        """Give it a place."""

    def get(self) -> tuple[AnyPlace, Record | None]:
        """Wait for a place, and return its record; see `work_on`."""

    def cancel(self) -> None:
        """Give up what has not begun."""


@dataclass
class Counts:
    """Numbers of places of a run, by their state.

    Parameters
    ----------
    found
        Places of the part.
    earlier
        Places that were done before.
    done
        Places that were done in this run.
    failed
        Places that have failed in this run.
    given_up
        Places that have failed before, and are not tried again.
    busy
        Places that another run was working on.
    """

    found: int = 0
    earlier: int = 0
    done: int = 0
    failed: int = 0
    given_up: int = 0
    busy: int = 0


class Batch:
    """The work on an archive.

    Parameters
    ----------
    folder
        The output folder.
    task
        What is done with each loop.
    retry
        Whether places that have failed for good are tried again.
    """

    def __init__(self, folder: BatchFolder, task: Task, *, retry: bool = False) -> None:
        self.folder, self.task, self.retry = folder, task, retry
        self.counts = Counts()
        self._worked = 0
        self._listing: Listing | None = None

    @property
    def listed(self) -> bool:
        """Whether all places of the part were found."""
        return self._listing is not None and self._listing.ended

    def missing(self, paths: Iterable[Any], part: Part) -> Iterator[AnyPlace]:
        """Yield the places of a part that are not done, and count the others.

        Parameters
        ----------
        paths
            Files, folders and lists; see `places`.
        part
            The part of the archive.
        """
        for place in places(paths, self._is_known):
            if not part.has(place):
                continue
            self.counts.found += 1
            known = self.folder.record(place.key)
            if known is None or self._is_due(place, known):
                yield place
            elif known.state == DONE:
                self.counts.earlier += 1
            else:
                self.counts.given_up += 1

    def _is_known(self, place: Place) -> bool:
        known = self.folder.record(place.key)
        return known is not None and known.stamp == _stamp(place)

    def _is_due(self, place: AnyPlace, known: Record) -> bool:
        if known.stamp != _stamp(place):
            return True
        if known.state == DONE:
            return not self.folder.is_complete(known)
        if known.state == WORKING:
            return True  # another run works on it, or was killed
        return self.retry or (known.again and known.tries < MOST_TRIES)

    def job(
        self,
        paths: Iterable[Any],
        part: Part | None = None,
        pool: Pool | None = None,
    ) -> Job[Counts]:
        """Work on all that is missing.

        Parameters
        ----------
        paths
            Files, folders and lists; see `places`.
        part
            The part of the archive; None for all of it.
        pool
            What does the work; None for this process.

        Yields
        ------
        Progress
            After each place; the total is known once the listing has ended.

        Returns
        -------
        Counts
            What was found and done; after `STOP`, as far as it came.

        Raises
        ------
        WriteError
            If not even a record can be written.
        """
        listing = Listing(self.missing(paths, part or Part()))
        self._listing = listing
        if pool is None:
            pool = Here(self.folder, self.task)
        put_off: list[AnyPlace] = []
        for place, record in worked_through(listing, pool):
            if record is None:
                put_off.append(place)
            elif (yield self._progress(record, listing)) == STOP:
                pool.cancel()
                return self.counts
        for _, record in worked_through(put_off, pool):
            if record is None:
                self.counts.busy += 1
            else:
                yield self._progress(record, listing)
        return self.counts

    def _progress(self, record: Record, listing: Listing) -> Progress:
        self.counts.done += record.state == DONE
        self.counts.failed += record.state != DONE
        self._worked += 1
        total = listing.count if listing.ended else 0
        words = record.path if record.state == DONE else f"failed: {record.reason}"
        return Progress(self._worked, total, words)


class Here:
    """The work in this process, one place after the other.

    Parameters
    ----------
    folder
        The output folder.
    task
        What is done with each loop.
    """

    def __init__(self, folder: BatchFolder, task: Task) -> None:
        self._folder, self._task = folder, task
        self._places: list[AnyPlace] = []

    def __len__(self) -> int:
        """Return the number of places in work."""
        return len(self._places)

    def has_room(self) -> bool:
        """Return whether there is no place in work."""
        return not self._places

    def put(self, place: AnyPlace) -> None:
        """Take a place, which `get` works on."""
        self._places.append(place)

    def get(self) -> tuple[AnyPlace, Record | None]:
        """Work on the place."""
        place = self._places.pop()
        return place, work_on(self._folder, self._task, place)

    def cancel(self) -> None:
        """Forget the place."""
        self._places.clear()


def worked_through(
    places: Iterable[AnyPlace], pool: Pool
) -> Iterator[tuple[AnyPlace, Record | None]]:
    """Give places to a pool while it has room, and yield what comes back.

    Parameters
    ----------
    places
        The places, which are taken one by one.
    pool
        What does the work.
    """
    for place in places:
        pool.put(place)
        while not pool.has_room():
            yield pool.get()
    while len(pool):
        yield pool.get()


def _stamp(place: AnyPlace) -> str:
    try:
        return place.stamp()
    except MotionSegError:
        return ""


def work_on(folder: BatchFolder, task: Task, place: AnyPlace) -> Record | None:
    """Do the task for all loops of a place, and return its record.

    An error is written into the record; it ends nothing else.

    Parameters
    ----------
    folder
        The output folder.
    task
        What is done with each loop.
    place
        The place.

    Returns
    -------
    Record or None
        None if another run works on the place.

    Raises
    ------
    WriteError
        If not even the record can be written, because the disk is full for example.
    """
    lock = folder.lock(place.key)
    if lock is None:
        return None
    try:
        return _worked_on(folder, task, place)
    finally:
        lock.release()


def _worked_on(folder: BatchFolder, task: Task, place: AnyPlace) -> Record:
    begun = time.monotonic()
    before = folder.record(place.key)
    record = _begun(before, place)
    if before is not None and _just_done(folder, before, record.stamp):
        return before  # by another run, since this one asked
    if record.tries > MOST_TRIES:  # each run before was killed
        words = KILLED.format(MOST_TRIES)
        killed = replace(
            record, state=FAILED, tries=MOST_TRIES, again=False, reason=words
        )
        folder.write(killed)
        return killed
    folder.write(record)
    try:
        rows, results = _results(folder, task, place, record)
        ended = replace(record, state=DONE, rows=rows, results=results, reason="")
    except Exception as error:  # noqa: BLE001 - one bad file must not end the others
        ended = _failed(record, error)
    ended = replace(ended, seconds=round(time.monotonic() - begun, 2))
    folder.write(ended)
    return ended


def _just_done(folder: BatchFolder, before: Record, stamp: str) -> bool:
    return before.state == DONE and before.stamp == stamp and folder.is_complete(before)


def _begun(before: Record | None, place: AnyPlace) -> Record:
    stamp = _stamp(place)
    return Record(
        place.key, str(place.path), stamp, tries=_tries(before, stamp) + 1,
        # what an earlier run has written may be replaced
        results=() if before is None else before.results,
    )  # fmt: skip


def _tries(before: Record | None, stamp: str) -> int:
    """Return how often a place was tried in vain, since its files have changed."""
    if before is None or before.stamp != stamp or before.state == DONE:
        return 0
    if before.state == FAILED and not (before.again and before.tries < MOST_TRIES):
        return 0  # somebody wants it to be tried again
    return before.tries


def _results(
    folder: BatchFolder, task: Task, place: AnyPlace, record: Record
) -> tuple[tuple[dict[str, Any], ...], Any]:
    with temporary_folder(folder.folder) as room:
        draft, rows = Draft(room), []
        with place.loops() as loops:
            for cine in loops:
                before = len(draft.names)
                facts = task.run(cine, place.key, draft)
                rows.append({**facts, "files": draft.names[before:]})
        return tuple(rows), folder.place(record, draft).results


def _failed(record: Record, error: Exception) -> Record:
    ours = isinstance(error, MotionSegError)
    reason = str(error) if ours else f"{type(error).__name__}: {error}"
    # a file that cannot be read stays as it is; a full disk or a lack of memory may end
    again = not ours or isinstance(error, PASSING)
    return replace(record, state=FAILED, reason=reason, again=again)
