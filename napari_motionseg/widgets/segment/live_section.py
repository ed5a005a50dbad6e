"""The live preview: what strokes make of the shown frame, while they are drawn.

The window's thread copies what is painted on one frame and asks; everything else runs
in a worker thread, where only the newest question counts.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from napari.layers import Layer
from napari.viewer import Viewer
from qtpy.QtCore import QObject
from qtpy.QtWidgets import QCheckBox

from napari_motionseg.errors import LabelError
from napari_motionseg.io.labels import UNLABELLED
from napari_motionseg.viewmodel.painting import painted_frames, painted_target
from napari_motionseg.viewmodel.segment_state import SegmentState
from napari_motionseg.viewmodel.session import Loop
from napari_motionseg.viewmodel.stroke_preview import (
    PaintedFrame,
    Preview,
    Previewer,
)
from napari_motionseg.widgets.common.background import Latest
from napari_motionseg.widgets.common.listening import HeardLayer, listen
from napari_motionseg.widgets.common.viewers import frame_shown, lay_over

PREVIEW = "preview"


class LivePreview(QObject):
    """Asks for a new preview whenever strokes, frame, model or classes change.

    Parameters
    ----------
    owner
        The object with whose end this one ends.
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
        self.switch = QCheckBox("Live preview of this frame")
        self.switch.setToolTip(
            "What the strokes so far make of the frame that is shown, while you paint "
            "(Alt+S)"
        )
        self.switch.setChecked(state.preview_on)
        self.switch.clicked.connect(state.switch_preview)
        ask = self.ask
        self._heard = HeardLayer(
            self, paint=ask, labels_update=ask, set_data=ask, data=ask
        )
        state.events.preview_on.connect(self._switched)
        state.events.painting.connect(self._heard.turn_to)
        for change in (
            state.events.loop, state.events.painting, state.events.names,
            state.events.label_mode, state.events.model,
        ):  # fmt: skip
            change.connect(self.restart)
        listen(self, viewer.dims.events.current_step, self.ask)
        self._heard.turn_to(state.painting)
        self.restart()

    def restart(self) -> None:
        """Forget which strokes were seen, and look at all of them anew."""
        self._previewer = self._asked = None
        self.ask()

    def _switched(self, on: bool) -> None:
        self.switch.setChecked(on)
        if not on:
            self._hide()
        self.restart()

    def ask(self, event: object = None) -> None:
        """Ask for the preview of the shown frame, if there is anything to show."""
        state = self._state
        if not state.preview_on or state.model is None:
            return
        if state.loop is None or state.painting is None:
            return
        try:
            loop = state.session.loop(state.loop)
            t = frame_shown(self._viewer, state.loop)
            frame = self._painted_frame(loop, t)
        except LabelError:  # layers that do not fit: Train says it in words
            return
        previewer = self._previewer_for(state.model.path, loop)
        nothing = (frame.target == UNLABELLED).all() and not state.preview_classes
        if nothing and not previewer.waiting:
            return
        self._hide_other_frame(t)
        # one stroke is told by several events
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
            self._lay_over(state.loop, preview)
        if self._previewer is not None and self._previewer.waiting:
            self.ask()

    def _lay_over(self, loop: Layer, preview: Preview) -> None:
        lay_over(self._viewer, loop, PREVIEW, preview.picture, rgb=True)
        overlay = self.overlay(loop)
        if overlay is not None:
            self._move_below_painting(overlay)
            overlay.metadata["frame"] = preview.frame.t
        self._state.previewed.emit(loop)

    def overlay(self, loop: Layer) -> Layer | None:
        """Return the preview's layer, if there is one."""
        name = f"{loop.name} {PREVIEW}"
        return next((x for x in self._viewer.layers if x.name == name), None)

    def _move_below_painting(self, overlay: Layer) -> None:
        """Let strokes lie over the preview, so that both are seen."""
        layers = self._viewer.layers
        if self._state.painting in layers:
            at, over = layers.index(overlay), layers.index(self._state.painting)
            if at > over:
                layers.move(at, over)

    def _hide_other_frame(self, t: int) -> None:
        overlay = self.overlay(self._state.loop)
        if overlay is not None and overlay.metadata.get("frame") not in (None, t):
            overlay.metadata["frame"] = None
            overlay.data = np.zeros_like(overlay.data)

    def _hide(self) -> None:
        loop = self._state.loop
        overlay: Any = None if loop is None else self.overlay(loop)
        if overlay is not None:
            self._viewer.layers.remove(overlay)
