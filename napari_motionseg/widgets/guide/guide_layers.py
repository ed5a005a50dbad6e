"""Show clicks, arrows and the mask of clicks as layers over a loop."""

from __future__ import annotations

from typing import Any

import numpy as np
from napari.layers import Layer
from napari.viewer import Viewer
from qtpy.QtCore import QObject, QTimer, Signal

from napari_motionseg.viewmodel.guide_pictures import (
    MOVED,
    arrow_vectors,
    marked_points,
    mask_picture,
)
from napari_motionseg.viewmodel.guide_state import GuideState
from napari_motionseg.widgets.common.layer_changes import active_kept, take_out
from napari_motionseg.widgets.common.listening import listen
from napari_motionseg.widgets.common.viewers import DERIVED, is_painting, placement

Marked = tuple[float, float, str]  # row and column in px, and color
MASK, POINTS, ARROWS = "click mask", "clicks", "arrows"
SIZE = 1 / 64  # size of a point, as a share of a frame's height


class GuideLayers(QObject):
    """Three layers of the shown frame: the mask, the arrows and the points.

    Parameters
    ----------
    owner
        Widget; when it is destroyed, the connections to the viewer end.
    viewer
        The viewer that holds the layers.

    Signals
    -------
    dropped
        Emitted with the role of a layer that the user has removed.
    """

    dropped = Signal(str)

    def __init__(self, owner: QObject, viewer: Viewer) -> None:
        super().__init__(owner)
        self._viewer = viewer
        self._loop: Layer | None = None
        self._layers: dict[str, Any] = {}
        self._changing = False
        self._drawn: list[Marked] = []  # the points that their layer shows
        self._later: list[str] = []  # roles whose layers are added one by one
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._add_next)
        self._rising = QTimer(self)
        self._rising.setSingleShot(True)
        self._rising.timeout.connect(self._rise)
        listen(owner, viewer.layers.events.removed, self._removed)
        listen(owner, viewer.layers.events.inserted, self._inserted)

    @property
    def known(self) -> dict[str, Layer]:
        """The layers that exist, by their role."""
        return dict(self._layers)

    def show_loop(self, loop: Layer | None) -> None:
        """Use another loop, or none, and remove the layers of the previous one."""
        if loop is self._loop:
            return
        self._changing = True
        try:
            for layer in self._layers.values():
                if layer in self._viewer.layers:
                    take_out(self._viewer, layer)
        finally:
            self._changing = False
        self._layers, self._loop, self._drawn, self._later = {}, loop, [], []

    def begin(self, *roles: str) -> None:
        """Add layers before they are needed, with a turn of the window after each.

        napari takes a tenth of a second or more to add a layer.
        """
        self._later = [role for role in roles if role not in self._layers]
        self._timer.start(0)

    def _add_next(self) -> None:
        if self._later:
            self._add(self._later.pop(0))
            self._timer.start(0)

    def _add(self, role: str) -> None:
        loop = self._loop
        known = loop is not None and loop in self._viewer.layers
        if known and role not in self._layers:
            self._layers[role] = self._new(role, loop)

    def draw(self, state: GuideState, with_scores: bool) -> None:
        """Show the clicks, arrows and mask of a state.

        Parameters
        ----------
        state
            The state of the dock.
        with_scores
            Whether the scores are shown around the mask.
        """
        self._draw_points(marked_points(state.here))
        vectors = arrow_vectors(state.arrows)
        if len(vectors):
            self._add(ARROWS)
        if ARROWS in self._layers and len(vectors) + len(self._layers[ARROWS].data):
            self._layers[ARROWS].data = vectors
        self._draw_mask(state, with_scores)

    def _draw_points(self, points: list[Marked]) -> None:
        if points:
            self._add(POINTS)
        layer = self._layers.get(POINTS)
        if layer is None or points == self._drawn:
            return
        self._drawn = points
        layer.data = np.array([point[:2] for point in points], float).reshape(-1, 2)
        if points:
            layer.face_color = [color for _, _, color in points]
        layer.selected_data = set()

    def _draw_mask(self, state: GuideState, with_scores: bool) -> None:
        mask, scores = state.mask, state.scores
        if mask is not None and scores is not None:
            self._add(MASK)
        layer = self._layers.get(MASK)
        if layer is None:
            return
        if mask is not None and scores is not None:
            current = state.here.current
            layer.data[...] = mask_picture(
                mask, scores, current.number, proposed=current.proposed,
                glow_at=state.choices.threshold if with_scores else None,
            )  # fmt: skip
        elif layer.data.any():
            layer.data[...] = 0
        else:
            return
        layer.refresh(thumbnail=False, extent=False, highlight=False)

    def _new(self, role: str, loop: Layer) -> Layer:
        rows, columns = loop.data.shape[loop.ndim - 2 : loop.ndim]
        data, kind, looks = _appearance(role, rows, columns)
        layer = Layer.create(
            data,
            {
                "name": f"{loop.name} {role}", "metadata": {DERIVED: role},
                **placement(loop, 2), **looks,
            },
            kind,
        )  # fmt: skip
        with active_kept(self._viewer):
            self._viewer.layers.append(layer)
        if role == MASK:
            self._rising.start(0)
        return layer

    def _inserted(self, event: Any) -> None:
        if is_painting(event.value):
            self._rising.start(0)  # not while others hear of the new layer

    def _rise(self) -> None:
        """Move the layers above labels, which would hide what a click changes there."""
        layers = self._viewer.layers
        roles = (role for role in (MASK, ARROWS, POINTS) if role in self._layers)
        own = [layer for role in roles if (layer := self._layers[role]) in layers]
        if list(layers)[len(layers) - len(own) :] != own:
            for layer in own:
                layers.move(layers.index(layer), len(layers))

    def _removed(self, event: Any) -> None:
        if self._changing:
            return
        for role, layer in list(self._layers.items()):
            if layer is event.value:
                del self._layers[role]
                self._drawn = [] if role == POINTS else self._drawn
                self.dropped.emit(role)
        if event.value is self._loop:
            self.show_loop(None)


def _appearance(
    role: str, rows: int, columns: int
) -> tuple[np.ndarray, str, dict[str, Any]]:
    """Return data, type and attributes of a new layer."""
    size = max(3.0, rows * SIZE)
    if role == MASK:
        looks: dict[str, Any] = {"rgb": True}
        return np.zeros((rows, columns, 4), np.uint8), "image", looks
    if role == POINTS:
        looks = {
            "symbol": "disc", "size": size, "face_color": "white",
            "border_color": "black", "border_width": 0.15,
        }  # fmt: skip
        return np.empty((0, 2)), "points", looks
    looks = {
        "edge_color": MOVED, "edge_width": size / 3, "vector_style": "arrow",
        "length": 1,
    }  # fmt: skip
    return np.empty((0, 2, 2)), "vectors", looks
