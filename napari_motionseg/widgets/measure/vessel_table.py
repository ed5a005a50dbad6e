"""Show the lesions of all measured vessels as a table; a click shows a vessel."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QSizePolicy,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from napari_motionseg.measurement.loop_vessel import LesionRow

HEADS = ("Vessel", "Frame", "MLD\n{}", "RVD\n{}", "DS\n%", "Length\n{}")
TIPS = (
    "Number of the vessel",
    "Frame in which it was measured, from 0",
    "Smallest diameter of the lesion, or of the vessel if it has none",
    "Reference diameter at the same place",
    "Diameter stenosis: how far the smallest diameter is below the reference",
    "Length of the lesion",
)
LEAST_ROW_PX = 20
LAST_COLUMN_PX = 50
MOST_ROWS = 6  # that are shown without a scroll bar


class VesselTable(QWidget):
    """A row for each lesion, and for each vessel without one.

    Signals
    -------
    chosen
        Emitted with the number of the vessel that the user has clicked.
    """

    chosen = Signal(int)

    def __init__(self) -> None:
        super().__init__()
        self.table = QTableWidget(0, len(HEADS))
        self._name_columns("mm")
        self.table.setWordWrap(False)
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.table.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        if (side := self.table.verticalHeader()) is not None:
            side.hide()
        if (top := self.table.horizontalHeader()) is not None:
            top.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
            # The last column is never narrower than this, whatever it contains
            top.setDefaultSectionSize(LAST_COLUMN_PX)
            top.setStretchLastSection(True)
            top.setMinimumSectionSize(20)
        self.table.cellClicked.connect(self._clicked)
        self._numbers: list[int] = []
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.table)

    def show_rows(self, rows: Sequence[LesionRow], current: int) -> None:
        """Fill the table.

        Parameters
        ----------
        rows
            Lesions of all vessels; none hides the table.
        current
            Number of the vessel that is edited; its first row is marked.
        """
        self.setVisible(bool(rows))
        self._numbers = [row.vessel for row in rows]
        if rows:
            self._name_columns(rows[0].unit)
        self.table.setRowCount(len(rows))
        for line, row in enumerate(rows):
            for column, text in enumerate(_texts(row)):
                item = QTableWidgetItem(text)
                item.setTextAlignment(Qt.AlignmentFlag.AlignCenter)
                self.table.setItem(line, column, item)
        if current in self._numbers:
            self.table.selectRow(self._numbers.index(current))
        else:
            self.table.clearSelection()
        self._fit()

    def _name_columns(self, unit: str) -> None:
        for column, name in enumerate(HEADS):
            head = self.table.horizontalHeaderItem(column)
            if head is None:
                head = QTableWidgetItem()
                head.setToolTip(TIPS[column])
                self.table.setHorizontalHeaderItem(column, head)
            head.setText(name.format(unit))

    def _fit(self) -> None:
        """Show all rows, up to a limit, without empty room below."""
        top = self.table.horizontalHeader()
        height = 2 if top is None else top.sizeHint().height() + 2
        for line in range(min(self.table.rowCount(), MOST_ROWS)):
            height += max(self.table.rowHeight(line), LEAST_ROW_PX)
        self.table.setFixedHeight(height)

    def _clicked(self, line: int, _: int) -> None:
        if line < len(self._numbers):
            self.chosen.emit(self._numbers[line])


def _texts(row: LesionRow) -> tuple[str, ...]:
    length = "-" if row.length is None else f"{row.length:.1f}"
    return (
        str(row.vessel),
        str(row.frame),
        f"{row.mld:.2f}",
        f"{row.rvd:.2f}",
        f"{row.percent_diameter_stenosis:.0f}",
        length,
    )
