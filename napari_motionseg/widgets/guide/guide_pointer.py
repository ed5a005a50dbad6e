"""Turn presses of the mouse on a loop into clicks and arrows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from napari.layers import Layer
from napari.viewer import Viewer
from qtpy.QtCore import QObject, Signal

from napari_motionseg.guidance.points import Point
from napari_motionseg.viewmodel.guide_frame import Tool
from napari_motionseg.widgets.common.listening import listen
from napari_motionseg.widgets.common.viewers import camera_of, point_at

CLICK_PX = 4.0  # pixels of the screen; a press with a shorter movement is a click
IDLE = "pan_zoom"  # mode of the active layer in which the user does not paint
LEFT, RIGHT = 1, 2


class GuidePointer(QObject):
    """Listen to the mouse over a loop while a tool of the dock is taken.

    With the tool for clicks, a drag moves the view as usual. With the tool for arrows,
    a drag draws an arrow.

    Parameters
    ----------
    owner
        Widget; when it is destroyed, the connections to the viewer end.
    viewer
        The viewer.
    place
        Function that returns the loop and the tool, or None while no tool is taken.

    Signals
    -------
    clicked
        Emitted with the pixel, and whether Shift was held.
    removed
        Emitted with the pixel of a click with the right button.
    pulled
        Emitted with the first and the last pixel of a drag, and whether it has ended.
    """

    clicked = Signal(object, bool)
    removed = Signal(object)
    pulled = Signal(object, object, bool)

    def __init__(
        self,
        owner: QObject,
        viewer: Viewer,
        place: Callable[[], tuple[Layer, Tool] | None],
    ) -> None:
        super().__init__(owner)
        self._viewer = viewer
        self._place = place
        self._gone = False
        owner.destroyed.connect(self._owner_gone)
        listen(owner, viewer.mouse_drag_callbacks, self._pressed)

    def _owner_gone(self) -> None:
        self._gone = True  # napari continues a drag that has begun

    def _pressed(self, viewer: Any, event: Any) -> Iterator[None]:
        place, active = self._place(), viewer.layers.selection.active
        if place is None or event.button not in (LEFT, RIGHT):
            return
        if active is not None and active.mode != IDLE:
            return
        loop, tool = place
        start = point_at(loop, event.position)
        if not _inside(loop, start):
            return
        if tool == "arrows" and event.button == LEFT:
            yield from self._drawn(loop, start, event)
        else:
            yield from self._waited(start, event)

    def _waited(self, start: Point, event: Any) -> Iterator[None]:
        """Wait for the release; a press that moved has moved the view."""
        begun = np.asarray(event.pos, float)
        yield
        while event.type == "mouse_move":
            yield
        if not self._gone and _near(begun, event):
            if event.button == RIGHT:
                self.removed.emit(start)
            else:
                # vispy's keys are objects that compare equal to their names
                self.clicked.emit(start, "Shift" in event.modifiers)

    def _drawn(self, loop: Layer, start: Point, event: Any) -> Iterator[None]:
        """Follow the pointer until it is released; the view stays where it is."""
        camera, begun = camera_of(self._viewer), np.asarray(event.pos, float)
        pans, camera.mouse_pan = camera.mouse_pan, False
        try:
            yield
            while event.type == "mouse_move" and not self._gone:
                if not _near(begun, event):
                    self.pulled.emit(start, point_at(loop, event.position), False)
                yield
        finally:
            camera.mouse_pan = pans
        if self._gone:
            return
        if _near(begun, event):
            self.clicked.emit(start, False)
        else:
            self.pulled.emit(start, point_at(loop, event.position), True)


def _near(begun: np.ndarray, event: Any) -> bool:
    return bool(np.hypot(*(np.asarray(event.pos, float) - begun)) < CLICK_PX)


def _inside(loop: Layer, point: Point) -> bool:
    rows, columns = loop.data.shape[loop.ndim - 2 : loop.ndim]
    return bool(0 <= point[0] < rows and 0 <= point[1] < columns)
