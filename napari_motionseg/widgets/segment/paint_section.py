"""The section *Paint*: the loop, its labels layer, its classes and the brush."""

from __future__ import annotations

from napari.layers import Labels, Layer
from napari.viewer import Viewer
from qtpy.QtCore import QObject, QTimer
from qtpy.QtGui import QColor, QIcon, QPixmap
from qtpy.QtWidgets import (
    QComboBox,
    QFormLayout,
    QGridLayout,
    QInputDialog,
    QPushButton,
    QWidget,
)

from napari_motionseg.viewmodel.class_colors import color_of
from napari_motionseg.viewmodel.segment_state import SegmentState
from napari_motionseg.widgets.common.choosers import LayerChooser, LoopChooser
from napari_motionseg.widgets.common.dock_layout import button, hint
from napari_motionseg.widgets.common.painted_labels import MODES
from napari_motionseg.widgets.common.project_layers import lies_on
from napari_motionseg.widgets.common.viewers import is_painting
from napari_motionseg.widgets.segment.label_layers import (
    add_class,
    new_painting,
    painting_of,
)

COLUMNS = 2
SWATCH_PX = 12
FIRST_STROKE = "new, with the first brush"
UNPAINTED = {
    "dense": "What is not painted on a painted frame is background: paint all of the "
    "vessel.",
    "scribbles": "What is not painted is not known: a few strokes of each class are "
    "enough.",
}


class PaintSection(QObject):
    """Chooses the loop, the labels layer and the brush.

    Parameters
    ----------
    form
        The form that the rows are added to.
    state
        The state of the dock.
    viewer
        The viewer.
    """

    def __init__(self, form: QFormLayout, state: SegmentState, viewer: Viewer) -> None:
        super().__init__(form)
        self._state = state
        self._viewer = viewer
        self.image = LoopChooser(viewer, "The loop to segment")
        self.painting = LayerChooser(
            viewer, self._fits, "The labels layer that you paint on", FIRST_STROKE,
            only_by_hand=True,
        )  # fmt: skip
        self.mode = QComboBox()
        self.mode.addItems(MODES)
        self.mode.setCurrentText("Scribbles")
        self.mode.setToolTip("What an unpainted pixel means")
        self.meaning = hint("")
        self.brushes: list[QPushButton] = []
        self._palette = QWidget()
        self._grid = QGridLayout(self._palette)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self.add_button = button("Add a class…", "Such as a catheter or a stent")
        self.add_button.clicked.connect(self._ask_class)
        for label, widget in (
            ("Loop", self.image), ("Labels", self.painting), ("Brush", self._palette),
            ("", self.add_button), ("Painted", self.mode),
        ):  # fmt: skip
            form.addRow(label, widget)
        form.addRow(self.meaning)
        self._connect()

    def _connect(self) -> None:
        # several loops may come at once: the last one is painted on
        self._arrival = QTimer(self)
        self._arrival.setSingleShot(True)
        self._arrival.timeout.connect(self.match)
        self.image.layer_changed.connect(self._other_loop)
        self.painting.layer_changed.connect(self._state.paint_on)
        self.mode.currentTextChanged.connect(self._other_mode)
        self._state.events.loop.connect(self._enable)
        self._state.events.names.connect(self._fill_palette)
        self._state.events.label_mode.connect(self._show_mode)
        self._other_mode(self.mode.currentText())
        self._state.paint_on(self.painting.layer)
        self._other_loop(self.image.layer)
        self._enable()

    def _other_loop(self, loop: Layer | None) -> None:
        if loop is not None:  # labels of another loop are not previewed on this one
            self._state.painting = None
            self._arrival.start(0)
        self._state.loop = loop

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

    def _fits(self, layer: Layer) -> bool:
        loop = self.image.layer
        return is_painting(layer) and loop is not None and lies_on(layer, loop)

    def painting_for_strokes(self) -> Labels | None:
        """Return the labels layer of the loop, which is made with the first brush."""
        loop = self.image.layer
        if self._state.painting is not None or loop is None:
            return self._state.painting
        if painting_of(self._viewer, loop) is None:
            new_painting(self._viewer, loop)
        return self.match()

    def take_brush(self, number: int) -> None:
        """Make the brush paint class `number`, 0 = background."""
        layer = self.painting_for_strokes()
        if layer is None or number >= len(self._state.names):
            return
        self._viewer.layers.selection.active = layer
        layer.visible = True
        layer.selected_label = self._state.label_of(number)
        layer.mode = "paint"
        self._state.take_brush()

    def _ask_class(self) -> None:
        name, given = QInputDialog.getText(
            self.add_button, "Add a class", "What shall it be called?", text="catheter"
        )
        if given and name.strip():
            self.add_class(name.strip())

    def add_class(self, name: str) -> None:
        """Add a class and take its brush."""
        layer = self.painting_for_strokes()
        if layer is None:
            return
        number = add_class(layer, name)
        self._state.refresh_names()
        self.take_brush(number)

    def _show_mode(self, mode: str) -> None:
        self.mode.setCurrentText(next(x for x, known in MODES.items() if known == mode))

    def _other_mode(self, text: str) -> None:
        self._state.label_mode = MODES[text]
        self.meaning.setText(UNPAINTED[MODES[text]])

    def _enable(self) -> None:
        for widget in (self.add_button, self._palette):
            widget.setEnabled(self._state.loop is not None)

    def _fill_palette(self) -> None:
        for brush in self.brushes:
            brush.deleteLater()
        self.brushes = []
        for number, name in enumerate(self._state.names):
            brush = button(name.capitalize(), f"Paint {name} (Alt+{number + 1})")
            swatch = QPixmap(SWATCH_PX, SWATCH_PX)
            swatch.fill(QColor(color_of(number)))
            brush.setIcon(QIcon(swatch))
            brush.clicked.connect(lambda _, n=number: self.take_brush(n))
            self._grid.addWidget(brush, number // COLUMNS, number % COLUMNS)
            self.brushes.append(brush)
