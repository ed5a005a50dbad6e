"""The palette of the Segment dock: brushes of the classes, eraser, and their size."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from qtpy.QtCore import Qt
from qtpy.QtGui import QColor, QIcon, QPixmap
from qtpy.QtWidgets import (
    QGridLayout,
    QHBoxLayout,
    QPushButton,
    QSlider,
    QVBoxLayout,
    QWidget,
)

from napari_motionseg.viewmodel.brush import LARGEST, SMALLEST, Tool, brush_place
from napari_motionseg.viewmodel.class_colors import color_of
from napari_motionseg.viewmodel.segment_state import SegmentState
from napari_motionseg.widgets.common.accents import ACCENT, border_when_checked
from napari_motionseg.widgets.common.dock_layout import button
from napari_motionseg.widgets.common.plain_labels import plain_label
from napari_motionseg.widgets.segment.shortcuts import brush_key, key_words

COLUMNS = 3
SWATCH_PX = 12
SPACING = 4
ADD_PADDING_PX = 20


class Palette(QWidget):
    """Buttons of the tools, of which at most one is pressed.

    Pressing the selected tool again deselects it.

    Parameters
    ----------
    state
        The state of the dock, whose brush the palette shows and changes.
    take_brush
        Function that is called with the number of a class when its brush is pressed.
    ask_class
        Function that is called when the user wants another class.
    """

    def __init__(
        self,
        state: SegmentState,
        take_brush: Callable[[int], None],
        ask_class: Callable[[], None],
    ) -> None:
        super().__init__()
        self._state = state
        self._take_brush = take_brush
        self.brushes: list[QPushButton] = []
        self.add_button = button("+", "Add a class…, such as a stent")
        width = self.fontMetrics().horizontalAdvance("+") + ADD_PADDING_PX
        self.add_button.setFixedWidth(width)
        border_when_checked(self.add_button, ACCENT)  # the height of the brushes
        self.add_button.clicked.connect(ask_class)
        self._build()
        state.events.names.connect(self._fill)
        state.brush.events.connect(self._show)
        self._fill()

    def _build(self) -> None:
        self.eraser = self._tool(
            "Eraser",
            "Erase paint; in the masks, take away what is no vessel",
            "erase",
        )
        self.island = self._tool(
            "Remove island",
            f"Click a connected part of the masks to remove it ({key_words('island')})",
            "island",
        )
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setRange(SMALLEST, LARGEST)
        self.slider.setToolTip(
            "Size of brush and eraser ([ and ], or Alt and the mouse)"
        )
        self.pixels = plain_label("")
        self.pixels.setMinimumWidth(self.fontMetrics().horizontalAdvance("60 px "))
        self.slider.valueChanged.connect(self._resize)
        self._grid = QGridLayout()
        tools = QHBoxLayout()
        for widget in (self.eraser, self.island, self.slider, self.pixels):
            tools.addWidget(widget)
        column = QVBoxLayout(self)
        for layout in (self._grid, tools, column):
            layout.setContentsMargins(0, 0, 0, 0)
            layout.setSpacing(SPACING)
        column.addLayout(self._grid)
        column.addLayout(tools)

    def _tool(self, text: str, tooltip: str, tool: Tool) -> QPushButton:
        made = button(text, tooltip)
        made.setCheckable(True)
        border_when_checked(made, ACCENT)
        made.clicked.connect(partial(self._take_tool, tool))
        return made

    def _take_tool(self, tool: Tool, pressed: bool) -> None:
        self._state.brush.tool = tool if pressed else None
        if pressed:
            self._state.take_up_preview()
        self._show()

    def _press_brush(self, number: int, pressed: bool) -> None:
        if pressed:
            self._take_brush(number)
        else:
            self._state.brush.tool = None
        self._show()

    def _resize(self, size: int) -> None:
        self._state.brush.resize(size)

    def _show(self) -> None:
        """Show the selected tool and its size."""
        brush = self._state.brush
        for number, made in enumerate(self.brushes):
            made.setChecked(brush.paints(number))
        self.eraser.setChecked(brush.tool == "erase")
        self.island.setChecked(brush.tool == "island")
        self.slider.setValue(brush.size)
        self.pixels.setText(f"{brush.size} px")

    def _fill(self) -> None:
        """Show a brush for each class, the background after the first one."""
        for made in self.brushes:
            made.deleteLater()
        self.brushes = [
            self._brush(n, name) for n, name in enumerate(self._state.names)
        ]
        for number, made in enumerate(self.brushes):
            place = brush_place(number)
            self._grid.addWidget(made, place // COLUMNS, place % COLUMNS)
        self._grid.addWidget(self.add_button, 0, COLUMNS)
        self._show()

    def _brush(self, number: int, name: str) -> QPushButton:
        made = button(name.capitalize(), f"Paint {name} ({brush_key(number)})")
        made.setCheckable(True)
        border_when_checked(made, color_of(number))
        swatch = QPixmap(SWATCH_PX, SWATCH_PX)
        swatch.fill(QColor(color_of(number)))
        made.setIcon(QIcon(swatch))
        made.clicked.connect(partial(self._press_brush, number))
        return made
