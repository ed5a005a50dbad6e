"""Show one loop of a viewer at a time, fitted, with the layers that lie on it.

Loops of one viewer lie on top of each other, some in millimetres and some in pixels. If
a second loop were only added, it would cover the first, and the camera would not fit
its scale. All docks of a viewer share one `LoopDisplay`, which also tells them which
loop the user has chosen.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from weakref import WeakKeyDictionary, ref

from napari.layers import Labels, Layer
from napari.viewer import Viewer
from qtpy.QtCore import QObject, Signal

from napari_motionseg.widgets.common.project_layers import loop_layer_of
from napari_motionseg.widgets.common.viewers import (
    DERIVED,
    LOOP,
    frame_shown,
    is_loop,
    show_frame,
    unwrapped,
)

ASIDE = "aside"  # key in the metadata of a layer that is hidden with its loop
_displays: WeakKeyDictionary[Viewer, LoopDisplay] = WeakKeyDictionary()


def loop_display_of(viewer: Viewer) -> LoopDisplay:
    """Return the display of the loops of `viewer`, creating it at the first call."""
    viewer = unwrapped(viewer)
    if viewer not in _displays:
        _displays[viewer] = LoopDisplay(viewer)
    return _displays[viewer]


def is_read_loop(layer: Layer) -> bool:
    """Return whether a layer is a loop that this plugin has read or made."""
    return is_loop(layer) and "cine" in layer.metadata


class LoopDisplay(QObject):
    """Show one loop with its layers, and hide the other loops with theirs.

    Only layers that this object has hidden are shown again; layers that the user has
    hidden stay hidden. The difference is recorded in the layer's metadata, which
    projects store.

    Parameters
    ----------
    viewer
        The viewer, which is held weakly.

    Signals
    -------
    changed
        Emitted with the layer of the displayed loop, or None.
    """

    changed = Signal(object)

    def __init__(self, viewer: Viewer) -> None:
        super().__init__()
        self._viewer = ref(viewer)
        self._loop: ref[Layer] | None = None
        viewer.layers.events.inserted.connect(self._inserted)
        viewer.layers.events.removed.connect(self._removed)
        loops = [layer for layer in viewer.layers if is_read_loop(layer)]
        if len(loops) == 1:
            self._loop = ref(loops[0])

    @property
    def loop(self) -> Layer | None:
        """The layer of the loop that was shown last; None if none was chosen."""
        return None if self._loop is None else self._loop()

    def show(self, loop: Layer) -> None:
        """Show only this loop and fit the camera to it, unless it is shown already."""
        viewer = self._viewer()
        if viewer is None or loop not in viewer.layers:
            return
        shown: Any = self.loop
        if loop is shown and shown.visible:
            return
        self._loop = ref(loop)
        loops = [layer for layer in viewer.layers if is_loop(layer)]
        for layer in viewer.layers:
            owner = owner_of(viewer, layer, loops)
            if owner is loop:
                self._show_again(layer)
            elif owner is not None and layer.visible:
                layer.metadata[ASIDE] = True
                layer.visible = False
        loop.visible = True
        active: Any = viewer.layers.selection.active
        # a hidden layer must not stay active, because painting on it has no effect
        if active is None or not active.visible:
            viewer.layers.selection.active = loop
        show_frame(viewer, loop, frame_shown(viewer, loop))  # not beyond its end
        fit_camera(viewer, [loop])
        self.changed.emit(loop)

    def _show_again(self, layer: Layer) -> None:
        if layer.metadata.pop(ASIDE, False):
            layer.visible = True

    def _inserted(self, event: Any) -> None:
        if is_read_loop(event.value):
            self.show(event.value)

    def _removed(self, event: Any) -> None:
        """Show the newest of the other loops if the displayed one was removed."""
        if event.value is not self.loop:
            return
        self._loop = None
        viewer = self._viewer()
        left = [] if viewer is None else [x for x in viewer.layers if is_loop(x)]
        hidden = [layer for layer in left if layer.metadata.get(ASIDE)]
        if hidden and not any(layer.visible for layer in left):
            self.show(hidden[-1])


def owner_of(viewer: Viewer, layer: Layer, loops: Iterable[Layer]) -> Layer | None:
    """Return the loop that a layer belongs to; a loop belongs to itself.

    Layers made by a dock name their loop in the metadata, or their name begins with the
    loop's. Other labels belong to the loop that they lie on. Other layers of the user,
    such as points, belong to no loop.
    """
    loops = list(loops)
    if layer in loops:
        return layer
    noted = [x for x in loops if x.name == layer.metadata.get(LOOP)]
    if noted:
        return noted[0]
    if DERIVED in layer.metadata:
        named = [x for x in loops if layer.name.startswith(f"{x.name} ")]
        return max(named, key=lambda x: len(x.name), default=None)
    return loop_layer_of(viewer, layer) if isinstance(layer, Labels) else None


def fit_camera(viewer: Viewer, layers: list[Layer]) -> None:
    """Fit the camera to some layers, and not to layers beside them.

    Before version 0.9, napari can only fit all layers.
    """
    try:
        viewer.reset_view(layers=layers)
    except TypeError:
        viewer.reset_view()
