"""List an archive in a thread of its own, a bounded number of places ahead."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from contextlib import suppress

from napari_motionseg.batch.places import AnyPlace

AHEAD = 1000  # places that wait to be worked on
LOOK_S = 0.2  # between two looks at whether the consumer has gone


class Listing:
    """Places of an archive, which are found while others are worked on.

    Parameters
    ----------
    places
        The places.

    Attributes
    ----------
    count
        Number of places found so far.
    ended
        Whether all are found.
    """

    def __init__(self, places: Iterator[AnyPlace]) -> None:
        self.count, self.ended = 0, False
        self._places = places
        self._queue: queue.Queue[AnyPlace | BaseException | None] = queue.Queue(AHEAD)
        self._gone = threading.Event()

    def __iter__(self) -> Iterator[AnyPlace]:
        """Yield the places; an error of the listing is raised when its turn comes."""
        thread = threading.Thread(target=self._list, daemon=True)
        thread.start()
        try:
            while (found := self._queue.get()) is not None:
                if isinstance(found, BaseException):
                    raise found
                yield found
        finally:
            self._gone.set()
            thread.join()

    def _list(self) -> None:
        try:
            for place in self._places:
                if not self._put(place):
                    return
                self.count += 1
        except Exception as error:  # noqa: BLE001 - it is raised where it can be told
            self._put(error)
        self.ended = True
        self._put(None)

    def _put(self, found: AnyPlace | BaseException | None) -> bool:
        while not self._gone.is_set():
            with suppress(queue.Full):
                self._queue.put(found, timeout=LOOK_S)
                return True
        return False
