"""The section *Paint*: the loop, its labels layer, its classes and the brush."""

from __future__ import annotations

from typing import Any

from napari.layers import Labels, Layer
from napari.viewer import Viewer
from qtpy.QtCore import QObject, QTimer
from qtpy.QtWidgets import QComboBox, QFormLayout, QInputDialog, QPushButton

from napari_motionseg.viewmodel.segment_state import SegmentState
from napari_motionseg.widgets.common.choosers import LayerChooser, LoopChooser
from napari_motionseg.widgets.common.listening import listen
from napari_motionseg.widgets.common.painted_labels import MODES
from napari_motionseg.widgets.common.project_layers import lies_on
from napari_motionseg.widgets.common.viewers import is_painting
from napari_motionseg.widgets.segment.brush_tools import BrushTools
from napari_motionseg.widgets.segment.label_layers import (
    add_class,
    new_painting,
    painting_of,
)
from napari_motionseg.widgets.segment.palette import Palette

FIRST_STROKE = "new, with the first brush"
UNPAINTED = {
    "dense": "Pixels that are not painted are background on frames with paint: paint "
    "all of the vessel",
    "scribbles": "Pixels that are not painted are not known: a few strokes of each "
    "class are enough",
}


class PaintSection(QObject):
    """Section in which the user chooses the loop, the labels layer and the brush.

    Parameters
    ----------
    form
        The form that the rows are added to.
    advanced
        The form of rows that are seldom needed.
    state
        The state of the dock.
    viewer
        The viewer.
    """

    def __init__(
        self,
        form: QFormLayout,
        advanced: QFormLayout,
        state: SegmentState,
        viewer: Viewer,
    ) -> None:
        super().__init__(form)
        self._state = state
        self._viewer = viewer
        self.image = LoopChooser(viewer, "The loop to segment")
        self.painting = LayerChooser(
            viewer, self._fits, "The labels layer that you paint on", FIRST_STROKE,
            only_by_hand=True,
        )  # fmt: skip
        self.tools = BrushTools(self, state, viewer)
        self.palette = Palette(state, self.take_brush, self._ask_class)
        self.mode = QComboBox()
        self.mode.addItems(MODES)
        self.mode.setCurrentText("Scribbles")
        form.addRow("Loop", self.image)
        form.addRow(self.palette)
        advanced.addRow("Labels", self.painting)
        advanced.addRow("Painted", self.mode)
        self._connect()

    @property
    def brushes(self) -> list[QPushButton]:
        """The buttons of the brushes, by the number of their class."""
        return self.palette.brushes

    def _connect(self) -> None:
        # wait, because several loops may be added at once; the last one is chosen
        self._arrival = QTimer(self)
        self._arrival.setSingleShot(True)
        self._arrival.timeout.connect(self.match)
        self.image.layer_changed.connect(self._other_loop)
        self.painting.layer_changed.connect(self._state.paint_on)
        self.mode.currentTextChanged.connect(self._other_mode)
        self._state.events.loop.connect(self._enable)
        self._state.events.label_mode.connect(self._show_mode)
        self._state.labels_wanted.connect(self.painting_for_strokes)
        listen(self, self._viewer.layers.events.inserted, self._arrived)
        self._other_mode(self.mode.currentText())
        self._state.paint_on(self.painting.layer)
        self._other_loop(self.image.layer)
        self._enable()

    def _fits(self, layer: Layer) -> bool:
        loop = self.image.layer
        return is_painting(layer) and loop is not None and lies_on(layer, loop)

    def _other_loop(self, loop: Layer | None) -> None:
        # so that labels of the previous loop are not previewed on this one
        if loop is not None:
            self._state.paint_on(None)
            self._arrival.start(0)
            self._state.brush.fit(*loop.data.shape[-2:])
        self._state.loop = loop

    def _arrived(self, event: Any) -> None:
        # a project that is opened adds labels to a loop that is open already
        if self._state.painting is None and is_painting(event.value):
            self._arrival.start(0)

    def match(self) -> Labels | None:
        """Choose the labels layer of the loop, if there is one."""
        loop = self.image.layer
        painting = None if loop is None else painting_of(self._viewer, loop)
        self.painting.refresh()
        if painting is None:
            self.painting.choose_nothing()
        else:
            self.painting.choose(painting)
        self._state.paint_on(painting)
        return painting

    def painting_for_strokes(self) -> Labels | None:
        """Return the labels layer of the loop, which is made with the first brush."""
        loop = self.image.layer
        if self._state.painting is not None or loop is None:
            return self._state.painting
        if painting_of(self._viewer, loop) is None:
            new_painting(self._viewer, loop)
        return self.match()

    def take_brush(self, number: int) -> None:
        """Take the brush of class `number`, 0 = background."""
        if self.painting_for_strokes() is not None and number < len(self._state.names):
            self._state.take_brush(number)

    def _ask_class(self) -> None:
        name, given = QInputDialog.getText(
            self.palette, "Add a class", "What shall it be called?", text="stent"
        )
        if given and name.strip():
            self.add_class(name.strip())

    def add_class(self, name: str) -> None:
        """Add a class and take its brush."""
        layer = self.painting_for_strokes()
        if layer is None:
            return
        number = add_class(layer, name, self._state.label_mode)
        self._state.refresh_names()
        self.take_brush(number)

    def _show_mode(self, mode: str) -> None:
        self.mode.setCurrentText(next(x for x, known in MODES.items() if known == mode))

    def _other_mode(self, text: str) -> None:
        self._state.label_mode = MODES[text]
        self.mode.setToolTip(UNPAINTED[MODES[text]])

    def _enable(self) -> None:
        self.palette.setEnabled(self._state.loop is not None)
