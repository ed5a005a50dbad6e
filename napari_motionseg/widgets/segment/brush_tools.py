"""Keep the brush of the dock and the mode of napari's labels layer in agreement."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from napari.layers import Layer
from napari.viewer import Viewer
from qtpy.QtCore import QObject, QTimer

from napari_motionseg.io.label_numbers import IMPLIED_BACKGROUND
from napari_motionseg.segmentation.islands import island_at
from napari_motionseg.viewmodel.drawn_strokes import hide_background, swept_pixels
from napari_motionseg.viewmodel.painting import painted_frame
from napari_motionseg.viewmodel.segment_state import SegmentState
from napari_motionseg.widgets.common.listening import HeardLayer, listen
from napari_motionseg.widgets.common.viewers import frame_shown, point_at, show_layer

STILL_PX = 3  # pixels of the canvas; a press with a shorter movement is a click
HOLDING = ("paint", "erase")  # napari's modes that the dock's tools use


class BrushTools(QObject):
    """Synchronize the tool of the dock with the mode of the painted layer.

    Strokes are always drawn in the labels, and masks that are visible follow them. The
    other tools of the dock work on the masks if these are visible, and otherwise on the
    labels.
    Tools that the user chooses in napari's own controls are shown in the dock, too.

    Parameters
    ----------
    owner
        Object; when it is destroyed, the connections to the viewer end.
    state
        The state of the dock.
    viewer
        The viewer that is painted in.
    """

    def __init__(self, owner: QObject, state: SegmentState, viewer: Viewer) -> None:
        super().__init__(owner)
        self._state = state
        self._viewer = viewer
        self._own_doing = False
        # a new layer is active for a moment; wait for the layer that stays active
        self._follower = QTimer(self)
        self._follower.setSingleShot(True)
        self._follower.timeout.connect(self._follow)
        self._heard = HeardLayer(
            self, mode=self._changed, selected_label=self._changed,
            brush_size=self._resized,
        )  # fmt: skip
        state.brush.events.connect(self._hold)
        for change in (
            state.events.masks_visible, state.events.masks, state.events.painting,
            state.events.label_mode,
        ):  # fmt: skip
            change.connect(self._hand_on)
        listen(self, viewer.layers.selection.events.active, self._changed)
        listen(self, viewer.mouse_drag_callbacks, self._clicked)
        listen(self, viewer.mouse_drag_callbacks, self._erased)

    @property
    def canvas(self) -> Layer | None:
        """The layer that is painted on, if it is in the window."""
        layer = self._state.canvas
        return layer if layer in self._viewer.layers else None

    def _hand_on(self) -> None:
        """Use the tool on another layer; without a layer, select no tool."""
        if self._state.canvas is None:
            self._state.brush.tool = None
        elif self._state.brush.tool is not None:
            self._hold()

    def _hold(self) -> None:
        """Select the tool of the dock in napari."""
        if self._own_doing:
            return
        if self._state.brush.tool is None:
            self._lay_down()
            return
        if self._state.canvas is None:
            self._state.labels_wanted.emit()
        canvas = self.canvas
        if canvas is not None:
            with self._doing():
                self._heard.turn_to(canvas)
                self._viewer.layers.selection.active = canvas
                show_layer(canvas, True)  # napari does not paint on hidden layers
                self._set_mode(canvas)

    def _set_mode(self, canvas: Any) -> None:
        brush = self._state.brush
        canvas.brush_size = brush.size
        if brush.tool == "paint":
            canvas.selected_label = self._state.label_of(brush.number)
        canvas.mode = brush.tool if brush.tool in HOLDING else "pan_zoom"
        if brush.tool == "island":
            canvas.cursor = "pointing"

    def _lay_down(self) -> None:
        canvas: Any = self.canvas
        if canvas is not None:
            with self._doing():
                if canvas.mode in HOLDING:
                    canvas.mode = "pan_zoom"
                canvas.cursor = "standard"

    def _changed(self, event: object = None) -> None:
        if not self._own_doing:
            self._follower.start(0)

    def _follow(self) -> None:
        """Show the tool that the user has chosen in napari."""
        canvas: Any = self.canvas
        with self._doing():
            brush = self._state.brush
            if canvas is None or self._viewer.layers.selection.active is not canvas:
                brush.tool = None
                return
            self._heard.turn_to(canvas)
            if canvas.mode in HOLDING:
                brush.resize(canvas.brush_size)
            if canvas.mode == "paint":
                self._follow_label(canvas.selected_label)
            elif canvas.mode == "erase":
                brush.tool = "erase"
            elif brush.tool != "island":
                brush.tool = None

    def _follow_label(self, label: int) -> None:
        brush = self._state.brush
        numbers = range(len(self._state.names))
        found = [n for n in numbers if self._state.label_of(n) == label]
        brush.tool = "paint" if found else None
        if found:
            brush.number = found[0]

    def _resized(self, event: Any) -> None:
        if not self._own_doing:
            with self._doing():
                self._state.brush.resize(event.source.brush_size)

    def _clicked(self, viewer: Any, event: Any) -> Iterator[None]:
        """Remove the island that is clicked; a drag moves the view."""
        if self._state.brush.tool != "island" or self.canvas is None:
            return
        start = np.asarray(event.pos)
        yield
        while event.type == "mouse_move":
            yield
        if np.abs(np.asarray(event.pos) - start).max() <= STILL_PX:
            self.remove_island(self.canvas, event.position)

    def _erased(self, viewer: Any, event: Any) -> Iterator[None]:
        """Erase drawn background, too, where the eraser passes over the masks."""
        masks, canvas = self._state.masks, self.canvas
        if masks is None or canvas is not masks.layer:
            return
        if self._state.brush.tool != "erase":
            return
        points = [point_at(canvas, event.position)]
        yield
        while event.type == "mouse_move":
            points.append(point_at(canvas, event.position))
            yield
        t = frame_shown(self._viewer, canvas)
        size = masks.mask(t).shape
        swept = swept_pixels(points, self._state.brush.size, size)
        hide_background(masks, self._state.painting, t, swept)

    def remove_island(self, canvas: Any, position: Any) -> None:
        """Remove the connected part of a class at a position of the world.

        Parameters
        ----------
        canvas
            The labels layer of masks or labels.
        position
            Position in world coordinates, as a mouse event has it.
        """
        t = frame_shown(self._viewer, canvas)
        labels = painted_frame(canvas, t)
        classes = np.where(labels == IMPLIED_BACKGROUND, 0, labels)
        rows, columns = np.nonzero(island_at(classes, *point_at(canvas, position)))
        if len(rows):
            where = (np.full(len(rows), t), rows, columns)[-canvas.ndim :]
            canvas.data_setitem(where, 0)

    @contextmanager
    def _doing(self) -> Iterator[None]:
        before, self._own_doing = self._own_doing, True
        try:
            yield
        finally:
            self._own_doing = before
