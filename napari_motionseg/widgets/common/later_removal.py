"""Remove layers a little later, one at a time, so that the window reacts in between.

When a new layer takes the place of an old one, the user would otherwise wait for both
at once. The garbage of removed layers is collected when the window is at rest.
"""

from __future__ import annotations

from weakref import WeakKeyDictionary, ref

from napari.layers import Layer
from napari.viewer import Viewer
from qtpy.QtCore import QObject, QTimer

from napari_motionseg.widgets.common.layer_changes import take_out
from napari_motionseg.widgets.common.resting_collection import RestingCollection
from napari_motionseg.widgets.common.viewers import show_layer, unwrapped

# Suffix for the names of layers that are about to be removed, so that new layers can
# have these names.
GOING = "(going)"
PAUSE_MS = 50  # in which the window can draw and react
_removals: WeakKeyDictionary[Viewer, LaterRemoval] = WeakKeyDictionary()


def removal_of(viewer: Viewer) -> LaterRemoval:
    """Return the removal that all parts of a viewer's docks share.

    If each part had its own, several layers could be removed in the same turn.
    """
    viewer = unwrapped(viewer)
    if viewer not in _removals:
        _removals[viewer] = LaterRemoval(viewer)
    return _removals[viewer]


class LaterRemoval(QObject):
    """Hide layers at once, and remove them in later turns of the event loop.

    Parameters
    ----------
    viewer
        The viewer that the layers belong to. Only a weak reference is kept.

    Attributes
    ----------
    collection
        The collection of garbage that follows removals.
    """

    def __init__(self, viewer: Viewer) -> None:
        super().__init__()
        self._viewer = ref(viewer)
        self._waiting: list[Layer] = []
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(PAUSE_MS)
        self._timer.timeout.connect(self._remove_one)
        self.collection = RestingCollection(self, viewer)

    def remove(self, layer: Layer) -> None:
        """Hide a layer, free its name, and remove it soon."""
        viewer = self._viewer()
        if viewer is None or layer not in viewer.layers:
            return
        if layer not in self._waiting:
            show_layer(layer, False)
            layer.name = f"{layer.name} {GOING}"
            self._waiting.append(layer)
            self._timer.start()

    def waits_for(self, layer: Layer) -> bool:
        """Return whether a layer is about to be removed."""
        return layer in self._waiting

    def remove_named(self, name: str) -> None:
        """Remove the layer with a name, if there is one; see `remove`."""
        viewer = self._viewer()
        if viewer is not None and name in viewer.layers:
            self.remove(viewer.layers[name])

    def remove_now(self, layer: Layer) -> None:
        """Remove a layer in this turn of the event loop."""
        viewer = self._viewer()
        if viewer is not None and layer in viewer.layers:
            take_out(viewer, layer)
            self.collection.expect()

    def _remove_one(self) -> None:
        if self._waiting:
            self.remove_now(self._waiting.pop(0))
        if self._waiting:
            self._timer.start()
