"""Open the docks of the plugin in a window, as napari's own menu does.

The docks are found through the plugin's manifest, so that this module, which all docks
share, imports none of them.
"""

from __future__ import annotations

from typing import Any

from napari.viewer import Viewer
from npe2 import PluginManager
from qtpy.QtCore import QEvent, QTimer
from qtpy.QtWidgets import QWidget

from napari_motionseg.widgets.common.dock_layout import Dock
from napari_motionseg.widgets.common.dock_placing import bring_to_front, holder_of
from napari_motionseg.widgets.common.offers import TITLE
from napari_motionseg.widgets.common.viewers import unwrapped

PLUGIN = "napari-motionseg"
DOCKS = ("Cine", "Motion", "Embedding", "Measure", "Guide", "Project", "Segment")


def open_dock(viewer: Viewer, name: str) -> Any:
    """Open a dock, or bring it to the front if it is open; return the dock.

    Parameters
    ----------
    viewer
        The viewer that gets the dock.
    name
        Name of the dock in the manifest, such as ``"Segment"``.
    """
    viewer = unwrapped(viewer)
    # the name that the menu uses, so that the menu finds this dock
    full_name = f"{name} ({TITLE})"
    dock = docks_of(viewer).get(full_name)
    if dock is None:
        make = PluginManager.instance().commands.get(f"{PLUGIN}.{name.lower()}")
        dock = make(napari_viewer=viewer)
        viewer.window.add_dock_widget(dock, name=full_name)
        # place it now; later it would cover docks that were opened after it
        dock.place()
    bring_to_front(dock)
    return dock


def open_docks(viewer: Viewer) -> dict[str, Any]:
    """Open all docks as tabs, the Segment dock in front; return them by name."""
    docks = {name: open_dock(viewer, name) for name in DOCKS}
    bring_to_front(docks[DOCKS[-1]])
    return docks


def docks_of(viewer: Viewer) -> dict[str, Any]:
    """Return the docks of the plugin in the window, by their full names."""
    window = unwrapped(viewer).window
    docks = getattr(window, "dock_widgets", None)
    if docks is None:  # before napari 0.6.2
        holders = window._dock_widgets
        docks = {name: holder.inner_widget() for name, holder in holders.items()}
    return {name: dock for name, dock in docks.items() if isinstance(dock, Dock)}


class OpenAll(QWidget):
    """Widget that opens all docks and removes itself.

    It is a widget because napari's menu *Plugins* can only offer widgets of a plugin.

    Parameters
    ----------
    napari_viewer
        The viewer; napari passes it by this name.
    """

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__()
        self._viewer = unwrapped(napari_viewer)
        self._turn = QTimer(self)
        self._turn.setSingleShot(True)
        self._turn.timeout.connect(self._open)

    def event(self, event: QEvent | None) -> bool:
        """Open the docks as soon as napari has put this widget into the window."""
        if event is not None and event.type() == QEvent.Type.ParentChange:
            self._turn.start(0)
        return bool(super().event(event))

    def _open(self) -> None:
        holder = holder_of(self)
        if holder is not None:
            self._viewer.window.remove_dock_widget(holder)
            open_docks(self._viewer)
            self.deleteLater()
