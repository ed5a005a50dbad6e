"""Show the flow of arrows: colors, arrows, moved frame, and the measured flow."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from napari.layers import Layer
from qtpy.QtCore import QObject
from qtpy.QtWidgets import QCheckBox, QFormLayout

from napari_motionseg.viewmodel.cells import FlowCells
from napari_motionseg.viewmodel.guide_engine import ArrowAnswer
from napari_motionseg.viewmodel.guided_pictures import (
    ARROWS,
    COLORS,
    DIFFERENCE,
    MEASURED,
    MOVED,
    OVER,
    GuidedPictures,
    drawn_pictures,
)
from napari_motionseg.widgets.common.background import Latest
from napari_motionseg.widgets.common.canvas_marks import Captions
from napari_motionseg.widgets.common.dock_layout import Dock
from napari_motionseg.widgets.common.picture_layers import PictureLayers
from napari_motionseg.widgets.common.shown_picture import ShownPicture

LEAST_CONTRAST = 1e-3
ABOVE = 1 / 24  # room for a color bar, as a share of a frame's height
BOXES = {
    COLORS: ("Flow colors", "Hue is the direction of the guided motion"),
    ARROWS: ("Flow arrows", "Guided motion of the pixels of a grid"),
    MOVED: ("Moved frame", "The frame, moved along the guided flow"),
    MEASURED: (
        "Compare with the measured flow",
        "The flow to the next frame in the same colors, and the distance between both: "
        "where it is large, something else moved than what the network expects",
    ),
}
FIRST_SHOWN = (COLORS, MOVED)


class GuidedViews(QObject):
    """Check boxes for views of the guided flow, and their layers.

    Parameters
    ----------
    dock
        The dock that owns the views.
    form
        The form that the check boxes are added to.
    compared
        Function that is called with whether the measured flow is wanted.
    """

    def __init__(
        self, dock: Dock, form: QFormLayout, compared: Callable[[bool], None]
    ) -> None:
        super().__init__(dock)
        self._viewer, self._session = dock.viewer, dock.session
        self._loop: Layer | None = None
        self._answer: ArrowAnswer | None = None
        self._drawing = False
        self.boxes: dict[str, QCheckBox] = {}
        for name, (title, tooltip) in BOXES.items():
            box = self.boxes[name] = QCheckBox(title)
            box.setToolTip(tooltip)
            box.setChecked(name in FIRST_SHOWN)
            form.addRow(box)
            if name == MEASURED:
                box.toggled.connect(compared)
            else:
                box.toggled.connect(self.refresh)
        self.layers = PictureLayers(dock, dock.viewer, self._dropped)
        self.latest = Latest(dock, self._show)

    def show(
        self, loop: Layer | None, answer: ArrowAnswer | None, drawing: bool = False
    ) -> None:
        """Show the views of an answer over and beside a loop.

        Parameters
        ----------
        loop
            The image layer of the loop.
        answer
            The answer; None shows no views.
        drawing
            Whether the pointer draws an arrow. New views beside the loop then wait,
            because the camera is fitted to them and the picture would jump away.
        """
        if (answer, loop, drawing) != (self._answer, self._loop, self._drawing):
            self._loop, self._answer, self._drawing = loop, answer, drawing
            self.refresh()

    def refresh(self, _: object = None) -> None:
        """Draw the checked views of the last answer."""
        answer = self._answer
        if answer is None or answer.flow is None or self._loop is None:
            self.latest.forget()
            self.layers.remove()
            return
        fixed = self._drawing and not set(self.layers.known) - set(OVER)
        names = tuple(
            name for name, box in self.boxes.items()
            if box.isChecked() and (name in OVER or not fixed)
        )  # fmt: skip
        if set(names) - set(OVER):
            self._session.views_beside.emit(self)
        self.latest.ask(drawn_pictures, answer, names)

    def give_way(self, owner: object) -> None:
        """Uncheck the views beside the loop when another dock needs their places."""
        if owner is not self and self._answer is not None:
            for name in (MOVED, MEASURED):
                self.boxes[name].setChecked(False)

    def play_frame(self, frame: np.ndarray) -> None:
        """Show a frame of the guided loop in the place of the moved frame."""
        layer: Any = self.layers.layer(MOVED)
        if layer is not None:
            layer.data[...] = frame
            layer.refresh(thumbnail=False, extent=False, highlight=False)

    def _show(self, found: GuidedPictures) -> None:
        loop = self._loop
        if found.answer is not self._answer or loop is None:
            return
        beside = [name for name in found.pictures if name not in OVER]
        rows, columns = loop.data.shape[loop.ndim - 2 : loop.ndim]
        grid = FlowCells((rows, columns), 1, len(beside))
        pictures = {
            name: _picture(name, found, grid, beside, loop) for name in found.pictures
        }
        if loop in self._viewer.layers:
            captions = partial(_captions, found, grid, beside)
            self.layers.want(loop, pictures, captions, grid)

    def _dropped(self, name: str) -> None:
        """Uncheck a view whose layer the user has removed."""
        self.boxes[MEASURED if name == DIFFERENCE else name].setChecked(False)


def _picture(
    name: str, found: GuidedPictures, grid: FlowCells, beside: list[str], loop: Layer
) -> ShownPicture:
    looks: dict[str, Any] = {}
    settings: dict[str, Any] = {}
    if name == COLORS:
        looks = {"rgb": True, "blending": "multiplicative"}
    elif name == ARROWS:
        looks = {"edge_color": "#ffd84d", "edge_width": 1.6, "vector_style": "arrow"}
    elif name == MOVED:
        # as bright as the loop, whose layer holds the stored values
        cine = found.answer.question.loop.cine
        limits = cine.scaled(np.asarray(loop.contrast_limits))
        low, high = (float(value) for value in limits)
        settings = {"contrast_limits": (low, max(high, low + LEAST_CONTRAST))}
        looks = {"colormap": "gray"}
    elif name == MEASURED:
        looks = {"rgb": True}
    else:
        looks = {"colormap": "magma"}
        settings = {"contrast_limits": (0.0, found.full_px)}
    cells = () if name in OVER else (grid.corner(1 + beside.index(name)),)
    return ShownPicture(
        name, (found.pictures[name],), lambda sources: sources[0].copy(),
        kind="vectors" if name == ARROWS else "image",
        at=cells[0] if cells else (0, 0), appearance=looks, settings=settings,
        cells=cells, bar=name == DIFFERENCE,
    )  # fmt: skip


def _captions(found: GuidedPictures, grid: FlowCells, beside: list[str]) -> Captions:
    words = {
        MOVED: "Moved frame, synthetic",
        MEASURED: f"Measured flow, full color at {found.full_px:.1f} px",
        DIFFERENCE: f"Guided minus measured, 0 to {found.full_px:.1f} px",
    }
    above = grid.size[0] * ABOVE
    corners = [(grid.corner(1 + place), name) for place, name in enumerate(beside)]
    return tuple(
        ((row - above, column), words[name]) for (row, column), name in corners
    )
