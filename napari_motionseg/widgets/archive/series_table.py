"""List the series that an archive has found."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QTreeWidget, QTreeWidgetItem

from napari_motionseg.io.archive_search import FoundSeries
from napari_motionseg.text import printable

COLUMNS = ("Date", "Type", "Loops", "Description", "Patient")
HEIGHT = 190  # pixels: seven rows
SERIES = Qt.ItemDataRole.UserRole


class SeriesTable(QTreeWidget):
    """A table of series, of which several can be chosen."""

    def __init__(self) -> None:
        super().__init__()
        self.setHeaderLabels(COLUMNS)
        self.setRootIsDecorated(False)
        self.setUniformRowHeights(True)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setFixedHeight(HEIGHT)
        self.setToolTip("Series of the archive; choose one or several, then Open")
        header = self.header()
        if header is not None:
            header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)

    def fill(self, found: Sequence[FoundSeries]) -> None:
        """Show series, and choose the first one."""
        self.clear()
        for series in found:
            item = QTreeWidgetItem([printable(text) for text in _cells(series)])
            item.setData(0, SERIES, series)
            item.setToolTip(3, printable(series.description))
            self.addTopLevelItem(item)
        first = self.topLevelItem(0)
        if first is not None:
            self.setCurrentItem(first)

    @property
    def chosen(self) -> list[FoundSeries]:
        """The chosen series, from top to bottom."""
        items = (self.topLevelItem(k) for k in range(self.topLevelItemCount()))
        return [x.data(0, SERIES) for x in items if x is not None and x.isSelected()]


def _cells(series: FoundSeries) -> tuple[str, ...]:
    day = series.date
    if len(day) == 8:
        day = f"{day[:4]}-{day[4:6]}-{day[6:]}"
    count = "?" if series.instances is None else str(series.instances)
    patient = " ".join(
        part for part in (series.patient_id, series.patient_name) if part
    )
    return day, series.modality, count, series.description, patient
