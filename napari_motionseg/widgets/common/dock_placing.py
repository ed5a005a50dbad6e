"""Place a dock as a tab beside the other docks, wide enough and with a short title.

napari places each dock that is opened from a menu below the others, and appends the
name of the plugin in brackets. Two docks then share the height of one column.
"""

from __future__ import annotations

from functools import partial

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QDockWidget, QLabel, QMainWindow, QWidget

from napari_motionseg.widgets.common.front_tab import FrontTab

USABLE_WIDTH = 380  # pixels; wide enough for the rows of all docks
# largest share of the window's width for docks; the picture gets the rest
MOST_OF_WINDOW = 0.4


def place_dock(content: QWidget, kind: type[QWidget]) -> None:
    """Place the dock widget that holds `content`; do nothing if none holds it.

    Parameters
    ----------
    content
        Widget inside a dock widget of napari.
    kind
        Base class of the plugin's docks. Those in one area of the window share one set
        of tabs.
    """
    holder = holder_of(content)
    window = None if holder is None else holder.parentWidget()
    if holder is None or not isinstance(window, QMainWindow):
        return
    _shorten_title(holder)
    for moved in (holder.topLevelChanged, holder.dockLocationChanged):
        # napari has then made a new title bar with the long name
        moved.connect(partial(_shorten_title, holder))
    siblings = siblings_of(content, kind)
    if siblings:
        window.tabifyDockWidget(siblings[-1], holder)
        holder.show()
    holder.raise_()
    FrontTab(holder)
    least = min(USABLE_WIDTH, round(MOST_OF_WINDOW * window.width()))
    if holder.width() < least:
        window.resizeDocks([holder], [least], Qt.Orientation.Horizontal)


def holder_of(content: QWidget) -> QDockWidget | None:
    """Return the dock widget around a widget, or None."""
    parent = content.parentWidget()
    while parent is not None and not isinstance(parent, QDockWidget):
        parent = parent.parentWidget()
    return parent


def siblings_of(content: QWidget, kind: type[QWidget]) -> list[QDockWidget]:
    """Return the dock widgets that hold other docks of a kind in the same area.

    Hidden and floating docks are left out, because a tab beside them is not visible.
    """
    holder = holder_of(content)
    window = None if holder is None else holder.parentWidget()
    if holder is None or not isinstance(window, QMainWindow):
        return []
    area = window.dockWidgetArea(holder)
    return [
        other
        for other in window.findChildren(QDockWidget)
        if other is not holder
        and isinstance(other.widget(), kind)
        and not (other.isHidden() or other.isFloating())
        and window.dockWidgetArea(other) == area
    ]


def short_title(name: str) -> str:
    """Return a dock's name without the plugin's: ``Cine (MotionSeg)`` becomes Cine."""
    return name.partition(" (")[0] or name


def _shorten_title(holder: QDockWidget, _: object = None) -> None:
    name = holder.objectName()
    holder.setWindowTitle(short_title(name))
    bar = holder.titleBarWidget()
    for label in () if bar is None else bar.findChildren(QLabel):
        if label.text() == name:
            label.setText(short_title(name))


def bring_to_front(content: QWidget) -> None:
    """Show the dock widget around a widget, in front of the other tabs."""
    holder = holder_of(content)
    if holder is not None:
        holder.show()
        holder.raise_()
