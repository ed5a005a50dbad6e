"""Pause Python's garbage collection while the user drags something."""

from __future__ import annotations

import gc
from functools import partial

from qtpy.QtCore import QCoreApplication, QObject, QTimer

LEASE_MS = 2000  # a collection after a pause of this length is not noticed by the user


class CollectionPause:
    """Pause of garbage collection from `hold` to `release`, or for `LEASE_MS`.

    With napari and torch in one process, the oldest generation has more than half a
    million objects, and a collection of it takes a third of a second. In a drag of 200
    moves, this was the one move that stopped visibly.

    `gc.freeze` would make such collections cheap, but frozen objects are never
    collected. A layer that is deleted later is held by a cycle, as napari's layers are,
    and would keep its loop's pixels until the process ends. A pause has no such effect:
    a move leaves some hundred small objects in cycles, which are collected later.

    `hold` must be called again at each move, because a drag can end without an event:
    the window is closed with the button down, or another window receives the release. A
    `finally` does not help then. napari leaves the generator of the drag in a cycle, so
    that only the collection that is switched off would close it.

    Pauses may overlap. A pause that finds collection switched off does not switch it on
    again, because other code has switched it off.

    Parameters
    ----------
    owner
        Widget; when it is destroyed, the pause ends.
    """

    def __init__(self, owner: QObject) -> None:
        self.held = False  # whether this object has switched the collection off
        self._gone = False  # the owner was destroyed, and the timer with it
        self._timer = QTimer(owner)
        self._timer.setSingleShot(True)
        self._timer.setInterval(LEASE_MS)
        # Qt refers to methods weakly; the pause must end even if this object is gone
        end = partial(CollectionPause._end, self)
        self._timer.timeout.connect(end)
        owner.destroyed.connect(partial(CollectionPause._owner_gone, self))
        application = QCoreApplication.instance()
        # a script that continues after the window is closed has no timers
        if application is not None:
            application.aboutToQuit.connect(end)

    def hold(self) -> None:
        """Start the pause or extend it; do nothing if the owner is destroyed."""
        if self._gone:
            return
        if gc.isenabled():
            gc.disable()
            self.held = True
        if self.held:
            self._timer.start()

    def release(self) -> None:
        """End the pause; do nothing if there is none."""
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
