"""Lay out a dock: one column that scrolls, titled sections, rows of settings."""

from __future__ import annotations

from collections.abc import Iterator

from napari.viewer import Viewer
from qtpy.QtCore import Qt
from qtpy.QtGui import QShowEvent
from qtpy.QtWidgets import (
    QFormLayout,
    QFrame,
    QLabel,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from napari_motionseg.widgets.common.fold import Fold
from napari_motionseg.widgets.common.plain_labels import plain_label
from napari_motionseg.widgets.common.viewers import session_of, unwrapped

MARGIN, SPACING = 10, 8
LEAST_WIDTH = 320


class Dock(QScrollArea):
    """A column of sections, with the viewer and the session that its sections share.

    The layout knows no project: docks derive from `AutosavedDock`, which adds it.

    Parameters
    ----------
    napari_viewer
        The viewer that the dock belongs to; napari passes it by this name.
    """

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__()
        self.viewer = unwrapped(napari_viewer)
        self.session = session_of(self.viewer)
        self._forms: list[QFormLayout] = []
        self.folds: list[Fold] = []
        content = QWidget()
        self._column = QVBoxLayout(content)
        self._column.setContentsMargins(MARGIN, MARGIN, MARGIN, MARGIN)
        self._column.setSpacing(SPACING)
        self._column.setAlignment(Qt.AlignmentFlag.AlignTop)
        self.setWidget(content)
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setMinimumWidth(LEAST_WIDTH)

    def section(self, title: str) -> QFormLayout:
        """Add a titled form and return it."""
        heading = plain_label(title)
        font = heading.font()
        font.setBold(True)
        heading.setFont(font)
        form = self._new_form()
        self._column.addWidget(heading)
        self._column.addLayout(form)
        return form

    def advanced(self, tooltip: str, title: str = "Advanced") -> QFormLayout:
        """Add a form that is folded away until the user opens it, and return it.

        Parameters
        ----------
        tooltip
            What the rows are for.
        title
            The text beside the arrow.
        """
        form, fold = self._new_form(), Fold(title, tooltip)
        fold.add_form(form)
        self.folds.append(fold)
        self._column.addWidget(fold)
        return form

    def _new_form(self) -> QFormLayout:
        form = QFormLayout()
        form.setSpacing(SPACING - 2)
        form.setLabelAlignment(Qt.AlignmentFlag.AlignLeft)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        self._forms.append(form)
        return form

    def showEvent(self, event: QShowEvent | None) -> None:  # noqa: N802 - Qt's name
        """Bring the labels of all sections to one width, so that fields line up."""
        labels = [label for form in self._forms for label in _labels_of(form)]
        width = max((label.sizeHint().width() for label in labels), default=0)
        for label in labels:
            label.setMinimumWidth(width)
        super().showEvent(event)

    def add(self, widget: QWidget) -> None:
        """Add a widget over the whole width."""
        self._column.addWidget(widget)


def _labels_of(form: QFormLayout) -> Iterator[QWidget]:
    """Yield the labels at the left of a form's rows."""
    for row in range(form.rowCount()):
        cell = form.itemAt(row, QFormLayout.ItemRole.LabelRole)
        label = None if cell is None else cell.widget()
        if label is not None:
            yield label


def button(text: str, tooltip: str) -> QPushButton:
    """Return a push button with a tooltip."""
    made = QPushButton(text)
    made.setToolTip(tooltip)
    return made


def hint(text: str) -> QLabel:
    """Return a line of quiet explanation."""
    label = plain_label(text)
    label.setWordWrap(True)
    label.setStyleSheet("color: #8a8d93;")
    return label
