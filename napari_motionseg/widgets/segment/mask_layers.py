"""Show a segmentation in layers: the masks and their uncertainty."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from napari.layers import Labels, Layer
from napari.viewer import Viewer
from numpy.typing import NDArray
from qtpy.QtCore import QObject, QTimer

from napari_motionseg.segmentation.postprocess import uncertainty
from napari_motionseg.viewmodel.class_colors import label_colors
from napari_motionseg.viewmodel.loop_masks import LoopMasks
from napari_motionseg.viewmodel.painting import NEW_NAMES
from napari_motionseg.viewmodel.segment_state import SegmentState
from napari_motionseg.widgets.common.background import Latest
from napari_motionseg.widgets.common.later_removal import removal_of
from napari_motionseg.widgets.common.layer_changes import active_kept
from napari_motionseg.widgets.common.listening import HeardLayer, listen
from napari_motionseg.widgets.common.viewers import (
    frame_shown,
    lay_over,
    move_below,
    placement,
    show_layer,
)
from napari_motionseg.widgets.segment.label_layers import derived, painting_of

MASKS, UNCERTAINTY = "masks", "uncertainty"
OPACITY = 0.9
# masks are drawn as outlines, so that vessel, preview and strokes stay visible
OUTLINE_PX = 1
UNDO_MS = 400


class MaskLayers(QObject):
    """Show the masks of a state, and turn corrections of them into labels.

    Parameters
    ----------
    owner
        Object; when it is destroyed, the connections to the viewer end.
    state
        The state of the dock.
    viewer
        The viewer that the layers are added to.
    """

    def __init__(self, owner: QObject, state: SegmentState, viewer: Viewer) -> None:
        super().__init__(owner)
        self._state = state
        self._viewer = viewer
        self._cleaner = Latest(self, self._show_cleaned)
        self._former = removal_of(viewer)
        # napari emits the event of a stroke before it changes the pixels
        self._stroke = QTimer(self)
        self._stroke.setSingleShot(True)
        self._stroke.timeout.connect(self.take_corrections)
        # an undo may change frames that are not shown any more; they can wait
        self._elsewhere = QTimer(self)
        self._elsewhere.setSingleShot(True)
        self._elsewhere.timeout.connect(self._take_strokes)
        self._overlay = ""  # the name of the layer that shows uncertainty
        self._tidy = QTimer(self)
        self._tidy.setSingleShot(True)
        self._tidy.timeout.connect(self.show_uncertainty)
        # undo and redo emit no other event
        self._heard = HeardLayer(
            self, paint=self._stroke_begun, set_data=self._stroke_begun,
            visible=self._switched,
        )  # fmt: skip
        self._labels_heard = HeardLayer(
            self, paint=self._stroke_begun, set_data=self._stroke_begun
        )
        self._labels_heard.turn_to(state.painting)
        state.events.painting.connect(self._labels_heard.turn_to)
        state.events.masks_visible.connect(self._show_or_hide)
        state.events.threshold.connect(self.adjust)
        state.events.smallest.connect(self.adjust)
        state.events.uncertainty_on.connect(self.show_uncertainty)
        listen(self, viewer.layers.events.removed, self._removed)
        listen(self, viewer.dims.events.current_step, self._frame_changed)

    @property
    def busy(self) -> bool:
        """Whether masks are being adjusted to the threshold in a thread."""
        return self._cleaner.busy

    def begin(self, loop: Layer, names: Sequence[str], model: str = "") -> None:
        """Add empty masks of a loop, in place of those that it has.

        Parameters
        ----------
        loop
            The image layer of the loop.
        names
            The names of the classes, the background first.
        model
            The name of the file of the network that makes the masks.
        """
        self._set_aside(loop)
        shape = loop.data.shape[: loop.ndim]
        done = np.zeros(shape[0] if len(shape) == 3 else 1, bool)
        layer = Labels(
            np.zeros(shape, np.uint8),
            name=f"{loop.name} {MASKS}",
            opacity=OPACITY,
            colormap=label_colors(names or NEW_NAMES),
            metadata={**derived(MASKS, loop), "done": done, "model": model},
            **placement(loop, loop.ndim),
        )
        layer.contour = OUTLINE_PX  # before napari draws the layer
        self._insert(layer)
        self._heard.turn_to(layer)
        self._state.begin_masks(LoopMasks(loop, layer, done, model))

    def _insert(self, layer: Labels) -> None:
        """Add masks to the viewer; they become active in place of those before."""
        active = self._viewer.layers.selection.active
        if active is None or self._former.waits_for(active):
            self._viewer.add_layer(layer)
        else:
            with active_kept(self._viewer):
                self._viewer.add_layer(layer)
        self._move_below_painting(layer)

    def _set_aside(self, loop: Layer) -> None:
        """Hide the masks of a loop, which new ones replace, and remove them soon."""
        masks = self._state.masks
        if masks is not None and masks.loop is loop:
            self._heard.turn_to(None)
            self._state.drop_masks()
        for what in (MASKS, UNCERTAINTY):
            self._former.remove_named(f"{loop.name} {what}")

    def take_up(self, masks: LoopMasks) -> None:
        """Continue with masks whose layer is already in the viewer."""
        self._heard.turn_to(masks.layer)
        self._move_below_painting(masks.layer)
        self._state.masks = masks
        self._state.masks_visible = masks.layer.visible

    def show_frame(
        self, t: int, probability: NDArray[Any], likeliest: NDArray[Any]
    ) -> None:
        """Show a frame that was just segmented, as in `LoopMasks.add`."""
        masks = self._state.masks
        if masks is not None:
            masks.add(t, probability, likeliest)
            self._clean(masks, t, new=False)

    def adjust(self) -> None:
        """Adjust masks to the threshold: the current frame at once, then the others."""
        masks = self._state.masks
        if masks is not None:
            self._clean(masks, frame_shown(self._viewer, masks.layer))
            self._state.set_preview_aside()  # strokes that were taken want it
            self._cleaner.ask(
                _cleaned, masks, masks.adjustable, self._state.threshold,
                self._state.smallest,
            )  # fmt: skip

    def show_uncertainty(self) -> None:
        """Show the uncertainty of the model on the current frame, if it is on."""
        masks = self._state.masks
        if masks is None or not self._state.uncertainty_on:
            self._remove(self._overlay)
            return
        t = frame_shown(self._viewer, masks.loop)
        self._overlay = f"{masks.loop.name} {UNCERTAINTY}"
        if masks.done[t]:
            lay_over(
                self._viewer, masks.loop, UNCERTAINTY,
                uncertainty(masks.probabilities[t]), colormap="inferno",
                contrast_limits=(0, 1), blending="additive",
            )  # fmt: skip
            move_below(self._viewer, self._overlay, [self._state.painting])
        else:
            self._remove(self._overlay)

    def drop_empty(self) -> None:
        """Remove masks of which no frame was segmented."""
        masks = self._state.masks
        if masks is not None and not masks.done.any():
            self._former.remove_now(masks.layer)

    def _remove(self, name: str) -> None:
        if name in self._viewer.layers:
            self._former.remove_now(self._viewer.layers[name])

    def _removed(self, event: Any) -> None:
        masks = self._state.masks
        if masks is not None and event.value is masks.layer:
            self._heard.turn_to(None)
            self._state.drop_masks()
            # wait, because napari may be removing other layers, too
            self._tidy.start(0)

    def _show_or_hide(self, visible: bool) -> None:
        if self._state.masks is not None:
            show_layer(self._state.masks.layer, visible)

    def _switched(self, event: Any) -> None:
        masks = self._state.masks
        if masks is not None and event.source is masks.layer:
            self._state.masks_visible = masks.layer.visible

    def _frame_changed(self, event: object = None) -> None:
        if self._state.uncertainty_on:
            self.show_uncertainty()

    def _clean(self, masks: LoopMasks, t: int, *, new: bool = True) -> None:
        self._take((t,), new=new)
        if t in masks.adjustable:
            found = masks.cleaned([t], self._state.threshold, self._state.smallest)
            masks.put(t, found[t])
            if t == frame_shown(self._viewer, masks.layer):
                masks.layer.refresh()

    def _show_cleaned(
        self, answer: tuple[LoopMasks, dict[int, NDArray[np.uint8]]]
    ) -> None:
        masks, found = answer
        if masks is self._state.masks:
            self._take(found)  # the user may have painted in the meantime
            for t, mask in found.items():
                masks.put(t, mask)
            masks.layer.refresh()

    def _stroke_begun(self, event: object = None) -> None:
        self._stroke.start(0)
        self._elsewhere.start(UNDO_MS)

    def take_corrections(self) -> None:
        """Take what was painted on the current frame; see `_take`."""
        masks = self._state.masks
        if masks is not None:
            self._take((frame_shown(self._viewer, masks.layer),))

    def _take_strokes(self) -> None:
        masks = self._state.masks
        if masks is not None:
            self._take(masks.stroked)

    def _take(self, frames: Iterable[int], *, new: bool = True) -> None:
        """Take what was painted on frames: corrections, and strokes in the labels.

        Corrections become labels, and strokes become corrections; see
        `SegmentState.take_corrections`.
        """
        masks = self._state.masks
        if masks is None or masks.layer not in self._viewer.layers:
            return
        for t in frames:
            if self._state.take_corrections(t, new=new):
                masks.layer.refresh()

    def _move_below_painting(self, layer: Layer) -> None:
        """Move the masks below strokes, so that both are visible."""
        loop, painting = self._state.loop, self._state.painting
        if painting is None and loop in self._viewer.layers:
            painting = painting_of(self._viewer, loop)
        move_below(self._viewer, layer.name, [painting])


def _cleaned(
    masks: LoopMasks, frames: Sequence[int], threshold: float, smallest: int
) -> tuple[LoopMasks, dict[int, NDArray[np.uint8]]]:
    """Compute the masks of frames at a threshold in a thread."""
    return masks, masks.cleaned(frames, threshold, smallest)
