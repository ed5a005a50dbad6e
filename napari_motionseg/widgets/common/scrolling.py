"""Scroll a dock to a row that has just appeared."""

from __future__ import annotations

from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QScrollArea, QWidget

LAID_OUT_MS = 30  # Qt lays nested rows out in several turns of the event loop


def scroll_to(row: QWidget) -> None:
    """Scroll the area around a row until the row is visible, once it is laid out.

    Parameters
    ----------
    row
        The row, which may have been shown a moment ago.
    """
    timer = QTimer(row)  # it ends with the row
    timer.setSingleShot(True)
    timer.timeout.connect(lambda: _scroll(row))
    timer.timeout.connect(timer.deleteLater)
    timer.start(LAID_OUT_MS)


def _scroll(row: QWidget) -> None:
    area = row.parentWidget()
    while area is not None and not isinstance(area, QScrollArea):
        area = area.parentWidget()
    if area is not None:
        area.ensureWidgetVisible(row)
