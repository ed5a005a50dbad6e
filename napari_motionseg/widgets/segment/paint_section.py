"""Painting: the loop, its labels layer, its classes, and what is not painted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari.layers import Labels, Layer
from qtpy.QtCore import QObject, QTimer, Signal
from qtpy.QtGui import QColor, QIcon, QPixmap
from qtpy.QtWidgets import QComboBox, QGridLayout, QInputDialog, QPushButton, QWidget

from napari_motionseg.viewmodel.layer_arrays import CLASSES
from napari_motionseg.widgets.common.choosers import LayerChooser
from napari_motionseg.widgets.common.dock_layout import Dock, button, hint
from napari_motionseg.widgets.common.viewers import is_loop, is_painting
from napari_motionseg.widgets.segment.classes import (
    UNPAINTED,
    add_class,
    colour_of,
    names_of,
    new_painting,
    painting_of,
)
from napari_motionseg.widgets.segment.painted_labels import MODES

if TYPE_CHECKING:
    from napari_motionseg.widgets.segment.dock import SegmentDock

COLUMNS = 2
SWATCH_PX = 12


class PaintSection(QObject):
    """Chooses what is painted on, and the brush.

    Signals
    -------
    changed
        Another loop, labels layer, set of classes, or meaning of what is not painted.
    brush_taken
        A class is going to be painted.
    """

    changed = Signal()
    brush_taken = Signal()

    def __init__(self, dock: SegmentDock) -> None:
        super().__init__(dock)
        self._dock = dock
        self.viewer = dock.viewer
        self.image = LayerChooser(self.viewer, is_loop, "The loop to segment")
        self.painting = LayerChooser(
            self.viewer, is_painting, "The labels layer that you paint on"
        )
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
        self._build(dock)
        # several loops may come at once: the last one is painted on
        self._arrival = QTimer(self)
        self._arrival.setSingleShot(True)
        self._arrival.timeout.connect(self.match)
        self.image.layer_changed.connect(self._other_loop)
        self.painting.layer_changed.connect(lambda _: self._refresh())
        self.mode.currentIndexChanged.connect(lambda _: self._refresh())
        self._arrival.start(0)
        self._refresh()

    def _build(self, dock: Dock) -> None:
        form = self.form = dock.section("1  Paint")
        form.addRow("Loop", self.image)
        form.addRow("Labels", self.painting)
        form.addRow("Brush", self._palette)
        form.addRow("", self.add_button)
        form.addRow("Painted", self.mode)
        form.addRow(self.meaning)

    @property
    def label_mode(self) -> str:
        """``"dense"`` or ``"scribbles"``."""
        return MODES[self.mode.currentText()]

    @property
    def names(self) -> list[str]:
        """Names of the classes, the background first."""
        layer = self.painting.layer
        return [] if layer is None else names_of(layer)

    def _other_loop(self, loop: Layer | None) -> None:
        if loop is None:
            self.changed.emit()
        else:
            self._arrival.start(0)

    def match(self) -> Labels | None:
        """Choose the labels layer of the loop; make one where there is none."""
        loop = self.image.layer
        if loop is None:
            return None
        painting = painting_of(self.viewer, loop)
        if painting is None:
            painting = new_painting(self.viewer, loop)
        self.painting.choose(painting)
        self._refresh()
        return painting

    def take_brush(self, number: int) -> None:
        """Make the brush paint class `number`, 0 = background."""
        layer = self.painting.layer
        if layer is None:
            layer = self.match()
        if layer is None or number >= len(names_of(layer)):
            return
        first = 1 if CLASSES in layer.metadata or self.label_mode != "dense" else 0
        self.viewer.layers.selection.active = layer
        layer.visible = True
        layer.selected_label = number + first
        layer.mode = "paint"
        self.brush_taken.emit()

    def _ask_class(self) -> None:
        name, given = QInputDialog.getText(
            self._dock, "Add a class", "What shall it be called?", text="catheter"
        )
        if given and name.strip():
            self.add_class(name.strip())

    def add_class(self, name: str) -> None:
        """Add a class and take its brush."""
        layer = self.painting.layer or self.match()
        if layer is None:
            return
        number = add_class(layer, name)
        self._refresh()
        self.take_brush(number)

    def _refresh(self) -> None:
        self.meaning.setText(UNPAINTED[self.label_mode])
        shown = [brush.text() for brush in self.brushes]
        if shown != [name.capitalize() for name in self.names]:
            self._fill_palette(self.painting.layer)
        self.add_button.setEnabled(self.painting.layer is not None)
        self.changed.emit()

    def _fill_palette(self, layer: Layer | None) -> None:
        for brush in self.brushes:
            brush.deleteLater()
        self.brushes = []
        for number, name in enumerate([] if layer is None else names_of(layer)):
            brush = button(name.capitalize(), f"Paint {name} (Alt+{number + 1})")
            swatch = QPixmap(SWATCH_PX, SWATCH_PX)
            swatch.fill(QColor(colour_of(number)))
            brush.setIcon(QIcon(swatch))
            brush.clicked.connect(lambda _, n=number: self.take_brush(n))
            self._grid.addWidget(brush, number // COLUMNS, number % COLUMNS)
            self.brushes.append(brush)
