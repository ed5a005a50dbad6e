"""Show the layers of a measured vessel: the user's points, and the centreline."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from napari.layers import Layer
from napari.viewer import Viewer
from qtpy.QtCore import QObject, QTimer, Signal

from napari_motionseg.errors import SettingsError
from napari_motionseg.measurement import FollowedVessel, VesselMeasurement
from napari_motionseg.measurement.centreline import Point
from napari_motionseg.viewmodel.vessel_notes import Place
from napari_motionseg.widgets.common.later_removal import GOING
from napari_motionseg.widgets.common.listening import listen
from napari_motionseg.widgets.common.viewers import DERIVED, frame_shown, placement
from napari_motionseg.widgets.measure.vessel_lines import YELLOW, Drawn, VesselLines

POINTS = "vessel points"
SIZE = 1 / 64  # size of a point, as a share of a frame's height


class VesselLayers(QObject):
    """Points layer that the user edits, and a layer with the centreline.

    Parameters
    ----------
    owner
        Widget; when it is destroyed, the connections to the viewer end.
    viewer
        The viewer that holds the layers.

    Signals
    -------
    moved
        Emitted after points were added, moved or removed, or another frame is shown.
    undo_asked
        Emitted with True for Ctrl+Z and with False for Ctrl+Shift+Z on the picture.
    dragging
        Emitted with True when the mouse is pressed on a point, and then with False.
    """

    moved = Signal()
    undo_asked = Signal(bool)
    dragging = Signal(bool)

    def __init__(self, owner: QObject, viewer: Viewer) -> None:
        super().__init__(owner)
        self._viewer = viewer
        self._loop: Layer | None = None
        self._points: Layer | None = None
        self._lines = VesselLines(viewer)
        listen(owner, viewer.layers.events.removed, self._removed)
        listen(owner, viewer.dims.events.current_step, self._frame_changed)

    @property
    def frame(self) -> int:
        """Index of the frame that is shown."""
        return 0 if self._loop is None else frame_shown(self._viewer, self._loop)

    @property
    def places(self) -> tuple[Place, ...]:
        """Frame, row and column of all points, in the order of clicks."""
        if self._points is None:
            return ()
        return tuple(
            (
                0 if len(point) < 3 else round(float(point[0])),
                float(point[-2]),
                float(point[-1]),
            )
            for point in np.asarray(self._points.data)
        )

    @property
    def points(self) -> tuple[Point, ...]:
        """Rows and columns of the points on the shown frame, in the order of clicks."""
        here = self.frame
        return tuple((row, column) for t, row, column in self.places if t == here)

    def show_places(self, places: tuple[Place, ...]) -> None:
        """Show other points than those that the user has clicked last.

        Parameters
        ----------
        places
            Frame, row and column of each point.
        """
        if self._loop is None or places == self.places:
            return
        if self._points is None:
            self._points = self._new_points()
        data = np.array(places, float).reshape(-1, 3)[:, 3 - self._loop.ndim :]
        with self._points.events.data.blocker():
            self._points.selected_data = set()
            self._points.data = data

    def show_loop(self, loop: Layer | None) -> None:
        """Use another loop, or none, and remove the layers of the previous one."""
        if loop is not self._loop:
            self.clear()
            self._loop = loop

    def begin(self) -> None:
        """Let the user click points: add the layer if needed, and make it active."""
        if self._loop is None or self._loop not in self._viewer.layers:
            return
        if self._points is None:
            self._points = self._new_points()
        self._viewer.layers.selection.active = self._points
        self._points.mode = "add"

    def _new_points(self) -> Layer:
        """Add an empty layer for the user's points."""
        loop = self._loop
        if loop is None:
            raise SettingsError("there is no loop to place points on")
        layer = _empty_points(loop)
        self._viewer.layers.append(layer)
        layer.events.data.connect(self._edited)
        layer.mouse_drag_callbacks.append(self._drag)
        layer.bind_key("Control-Z", lambda _: self.undo_asked.emit(True))
        layer.bind_key("Control-Shift-Z", lambda _: self.undo_asked.emit(False))
        return layer

    def _drag(self, layer: Layer, event: Any) -> Iterator[None]:
        """Let the numbers follow a point while it is dragged.

        napari reports a dragged point when the button is released, and does not move
        points in the mode that adds some.
        """
        adding = str(layer.mode) == "add"
        touched = layer.get_value(event.position, world=True)
        self.dragging.emit(touched is not None)
        panning = layer.mouse_pan
        # in the mode that adds points, a drag moves the picture too
        layer.mouse_pan = panning and touched is None
        yield
        while event.type == "mouse_move":
            if adding and touched is not None:
                # in place: a new array costs napari three times as long a move
                layer.data[touched, -2:] = layer.world_to_data(event.position)[-2:]
                layer.refresh(extent=False, thumbnail=False)
            if touched is not None:
                self.moved.emit()
            yield
        layer.mouse_pan = panning
        # napari reports the last move after this
        QTimer.singleShot(0, self._drag_ended)

    def _drag_ended(self) -> None:
        self.dragging.emit(False)

    def end(self) -> None:
        """Stop adding points; existing points can still be dragged."""
        if self._points is not None:
            self._points.mode = "select"

    def draw(
        self,
        measured: VesselMeasurement | None,
        followed: FollowedVessel | None = None,
        section: int | None = None,
        others: tuple[Drawn, ...] = (),
    ) -> None:
        """Show the centreline of a measurement; None shows none.

        Parameters
        ----------
        measured
            The measured vessel.
        followed
            The vessel in all frames; its line is then drawn on the shown frame.
        section
            Index of the followed cross-section that is marked by a bar, or None.
        others
            The loop's other vessels, each with its way through the loop or None.
        """
        if self._loop is not None:
            current = None if measured is None else (measured, followed)
            self._lines.draw(
                self._loop, self.frame, current, section, others, self._points
            )

    def clear(self) -> None:
        """Remove both layers."""
        self._lines.clear()
        points, self._points = self._points, None
        if points is not None and points in self._viewer.layers:
            self._viewer.layers.remove(points)

    def _removed(self, event: Any) -> None:
        """Update the state after the user has removed a layer."""
        if event.value is self._points:
            self._points = None
            # when another project is opened, the user has removed no vessel
            if not str(event.value).endswith(GOING):
                self.moved.emit()
        elif event.value is self._lines.layer:
            self._lines.removed()
        elif event.value is self._loop:
            self.show_loop(None)

    def _edited(self, event: Any = None) -> None:
        action = str(getattr(event, "action", ""))
        # "adding" and "changing" are emitted before the change
        if not action.endswith("ing"):
            self.moved.emit()

    def _frame_changed(self, event: Any = None) -> None:
        if self._points is not None:
            self.moved.emit()


def _empty_points(loop: Layer) -> Layer:
    """Return a layer without points that lies on a loop."""
    return Layer.create(
        np.empty((0, loop.ndim)),
        {
            "name": f"{loop.name} {POINTS}", "ndim": loop.ndim,
            "metadata": {DERIVED: POINTS}, "symbol": "disc",
            "size": max(3.0, loop.data.shape[-2] * SIZE),
            "face_color": YELLOW, "border_color": "black",
            **placement(loop, loop.ndim),
        },
        "points",
    )  # fmt: skip
