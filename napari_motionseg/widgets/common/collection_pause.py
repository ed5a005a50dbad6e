"""Keeps Python's garbage collection from stopping a hand that moves something."""

from __future__ import annotations

import gc
from functools import partial

from qtpy.QtCore import QCoreApplication, QObject, QTimer

LEASE_MS = 2000  # a hand that rests this long does not see a collection


class CollectionPause:
    """No garbage collection from `hold` to `release`, or for `LEASE_MS`.

    With napari and torch in one process, the oldest generation has more than half a
    million objects, and one look at all of them takes a third of a second: in a drag of
    200 moves it was the one move that everybody saw.

    Why not `gc.freeze` once, which would make each such look cheap: what is frozen is
    never looked at again. A layer that is deleted later, and is held by a cycle as
    napari's are, would keep its loop's pixels until the process ends. A pause loses
    nothing: a move leaves some hundred small objects in cycles, whose turn comes later.

    Who holds has to hold again at each move, for a drag may end without a word: its
    window closes with the button down, or another window takes the release. A `finally`
    is no help then, because a generator that napari forgets in a cycle is only closed
    by the very collection that is switched off.

    Pauses may overlap. One that finds collection switched off leaves it so: it belongs
    to who did it.

    Parameters
    ----------
    owner
        The widget with which it ends.
    """

    def __init__(self, owner: QObject) -> None:
        self.held = False  # whether this is what keeps collection off
        self._gone = False  # its owner, and with it the timer
        self._timer = QTimer(owner)
        self._timer.setSingleShot(True)
        self._timer.setInterval(LEASE_MS)
        # Qt holds methods weakly; this has to end even when nobody knows it any more
        end = partial(CollectionPause._end, self)
        self._timer.timeout.connect(end)
        owner.destroyed.connect(partial(CollectionPause._owner_gone, self))
        application = QCoreApplication.instance()
        if application is not None:  # a script that goes on after it has no timers
            application.aboutToQuit.connect(end)

    def hold(self) -> None:
        """Begin, or begin anew to wait for the end; not without the owner."""
        if self._gone:
            return
        if gc.isenabled():
            gc.disable()
            self.held = True
        if self.held:
            self._timer.start()

    def release(self) -> None:
        """End; nothing happens where there is no pause."""
        if not self._gone:
            self._timer.stop()
        self._end()

    def _end(self) -> None:
        if self.held:
            self.held = False
            gc.enable()

    def _owner_gone(self, _: object = None) -> None:
        self._gone = True
        self._end()
