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

POINTS, LINE = "vessel points", "centreline"
YELLOW, RED, WHITE, BLUE = "#ffd166", "#ff2d2d", "#ffffff", "#6cb8ff"
Drawn = tuple[VesselMeasurement, FollowedVessel | None]
BAR_PX = 4.0  # beyond the vessel on each side
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
        self._line: Layer | None = None
        self._drawn: tuple[Any, ...] | None = None
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
        yield
        while event.type == "mouse_move":
            if adding and touched is not None:
                data = np.array(layer.data)
                data[touched, -2:] = layer.world_to_data(event.position)[-2:]
                layer.data = data
            elif touched is not None:
                self.moved.emit()
            yield
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
        here = self.frame
        moving = followed is not None or any(way is not None for _, way in others)
        drawn = (measured, followed, section, here if moving else None, others)
        if drawn == self._drawn or self._loop is None:
            return
        self._drawn = drawn
        paths, colors = [], []
        for other, way in others:
            line, frame = _line_on(here, other, way)
            paths.append(self._on_frame(line, frame))
            colors.append(BLUE)
        if measured is not None:
            line, frame = _line_on(here, measured, followed)
            paths.append(self._on_frame(line, frame))
            colors.append(YELLOW)
            if followed is not None and section is not None:
                paths.append(self._on_frame(_bar(line, section, followed), frame))
                colors.append(WHITE)
            for lesion in measured.lesions:
                part = line[lesion.start : lesion.end + 1]
                if len(part) > 1:
                    paths.append(self._on_frame(part, frame))
                    colors.append(RED)
        self._show_paths(paths, colors)

    def _show_paths(self, paths: list[np.ndarray], colors: list[str]) -> None:
        if self._line is None:
            if not paths:
                return
            self._line = self._new_line()
        # in place: a layer that is added or removed blocks the window for long
        self._line.data = []
        if paths:
            self._line.add_paths(paths, edge_color=colors, edge_width=1)

    def _new_line(self) -> Layer:
        """Add an empty layer for the centreline below the points; keep the brush."""
        active, loop = self._viewer.layers.selection.active, self._loop
        if loop is None:
            raise SettingsError("there is no loop to draw a centreline on")
        layer = Layer.create(
            [],
            {
                "name": f"{loop.name} {LINE}", "ndim": loop.ndim, "opacity": 0.9,
                "metadata": {DERIVED: LINE}, **placement(loop, loop.ndim),
            },
            "shapes",
        )  # fmt: skip
        place = len(self._viewer.layers)
        if self._points in self._viewer.layers:
            place = self._viewer.layers.index(self._points)
        self._viewer.layers.insert(place, layer)
        if active in self._viewer.layers:
            self._viewer.layers.selection.active = active
        return layer

    def clear(self) -> None:
        """Remove both layers."""
        self._drawn = None
        self._remove("_line")
        self._remove("_points")

    def _on_frame(self, points: np.ndarray, frame: int) -> np.ndarray:
        if self._loop is None or self._loop.ndim < 3:
            return points
        return np.column_stack((np.full(len(points), frame), points))

    def _remove(self, name: str) -> None:
        layer = getattr(self, name)
        setattr(self, name, None)
        if layer is not None and layer in self._viewer.layers:
            self._viewer.layers.remove(layer)

    def _removed(self, event: Any) -> None:
        """Update the state after the user has removed a layer."""
        if event.value is self._points:
            self._points = None
            # when another project is opened, the user has removed no vessel
            if not str(event.value).endswith(GOING):
                self.moved.emit()
        elif event.value is self._line:
            self._line = self._drawn = None
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


def _line_on(
    frame: int, measured: VesselMeasurement, followed: FollowedVessel | None
) -> tuple[np.ndarray, int]:
    """Return a vessel's line on a frame if it was followed there, else on its own."""
    if followed is not None and np.isfinite(followed.points[frame]).all():
        return followed.points[frame], frame
    return measured.profile.line.points, measured.frame


def _bar(line: np.ndarray, section: int, followed: FollowedVessel) -> np.ndarray:
    """Return the ends ``(2, 2)`` of a bar across a cross-section."""
    near = slice(max(section - 2, 0), section + 3)
    along = line[near][-1] - line[near][0]
    across = np.array([-along[1], along[0]]) / max(float(np.hypot(*along)), 1e-9)
    half = float(followed.profile.fit.radius[section]) + BAR_PX
    return np.stack((line[section] - half * across, line[section] + half * across))
