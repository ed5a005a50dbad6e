"""Bring a dock behind other tabs to the front, where napari would close it.

napari's menu closes a dock that is open. A dock behind other tabs is open, too, but a
user who chooses it there wants to see it.
"""

from __future__ import annotations

from qtpy.QtCore import QEvent, QObject, Qt, QTimer
from qtpy.QtWidgets import QDockWidget, QTabBar, QWidget

NARROW = "QTabBar::tab { padding: 3px; }"


class FrontTab(QObject):
    """Show a dock widget in front whenever it is chosen and was not in front.

    Parameters
    ----------
    holder
        The dock widget, which owns this object.
    """

    def __init__(self, holder: QDockWidget) -> None:
        super().__init__(holder)
        self._holder = holder
        self._behind = False
        self._turn = QTimer(self)
        self._turn.setSingleShot(True)
        self._turn.timeout.connect(self._raise)
        holder.visibilityChanged.connect(self._seen)
        holder.installEventFilter(self)
        self._turn.start(0)  # when the dock is among the tabs

    def _seen(self, visible: bool) -> None:
        if not self._holder.isHidden():
            self._behind = not visible

    def eventFilter(  # noqa: N802 - Qt's name
        self, watched: QObject | None, event: QEvent | None
    ) -> bool:
        """Notice that the dock is shown, or hidden while it is behind others."""
        kind = None if event is None else event.type()
        shown = kind == QEvent.Type.ShowToParent
        if shown or (kind == QEvent.Type.HideToParent and self._behind):
            self._turn.start(0)
        elif kind == QEvent.Type.HideToParent:
            self._turn.stop()
        return False

    def _raise(self) -> None:
        window = self._holder.parentWidget()
        if window is not None and window.isVisible():
            self._holder.show()
            self._holder.raise_()
            show_whole_titles(window)


def show_whole_titles(window: QWidget) -> None:
    """Write the titles of tabs out; where they do not fit, the tabs can be scrolled.

    The tabs get less padding than napari gives them, so that those of all docks fit
    side by side into a column of usual width.

    Parameters
    ----------
    window
        The main window, whose dock widgets have the tabs.
    """
    direct = Qt.FindChildOption.FindDirectChildrenOnly
    for bar in window.findChildren(QTabBar, options=direct):
        bar.setUsesScrollButtons(True)
        bar.setElideMode(Qt.TextElideMode.ElideNone)
        if bar.styleSheet() != NARROW:  # setting a style sheet is slow
            bar.setStyleSheet(NARROW)
