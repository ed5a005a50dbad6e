"""The table of measured vessels."""

from napari_motionseg.measurement.loop_vessel import LesionRow
from napari_motionseg.widgets.measure.vessel_table import LAST_COLUMN_PX, VesselTable


def test_a_narrow_dock_shows_all_columns_and_rows(qtbot):
    rows = [LesionRow(n, 17, 0, 1.02, 1.95, 48.0, 72.6, 4.4, "mm") for n in (1, 2)]
    shown = VesselTable()
    qtbot.addWidget(shown)
    shown.show_rows(rows, 1)
    table = shown.table
    named = sum(table.columnWidth(column) for column in range(table.columnCount() - 1))
    frame = table.width() - table.viewport().width()
    shown.resize(named + LAST_COLUMN_PX + frame + 8, 200)
    shown.show()
    qtbot.waitExposed(shown)
    qtbot.wait(50)
    assert table.horizontalScrollBar().maximum() == 0
    assert table.verticalScrollBar().maximum() == 0
