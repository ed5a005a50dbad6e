"""Show the bare frame while a key is held down."""

from __future__ import annotations

from napari.layers import Layer
from napari.viewer import Viewer

from napari_motionseg.viewmodel.segment_state import SegmentState


class BareFrame:
    """Make all layers except the loop transparent while a key is pressed.

    The visibility of layers does not change, because docks react to it.

    Parameters
    ----------
    state
        The state of the dock, which knows the loop.
    viewer
        The viewer.
    """

    def __init__(self, state: SegmentState, viewer: Viewer) -> None:
        self._state = state
        self._viewer = viewer
        self._opacities: dict[Layer, float] = {}

    def show(self) -> None:
        """Make everything but the loop transparent."""
        self.restore()
        for layer in self._viewer.layers:
            if layer is not self._state.loop and layer.visible:
                self._opacities[layer] = layer.opacity
                layer.opacity = 0

    def restore(self) -> None:
        """Show the layers as they were."""
        for layer, opacity in self._opacities.items():
            layer.opacity = opacity
        self._opacities = {}
