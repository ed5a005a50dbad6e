"""Let the user set, drag, add and remove anchors in the viewer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from napari.layers import Layer
from napari.viewer import Viewer
from qtpy.QtCore import QObject, Signal

from napari_motionseg.viewmodel.cells import CellGrid
from napari_motionseg.widgets.common.collection_pause import CollectionPause
from napari_motionseg.widgets.common.later_removal import removal_of
from napari_motionseg.widgets.common.layer_changes import active_kept
from napari_motionseg.widgets.common.listening import listen
from napari_motionseg.widgets.common.viewers import (
    DERIVED,
    camera_of,
    placement,
    point_at,
)

ANCHOR = "anchor"
RED = "#ff2d2d"
SIZE = 1 / 22  # size of an anchor, as a share of a frame's height
# distance at which a press takes an anchor, as a share of a frame's height
REACH = 1 / 25
CLICK_PX = 4.0  # pixels of the screen; a press with a shorter movement is a click
IDLE = "pan_zoom"  # mode of the active layer in which the user does not paint
Position = tuple[float, float]


class AnchorLayers(QObject):
    """Points layer with the anchors over the loop.

    A click sets the anchor, Shift and a click adds one, and a press on an anchor drags
    it; all this works in any cell. Changes with napari's own tools count as well.

    Parameters
    ----------
    owner
        Widget; when it is destroyed, the connections to the viewer end.
    viewer
        The viewer that holds the layer.
    cell
        Function that returns the loop and the grid of cells, or None while no view
        needs anchors.

    Signals
    -------
    moved
        Emitted after each change, with whether the pointer still holds an anchor.
    """

    moved = Signal(bool)

    def __init__(
        self,
        owner: QObject,
        viewer: Viewer,
        cell: Callable[[], tuple[Layer, CellGrid] | None],
    ) -> None:
        super().__init__(owner)
        self._viewer = viewer
        self._cell = cell
        self.positions: tuple[Position, ...] = ()
        self.held: int | None = None
        self._pause = CollectionPause(self)
        self._points: Layer | None = None
        self._changing = False
        self._gone = False
        owner.destroyed.connect(self._owner_gone)
        listen(owner, viewer.layers.events.removed, self._removed)
        listen(owner, viewer.mouse_drag_callbacks, self._pressed)

    def draw(self) -> None:
        """Show the anchors over the loop."""
        place = self._cell()
        if place is None or place[0] not in self._viewer.layers:
            return
        loop, grid = place
        seen = [p for p in self.positions if not np.isnan(p[0])]
        points = np.asarray(seen, float).reshape(-1, 2)
        self._changing = True
        try:
            if self._points is not None:
                self._move_points(self._points, points)
            elif len(points):
                self._points = self._new_points(points, loop, grid)
        finally:
            self._changing = False

    def hide(self) -> None:
        """Remove the layer, but keep the anchors until they are drawn again."""
        self._pause.release()
        layer, self._points = self._points, None
        if layer is not None:
            removal_of(self._viewer).remove(layer)

    def remove(self) -> None:
        """Remove the layer and forget the anchors."""
        self.hide()
        self.positions = ()

    def _new_points(self, points: Any, loop: Layer, grid: CellGrid) -> Layer:
        layer = Layer.create(
            points,
            {
                "name": f"{loop.name} {ANCHOR}", "metadata": {DERIVED: ANCHOR},
                "symbol": "cross", "size": max(3.0, grid.size[0] * SIZE),
                "face_color": RED, "border_color": "white", "border_width": 0.1,
                **placement(loop, 2),
            },
            "points",
        )  # fmt: skip
        with active_kept(self._viewer):
            self._viewer.layers.append(layer)
        layer.events.data.connect(self._edited)
        return layer

    def _move_points(self, layer: Layer, points: Any) -> None:
        if layer.data.shape != points.shape:
            layer.data = points
            layer.selected_data = set()
        elif (layer.data != points).any():
            # new data would have napari look at every layer's extent, for each move
            layer.data[:] = points
            still = self.held is None
            layer.refresh(thumbnail=still, extent=still, highlight=still)

    def _edited(self, event: Any = None) -> None:
        """Read anchors that the user changed with napari's own tools."""
        if self._changing or self._points is None:
            return
        self.positions = tuple((float(r), float(c)) for r, c in self._points.data)
        self.moved.emit(False)

    def _removed(self, event: Any) -> None:
        if self._changing:
            return
        if event.value is self._points:
            self._points, self.positions = None, ()
            self.moved.emit(False)

    def _pressed(self, viewer: Any, event: Any) -> Iterator[None]:
        place, active = self._cell(), viewer.layers.selection.active
        if place is None or event.button != 1:
            return
        if active is not None and active.mode != IDLE:
            if active is self._points:
                yield from self._followed(event)
            return
        loop, grid = place
        start, pressed = self._position(loop, grid, event), np.asarray(event.pos, float)
        if start is None:
            return
        taken = self._near(start, grid)
        if taken is not None:
            yield from self._dragged(taken, loop, grid, event)
            return
        yield
        while event.type == "mouse_move":
            yield
        away = np.hypot(*(np.asarray(event.pos, float) - pressed))
        if away < CLICK_PX and not self._gone:
            # vispy's keys are objects that compare equal to their names
            self._clicked(start, "Shift" in event.modifiers)

    def _dragged(
        self, index: int, loop: Layer, grid: CellGrid, event: Any
    ) -> Iterator[None]:
        """Move an anchor with the pointer until the mouse button is released."""
        camera, moving = camera_of(self._viewer), False
        pans, camera.mouse_pan = camera.mouse_pan, False
        self.held = index
        self._pause.hold()
        try:
            yield
            while event.type == "mouse_move" and not self._gone:
                moving = True
                self._move(index, self._position(loop, grid, event))
                yield
            if moving and not self._gone:
                # napari reports at most one move in 5 ms, so the last one may be
                # missing
                self._move(index, self._position(loop, grid, event))
        finally:
            self.held = None
            self._pause.release()
            camera.mouse_pan = pans
        if not self._gone:
            self._finish()

    def _followed(self, event: Any) -> Iterator[None]:
        """Follow a point while napari's own tool drags it."""
        yield
        while event.type == "mouse_move":
            self._edited()
            yield

    def _clicked(self, position: Position, more: bool) -> None:
        kept = self.positions if more else ()
        self.positions = (*kept, position)
        self.moved.emit(False)

    def _owner_gone(self) -> None:
        # napari's own tool continues a drag that it has started
        self._gone = True

    def _finish(self) -> None:
        """Update what was left out for speed while the user dragged an anchor."""
        if self._points is not None:
            self._points.refresh()
        self.moved.emit(False)

    def _move(self, index: int, position: Position | None) -> None:
        if position is None or index >= len(self.positions):
            return  # outside of the picture, the anchor stays at its edge
        self._pause.hold()
        moved = list(self.positions)
        moved[index] = position
        self.positions = tuple(moved)
        self.moved.emit(True)

    def _near(self, position: Position, grid: CellGrid) -> int | None:
        if not self.positions:
            return None
        away = np.asarray(self.positions, float) - np.asarray(position)
        lengths = np.nan_to_num(np.hypot(*away.T), nan=np.inf)
        nearest = int(lengths.argmin())
        return nearest if lengths[nearest] <= grid.size[0] * REACH else None

    @staticmethod
    def _position(loop: Layer, grid: CellGrid, event: Any) -> Position | None:
        """Return the pixel under the pointer, in the coordinates of its cell."""
        found = grid.cell_at(*point_at(loop, event.position))
        return None if found is None else found[2]
