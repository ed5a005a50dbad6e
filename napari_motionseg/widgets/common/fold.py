"""Provide a part of a dock that is hidden until the user opens it."""

from __future__ import annotations

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFormLayout, QToolButton, QVBoxLayout, QWidget

from napari_motionseg.widgets.common.scrolling import scroll_to

INDENT = 8  # pixels of indentation, which shows the rows that belong to the heading


class Fold(QWidget):
    """A heading with an arrow, and rows below it that a click shows or hides.

    Parameters
    ----------
    title
        Text of the heading.
    tooltip
        Explanation of the rows, which appears under the mouse.
    """

    def __init__(self, title: str, tooltip: str = "") -> None:
        super().__init__()
        self.heading = QToolButton()
        self.heading.setText(title)
        self.heading.setToolTip(tooltip)
        self.heading.setCheckable(True)
        self.heading.setAutoRaise(True)
        self.heading.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.content = QWidget()
        self._rows = QVBoxLayout(self.content)
        self._rows.setContentsMargins(INDENT, 0, 0, 0)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addWidget(self.heading)
        column.addWidget(self.content)
        self.heading.toggled.connect(self._show_rows)
        self.heading.clicked.connect(self._scroll_to_rows)
        self._show_rows(False)

    @property
    def is_open(self) -> bool:
        """Whether the rows are shown."""
        return self.heading.isChecked()

    def add_form(self, form: QFormLayout) -> None:
        """Add a form below the existing rows."""
        self._rows.addLayout(form)

    def open(self, opened: bool = True) -> None:
        """Show the rows, or hide them."""
        self.heading.setChecked(opened)

    def _scroll_to_rows(self) -> None:
        if self.is_open:
            scroll_to(self.content)

    def _show_rows(self, shown: bool) -> None:
        arrow = Qt.ArrowType.DownArrow if shown else Qt.ArrowType.RightArrow
        self.heading.setArrowType(arrow)
        self.content.setVisible(shown)
