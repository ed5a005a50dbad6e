"""Take up masks again: those of a project, and those of the loop that is chosen."""

from __future__ import annotations

import numpy as np
from napari.layers import Layer
from napari.viewer import Viewer
from qtpy.QtCore import QObject

from napari_motionseg.viewmodel.loop_masks import LoopMasks
from napari_motionseg.viewmodel.segment_state import SegmentState
from napari_motionseg.widgets.common.listening import listen
from napari_motionseg.widgets.common.project_layers import is_network_masks
from napari_motionseg.widgets.common.viewers import LOOP
from napari_motionseg.widgets.segment.mask_layers import MaskLayers


class ResumedMasks(QObject):
    """Let the state have the masks of the loop that is chosen, with probabilities.

    Without this, the threshold would change the masks of the loop that was segmented
    last, and nothing after a project was opened.

    Parameters
    ----------
    owner
        The object with whose end this one ends.
    state
        The state of the dock.
    viewer
        The viewer.
    layers
        The layers of masks.
    """

    def __init__(
        self, owner: QObject, state: SegmentState, viewer: Viewer, layers: MaskLayers
    ) -> None:
        super().__init__(owner)
        self._state, self._viewer, self._layers = state, viewer, layers
        state.events.masks.connect(self._note)
        state.events.loop.connect(self.resume)
        listen(self, state.session.settings_restored, self.resume)
        self.resume()

    def _note(self, masks: LoopMasks | None) -> None:
        """Note the probabilities of masks; frames that come later are in them too."""
        if masks is not None:
            self._state.session.mask_probabilities[masks.layer] = masks.known

    def resume(self, _: object = None) -> None:
        """Take up the masks of the chosen loop, if their probabilities are known."""
        state = self._state
        loop, masks = state.loop, state.masks
        if loop is None or not state.idle or (masks and masks.loop is loop):
            return
        known = state.session.mask_probabilities
        found = [
            layer
            for layer in self._viewer.layers
            if is_network_masks(layer)
            and layer.metadata.get(LOOP) == loop.name
            and layer in known
        ]
        if found:
            masks = masks_of(loop, found[-1])
            masks.resume(known[found[-1]], state.threshold, state.smallest)
            self._layers.take_up(masks)


def masks_of(loop: Layer, layer: Layer) -> LoopMasks:
    """Return the masks that a layer of a project shows; probabilities are to come.

    Parameters
    ----------
    loop
        The image layer of the loop.
    layer
        The labels layer of the masks.
    """
    count = layer.data.shape[0] if layer.ndim == 3 else 1
    done = np.asarray(layer.metadata.get("done", ()), bool)
    if done.shape != (count,):
        done = np.ones(count, bool)
    layer.metadata["done"] = done  # updated in place from now on
    masks = LoopMasks(loop, layer, done)
    masks.take_as_made()
    return masks
