"""Lay out a dock: a scrolling column of titled sections with rows of settings."""

from __future__ import annotations

from collections.abc import Iterator

from napari.viewer import Viewer
from qtpy.QtCore import QEvent, QObject, QSize, Qt, QTimer
from qtpy.QtGui import QEnterEvent, QShowEvent
from qtpy.QtWidgets import (
    QFormLayout,
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from napari_motionseg.widgets.common.dock_placing import holder_of, place_dock
from napari_motionseg.widgets.common.early_imports import hold_imports
from napari_motionseg.widgets.common.fold import Fold
from napari_motionseg.widgets.common.offers import withdraw_offers
from napari_motionseg.widgets.common.plain_labels import WrappedLabel, plain_label
from napari_motionseg.widgets.common.viewers import session_of, unwrapped

MARGIN, SPACING = 10, 6
LEAST_WIDTH = 320  # pixels; docks with narrow rows all get this width
MOST_WIDTH = 480  # pixels; a wider column gets a horizontal scroll bar
QUIET = "color: #8a8d93;"  # gray text of explanations, readable in both themes
# napari's style gives disabled buttons a border of 1 px and the padding of the others:
# rows would move as a button is enabled
SAME_HEIGHT = "QPushButton:disabled { padding: 3px; }"


class Dock(QScrollArea):
    """A scrolling column of sections that share a viewer and a session.

    This class does not deal with projects. Docks derive from `AutosavedDock`, which
    adds the autosave.

    Parameters
    ----------
    napari_viewer
        The viewer that the dock belongs to. napari passes it by this name.
    """

    def __init__(self, napari_viewer: Viewer) -> None:
        hold_imports()
        super().__init__()
        self.viewer = unwrapped(napari_viewer)
        self.session = session_of(self.viewer)
        self._forms: list[QFormLayout] = []
        self.folds: list[Fold] = []
        content = QWidget()
        content.setStyleSheet(SAME_HEIGHT)
        self._column = QVBoxLayout(content)
        self._column.setContentsMargins(MARGIN, MARGIN, MARGIN, MARGIN)
        self._column.setSpacing(SPACING)
        self._column.setAlignment(Qt.AlignmentFlag.AlignTop)
        self.setWidget(content)
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self._placing = QTimer(self)
        self._placing.setSingleShot(True)
        self._placing.timeout.connect(self.place)
        self._placed = False
        content.installEventFilter(self)
        self._ask_for_width()

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
        """Add a form that is hidden until the user opens it, and return the form.

        Parameters
        ----------
        tooltip
            Text that says what the rows of the form are for.
        title
            Text of the button that opens the form.
        """
        form, fold = self._new_form(), Fold(title, tooltip)
        fold.add_form(form)
        self.folds.append(fold)
        self._column.addWidget(fold)
        return form

    def _new_form(self) -> QFormLayout:
        form = QFormLayout()
        form.setSpacing(SPACING)
        form.setLabelAlignment(Qt.AlignmentFlag.AlignLeft)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        self._forms.append(form)
        return form

    def enterEvent(self, event: QEnterEvent | None) -> None:  # noqa: N802 - Qt's name
        """Start the standby process again, if it has ended because it was not used."""
        super().enterEvent(event)
        self.session.expect_job()

    def showEvent(self, event: QShowEvent | None) -> None:  # noqa: N802 - Qt's name
        """Give the labels of all sections the same width, so that fields line up."""
        labels = [label for form in self._forms for label in _labels_of(form)]
        width = max((label.sizeHint().width() for label in labels), default=0)
        for label in labels:
            label.setMinimumWidth(width)
        super().showEvent(event)

    def add(self, widget: QWidget) -> None:
        """Add a widget that takes the whole width of the column."""
        self._column.addWidget(widget)

    def event(self, event: QEvent | None) -> bool:
        """Place the dock in the window after napari has given it a parent."""
        if event is not None and event.type() == QEvent.Type.ParentChange:
            self._placing.start(0)  # napari is about to add the dock to the window
        return bool(super().event(event))

    def eventFilter(  # noqa: N802 - Qt's name
        self, watched: QObject | None, event: QEvent | None
    ) -> bool:
        """Update the minimum width when the rows have changed."""
        if event is not None and event.type() == QEvent.Type.LayoutRequest:
            self._ask_for_width()
        return bool(super().eventFilter(watched, event))

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Return the preferred size of the dock."""
        return QSize(max(self.minimumWidth(), LEAST_WIDTH), super().sizeHint().height())

    def _ask_for_width(self) -> None:
        """Set the minimum width to that of the widest row, so that none is cut off."""
        content, bar = self.widget(), self.verticalScrollBar()
        if content is None or bar is None:
            return
        needed = content.minimumSizeHint().width() + bar.sizeHint().width()
        self.setMinimumWidth(min(max(LEAST_WIDTH, needed), MOST_WIDTH))

    def place(self) -> None:
        """Place the dock in the window as a tab beside the other docks, only once."""
        if not self._placed and holder_of(self) is not None:
            self._placed = True  # do not move it again after the user has moved it
            place_dock(self, Dock)
            withdraw_offers(self.viewer)
            self._placed_in_window()

    def _placed_in_window(self) -> None:
        """Do nothing; a derived dock overrides this to act once it is placed."""


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


def button_row(*widgets: QWidget) -> QWidget:
    """Return a row of widgets of equal width."""
    row = QWidget()
    layout = QHBoxLayout(row)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(SPACING)
    for widget in widgets:
        layout.addWidget(widget, 1)
    return row


def hint(text: str) -> QLabel:
    """Return a label with an explanation in gray."""
    label = WrappedLabel(text)
    label.setStyleSheet(QUIET)
    return label
