"""Show the live preview: the prediction from the strokes while they are drawn.

The window's thread only copies the strokes on one frame. Everything else runs in a
worker thread, which computes only the newest request.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from napari.layers import Layer
from napari.viewer import Viewer
from qtpy.QtCore import QObject, QTimer
from qtpy.QtWidgets import QCheckBox

from napari_motionseg.errors import LabelError
from napari_motionseg.io.labels import UNLABELLED
from napari_motionseg.viewmodel.painting import drawn, painted_frames, painted_target
from napari_motionseg.viewmodel.segment_state import SegmentState
from napari_motionseg.viewmodel.session import Loop
from napari_motionseg.viewmodel.stroke_picture import stroke_picture
from napari_motionseg.viewmodel.stroke_preview import (
    PaintedFrame,
    Preview,
    Previewer,
)
from napari_motionseg.widgets.common.background import Latest
from napari_motionseg.widgets.common.later_removal import removal_of
from napari_motionseg.widgets.common.listening import HeardLayer, listen
from napari_motionseg.widgets.common.viewers import (
    DERIVED,
    frame_shown,
    lay_over,
    move_below,
    same_place,
    show_layer,
)
from napari_motionseg.widgets.segment.shortcuts import key_words

PREVIEW = "preview"


class LivePreview(QObject):
    """Request a new preview whenever strokes, frame, model or classes change.

    Parameters
    ----------
    owner
        Object; when it is destroyed, the preview ends.
    state
        The state of the dock.
    viewer
        The viewer that the preview is shown in.
    """

    def __init__(self, owner: QObject, state: SegmentState, viewer: Viewer) -> None:
        super().__init__(owner)
        self._state = state
        self._viewer = viewer
        self.latest = Latest(self, self._show)
        self._previewer: Previewer | None = None
        self._asked: PaintedFrame | None = None
        self._shown: Preview | None = None
        self.switch = QCheckBox("Live preview")
        self.switch.setToolTip(
            "Show what the strokes so far make of the shown frame, while you paint "
            f"({key_words('preview')})"
        )
        self.switch.setChecked(state.preview_on)
        self.switch.clicked.connect(state.switch_preview)
        self._heard = HeardLayer(
            self, paint=self._painted, labels_update=self.ask, set_data=self.ask,
            data=self.ask, visible=self._hidden_or_shown,
        )  # fmt: skip
        state.events.preview_on.connect(self._switched)
        state.events.painting.connect(self._heard.turn_to)
        for change in (
            state.events.loop, state.events.painting, state.events.names,
            state.events.label_mode, state.events.model,
        ):  # fmt: skip
            change.connect(self.restart)
        listen(self, viewer.dims.events.current_step, self.ask)
        listen(self, viewer.layers.events.removed, self._removed)
        # do not change layers while events of other layers are being handled
        self._first = QTimer(self)
        self._first.setSingleShot(True)
        self._first.timeout.connect(self._draw)
        self._tidy = QTimer(self)
        self._tidy.setSingleShot(True)
        self._tidy.timeout.connect(self._remove_overlays)
        self._heard.turn_to(state.painting)
        self.restart()

    def restart(self) -> None:
        """Fit all strokes again."""
        self._previewer = self._asked = None
        self._forget_shown()
        self.ask()

    def _switched(self, on: bool) -> None:
        self.switch.setChecked(on)
        self.restart()

    def _painted(self, event: object = None) -> None:
        self._state.unlearned = True
        self.ask()

    def _hidden_or_shown(self, event: object = None) -> None:
        self._first.start(0)

    def ask(self, event: object = None) -> None:
        """Draw the rim of the strokes, and request the preview of the current frame."""
        state = self._state
        if state.loop is None or state.loop not in self._viewer.layers:
            return
        if self.overlay(state.loop) is None:
            self._first.start(0)
        else:
            self._draw()
        if not state.preview_on or state.model is None or state.painting is None:
            return
        try:
            loop = state.session.loop(state.loop)
            t = frame_shown(self._viewer, state.loop)
            frame = self._painted_frame(loop, t)
        except LabelError:  # the layers do not fit each other; Train shows the reason
            return
        previewer = self._previewer_for(state.model.path, loop)
        nothing = (frame.target == UNLABELLED).all() and not state.preview_classes
        if nothing and not previewer.waiting:
            return
        # napari emits several events for one stroke
        if previewer.waiting or not frame.same(self._asked):
            self._asked = frame
            self.latest.ask(previewer.answer, frame)

    def _painted_frame(self, loop: Loop, t: int) -> PaintedFrame:
        height, width = loop.cine.shape[1:]
        state = self._state
        target = painted_target(state.painting, t, state.label_mode, (height, width))
        return PaintedFrame(loop, t, target)

    def _previewer_for(self, model: Path, loop: Loop) -> Previewer:
        classes = max(2, len(self._state.names))
        known = self._previewer
        if known is None or (known.model, known.classes) != (model, classes):
            known = Previewer(self._state.session, model, classes)
            frames = painted_frames(self._state.painting)
            known.waiting = [self._painted_frame(loop, t) for t in frames]
            self._previewer = known
        return known

    def _show(self, preview: Preview) -> None:
        state, frame = self._state, preview.frame
        state.preview_classes = preview.classes
        if state.loop is None or not state.preview_on:
            return
        if state.session.known_loop(state.loop) is frame.loop and (
            frame.t == frame_shown(self._viewer, state.loop)
        ):
            self._shown = preview
            # with strokes of one class only, there is no boundary to show
            whole = len(preview.classes) != 1
            state.preview_mask = (frame.t, preview.mask) if whole else None
            self._draw()
            state.previewed.emit(state.loop)
        if self._previewer is not None and self._previewer.waiting:
            self.ask()

    def _draw(self) -> None:
        """Show the rim of strokes on the current frame, and its preview if known."""
        loop, painting = self._state.loop, self._state.painting
        if loop not in self._viewer.layers:
            return
        t = frame_shown(self._viewer, loop)
        if self._shown is not None and self._shown.frame.t != t:
            self._forget_shown()
        preview = None if self._shown is None else self._shown.picture
        fits = painting in self._viewer.layers and same_place(loop, painting)
        fits = fits and (painting.ndim < 3 or t < len(painting.data))
        # rims of strokes that the user has hidden would be outlines of nothing
        strokes = drawn(painting, t) if fits and painting.visible else None
        if preview is None and (strokes is None or not strokes.any()):
            self._hide()
            return
        if strokes is None:
            size = self._state.session.loop(loop).cine.shape[1:]
            strokes = np.zeros(size, bool)
        lay_over(
            self._viewer, loop, PREVIEW, stroke_picture(strokes, preview), rgb=True
        )
        overlay = self.overlay(loop)
        if overlay is not None:
            show_layer(overlay, True)
            self._move_below_masks(overlay)

    def _forget_shown(self) -> None:
        self._shown = None
        self._state.preview_mask = None

    def overlay(self, loop: Layer) -> Layer | None:
        """Return the layer of preview and rims of a loop, or None."""
        name = f"{loop.name} {PREVIEW}"
        return next((x for x in self._viewer.layers if x.name == name), None)

    def _move_below_masks(self, overlay: Layer) -> None:
        """Move the preview below masks and strokes, so that all are visible."""
        masks = self._state.masks
        above = [self._state.painting, None if masks is None else masks.layer]
        move_below(self._viewer, overlay.name, above)

    def _removed(self, event: object) -> None:
        self._tidy.start(0)

    def _remove_overlays(self) -> None:
        """Remove previews whose loop was removed."""
        layers = self._viewer.layers
        names = {f"{layer.name} {PREVIEW}" for layer in layers}
        for layer in list(layers):
            mine = layer.metadata.get(DERIVED) == PREVIEW
            if mine and layer.name not in names:
                removal_of(self._viewer).remove_now(layer)

    def _hide(self) -> None:
        """Hide preview and rims; the layer stays, because the next stroke needs it."""
        overlay: Any = self.overlay(self._state.loop)
        if overlay is not None and overlay.visible:
            overlay.data = np.zeros_like(overlay.data)
            overlay.visible = False
