"""Collect garbage when nobody would notice that the window stands still."""

from __future__ import annotations

import gc
from typing import Any
from weakref import ref

from napari.viewer import Viewer
from qtpy.QtCore import QObject, Qt, QTimer
from qtpy.QtGui import QCursor
from qtpy.QtWidgets import QApplication

from napari_motionseg.widgets.common.viewers import session_of

REST_MS = 4000  # in which neither the mouse nor the shown frame may move


class RestingCollection:
    """One collection of garbage, as soon as mouse and frame rest and no job runs.

    Parameters
    ----------
    owner
        Object whose end ends the waiting.
    viewer
        The viewer whose frames are watched. Only a weak reference is kept.
    """

    def __init__(self, owner: QObject, viewer: Viewer) -> None:
        self._viewer = ref(viewer)
        self._seen: Any = None
        self._timer = QTimer(owner)
        self._timer.setSingleShot(True)
        self._timer.setInterval(REST_MS)
        self._timer.timeout.connect(self._look)

    @property
    def due(self) -> bool:
        """Whether a collection is still to come."""
        return self._timer.isActive()

    def expect(self) -> None:
        """Collect once at the next rest."""
        self._seen = self._state()
        self._timer.start()

    def _look(self) -> None:
        before, self._seen = self._seen, self._state()
        viewer = self._viewer()
        pressed = QApplication.mouseButtons() != Qt.MouseButton.NoButton
        works = viewer is not None and session_of(viewer).job is not None
        if works or pressed or self._seen != before:
            self._timer.start()
        else:
            gc.collect()

    def _state(self) -> Any:
        viewer, mouse = self._viewer(), QCursor.pos()
        step = None if viewer is None else viewer.dims.current_step
        return step, mouse.x(), mouse.y()
