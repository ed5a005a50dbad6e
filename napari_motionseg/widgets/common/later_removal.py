"""Remove layers a little later, one at a time, so that the window reacts in between.

napari collects garbage whenever a layer is removed, which takes some hundred
milliseconds. When a new layer takes the place of an old one, the user would wait for
both at once.
"""

from __future__ import annotations

from napari.layers import Layer
from napari.viewer import Viewer
from qtpy.QtCore import QObject, QTimer

from napari_motionseg.widgets.common.viewers import show_layer

# Suffix for the names of layers that are about to be removed, so that new layers can
# have these names.
GOING = "(going)"
PAUSE_MS = 50  # in which the window can draw and react


class LaterRemoval(QObject):
    """Hide layers at once, and remove them in later turns of the event loop.

    Parameters
    ----------
    owner
        Qt parent of this object; both are destroyed together.
    viewer
        The viewer that the layers belong to.
    """

    def __init__(self, owner: QObject, viewer: Viewer) -> None:
        super().__init__(owner)
        self._viewer = viewer
        self._waiting: list[Layer] = []
        self._timer = QTimer(self)
        self._timer.setInterval(PAUSE_MS)
        self._timer.timeout.connect(self._remove_one)

    def remove(self, layer: Layer) -> None:
        """Hide a layer, free its name, and remove it soon."""
        if layer in self._viewer.layers and layer not in self._waiting:
            show_layer(layer, False)
            layer.name = f"{layer.name} {GOING}"
            self._waiting.append(layer)
            self._timer.start()

    def waits_for(self, layer: Layer) -> bool:
        """Return whether a layer is about to be removed."""
        return layer in self._waiting

    def remove_named(self, name: str) -> None:
        """Remove the layer with a name, if there is one; see `remove`."""
        if name in self._viewer.layers:
            self.remove(self._viewer.layers[name])

    def _remove_one(self) -> None:
        layer = self._waiting.pop(0) if self._waiting else None
        if not self._waiting:
            self._timer.stop()
        if layer is not None and layer in self._viewer.layers:
            self._viewer.layers.remove(layer)
