"""Offer the next step in a notification with buttons, and take the offer back.

napari shows a notification with buttons until the user closes it. It covers the lower
part of the picture, so it must go when its offer is no longer needed.
"""

from __future__ import annotations

from napari.utils.notifications import Notification
from napari.viewer import Viewer
from qtpy.QtWidgets import QDialog, QLabel, QWidget

TITLE = "MotionSeg"  # of the plugin in menus and notifications
SOURCE = "source_label"  # name of napari's label in a notification


class Offer(Notification):  # type: ignore[misc] # napari brings no types
    """A notification with buttons, which names the plugin as its source."""

    @property
    def source(self) -> str:
        """The text that napari shows beside the buttons."""
        return TITLE


def withdraw_offers(viewer: Viewer) -> None:
    """Close the offers that a viewer shows."""
    window: QWidget = viewer.window._qt_window
    for label in window.findChildren(QLabel, SOURCE):
        if not label.text().endswith(TITLE):
            continue
        parent = label.parentWidget()
        while parent is not None and not isinstance(parent, QDialog):
            parent = parent.parentWidget()
        if parent is not None:
            parent.close()
