"""Continue to work on masks that were made earlier, for another loop or session."""

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
from napari_motionseg.widgets.segment.label_layers import labels_of_loop
from napari_motionseg.widgets.segment.mask_layers import MaskLayers


class ResumedMasks(QObject):
    """Give the Segment dock the masks and probabilities of the loop that is chosen.

    Without it, the threshold slider would change the masks of the loop that was
    segmented last, and would have no effect after a project was opened.

    Parameters
    ----------
    owner
        Qt parent of this object; both are destroyed together.
    state
        The state of the Segment dock. Its masks are replaced.
    viewer
        The viewer in which layers of masks are searched.
    layers
        The object that shows masks as layers.
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
        """Remember the probabilities of new masks.

        The same object receives the frames that are segmented later.
        """
        if masks is not None:
            self._state.session.mask_probabilities[masks.layer] = masks.known

    def resume(self, _: object = None) -> None:
        """Use the masks of the chosen loop, if their probabilities are known."""
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
            masks.resume(known[found[-1]])
            masks.labels = labels_of_loop(self._viewer, state, loop)
            self._layers.take_up(masks)


def masks_of(loop: Layer, layer: Layer) -> LoopMasks:
    """Return the masks that a labels layer shows, still without probabilities.

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
    layer.metadata["done"] = done  # the job updates this array in place
    # the next step depends on the network that made them
    return LoopMasks(loop, layer, done, str(layer.metadata.get("model", "")))
