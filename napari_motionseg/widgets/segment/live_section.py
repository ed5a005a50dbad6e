"""The live preview: what strokes make of the shown frame, repainted as they are drawn.

The window's thread copies what is painted on one frame and asks; everything else is in
a worker thread, where only the newest question counts.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

import numpy as np
from napari.layers import Labels, Layer
from numpy.typing import NDArray
from qtpy.QtCore import QObject
from qtpy.QtWidgets import QCheckBox

from napari_motionseg.errors import LabelError
from napari_motionseg.segmentation.closed_form_head import HeadSettings
from napari_motionseg.segmentation.live_preview import (
    UNPAINTED,
    FrameView,
    LiveHead,
    view_of,
)
from napari_motionseg.viewmodel.frame_embeddings import frame_embedding
from napari_motionseg.viewmodel.layer_arrays import CLASSES
from napari_motionseg.viewmodel.session import Loop, Session
from napari_motionseg.widgets.common.background import Latest
from napari_motionseg.widgets.common.listening import listen
from napari_motionseg.widgets.common.viewers import frame_shown, lay_over
from napari_motionseg.widgets.segment.classes import coloured, names_of

if TYPE_CHECKING:
    from napari_motionseg.widgets.segment.dock import SegmentDock

PREVIEW = "preview"


@dataclass(frozen=True, eq=False)
class Frame:
    """A frame of a loop and what is painted on it, ``(H, W)``, -1 = not painted."""

    loop: Loop
    t: int
    target: NDArray[np.int16]

    @property
    def key(self) -> Hashable:
        """What tells it from other frames."""
        return id(self.loop), self.t

    def same(self, other: Frame | None) -> bool:
        """Return whether another one is this frame with the same paint."""
        return (
            other is not None
            and self.key == other.key
            and np.array_equal(self.target, other.target)
        )


class Previewer:
    """What the worker thread has: a network's head and the strokes it knows."""

    def __init__(self, session: Session, model: Path, classes: int) -> None:
        self.session = session
        self.model = model
        self.classes = classes
        self.waiting: list[Frame] = []
        self._head: LiveHead | None = None
        self._view: tuple[Hashable, FrameView] | None = None

    def answer(self, shown: Frame) -> tuple[Frame, NDArray[np.uint8], tuple[int, ...]]:
        """Return the picture of a frame after what is painted anywhere.

        Of frames that were painted before the preview began, one is taken over each
        time, so that the shown one never waits for all.
        """
        if self._head is None:
            network: Any = self.session.network(self.model)
            alone = not hasattr(network, "head")
            settings = HeadSettings.alone() if alone else HeadSettings()
            self._head = LiveHead(self.classes, settings)
        if not shown.loop.cine.frames.usable(shown.t) and (shown.target >= 0).any():
            raise LabelError(
                f"frame {shown.t} is damaged: strokes on it teach nothing; paint on a "
                "frame that can be seen"
            )
        self._take(shown)
        if self.waiting:
            self._take(self.waiting.pop())
        result = self._head.answer(self._seen(shown), shown.key)
        return shown, coloured(result.probabilities), result.painted

    def _take(self, frame: Frame) -> None:
        if self._head is None or not frame.loop.cine.frames.usable(frame.t):
            return
        if self._head.is_new(frame.key, frame.target):
            self._head.paint(frame.key, self._seen(frame), frame.target)

    def _seen(self, frame: Frame) -> FrameView:
        if self._view is None or self._view[0] != frame.key:
            embedding = frame_embedding(self.session, frame.loop, self.model, frame.t)
            view = view_of(self.session.network(self.model), embedding)
            self._view = (frame.key, view)
        return self._view[1]


class LivePreview(QObject):
    """Asks for a new preview whenever strokes, frame, model or classes change."""

    def __init__(self, dock: SegmentDock) -> None:
        super().__init__(dock)
        self._dock = dock
        self.viewer, self.session = dock.viewer, dock.session
        self.painted: tuple[int, ...] = ()
        self._set_aside = False
        self.latest = Latest(dock, self._show)
        self._previewer: Previewer | None = None
        self._asked: Frame | None = None
        self._heard: Labels | None = None
        self._listening: WeakSet[Labels] = WeakSet()
        self.switch = QCheckBox("Live preview of this frame")
        self.switch.setToolTip(
            "What the strokes so far make of the frame that is shown, while you paint "
            "(Alt+S)"
        )
        self.switch.setChecked(True)
        dock.paint.form.addRow(self.switch)
        self.switch.toggled.connect(lambda _: self.restart())
        self.switch.clicked.connect(self._chosen_by_hand)
        dock.paint.changed.connect(self._hear)
        listen(dock, self.viewer.dims.events.current_step, self.ask)
        self._hear()

    def restart(self) -> None:
        """Forget what was painted, and look at it anew."""
        self._previewer = self._asked = None
        if not self.switch.isChecked():
            self._hide()
        self.ask()

    def set_aside(self) -> None:
        """Make room for the masks, until a brush is taken."""
        self._set_aside = self._set_aside or self.switch.isChecked()
        self.switch.setChecked(False)

    def take_up(self) -> bool:
        """Show the preview again if it was set aside; return whether it was."""
        taken_up, self._set_aside = self._set_aside, False
        if taken_up:
            self.switch.setChecked(True)
        return taken_up

    def _chosen_by_hand(self, _: bool) -> None:
        self._set_aside = False

    def ask(self, event: object = None) -> None:
        """Ask for the preview of the shown frame, if there is anything to show."""
        loop_layer, painting = self._dock.paint.image.layer, self._heard
        model = self._dock.model
        if not self.switch.isChecked() or None in (loop_layer, painting, model):
            return
        try:
            loop = self.session.loop(loop_layer)
            t = frame_shown(self.viewer, loop_layer)
            target = self._target(painting, t, loop)
        except LabelError:  # layers that do not fit: Train says it in words
            return
        previewer = self._previewer_for(model.path, painting, loop)
        if not previewer.waiting and (target == UNPAINTED).all() and not self.painted:
            return
        self._hide_other_frame(loop_layer, t)
        frame = Frame(loop, t, target)
        # one stroke is told by several events
        if previewer.waiting or not frame.same(self._asked):
            self._asked = frame
            self.latest.ask(previewer.answer, frame)

    def _previewer_for(self, model: Path, painting: Labels, loop: Loop) -> Previewer:
        classes = max(2, len(names_of(painting)))
        known = self._previewer
        if known is None or (known.model, known.classes) != (model, classes):
            known = self._previewer = Previewer(self.session, model, classes)
            known.waiting = self._painted_frames(painting, loop)
        return known

    def _painted_frames(self, painting: Labels, loop: Loop) -> list[Frame]:
        data = np.asarray(painting.data)
        if data.ndim < 3:
            return []
        frames = np.flatnonzero(data.any(axis=(1, 2)))
        return [Frame(loop, int(t), self._target(painting, t, loop)) for t in frames]

    def _target(self, painting: Labels, t: int, loop: Loop) -> NDArray[np.int16]:
        """Return the classes that are painted on a frame, -1 = not painted."""
        data = painting.data
        labels = np.asarray(data[t] if data.ndim == 3 else data).astype(np.int16)
        if labels.shape != loop.cine.shape[1:]:
            raise LabelError("the labels do not fit the loop")
        dense = self._dock.paint.label_mode == "dense"
        if dense and not labels.any():
            return np.full_like(labels, UNPAINTED)
        if CLASSES not in painting.metadata and dense:
            return labels
        return np.maximum(labels - 1, 0) if dense else labels - 1

    def _hear(self) -> None:
        """Listen to the strokes of the labels layer that is painted on."""
        painting = self._dock.paint.painting.layer
        self._heard = painting
        if painting is not None and painting not in self._listening:
            self._listening.add(painting)
            for event in _events(painting):
                listen(self._dock, event, self.ask)
        self.restart()

    def _show(self, answer: tuple[Frame, NDArray[np.uint8], tuple[int, ...]]) -> None:
        frame, picture, self.painted = answer
        layer = self._dock.paint.image.layer
        if layer is None or not self.switch.isChecked():
            return
        if self.session.known_loop(layer) is frame.loop and frame.t == frame_shown(
            self.viewer, layer
        ):
            lay_over(self.viewer, layer, PREVIEW, picture, rgb=True)
            self._below_painting(layer)
            if not self._dock.panel.running:
                self._dock.layers.hide_probability(layer)
            overlay = self.overlay(layer)
            if overlay is not None:
                overlay.metadata["frame"] = frame.t
        self._dock.tell()
        if self._previewer is not None and self._previewer.waiting:
            self.ask()

    def overlay(self, loop: Layer) -> Layer | None:
        """Return the preview's layer, if there is one."""
        name = f"{loop.name} {PREVIEW}"
        return next((x for x in self.viewer.layers if x.name == name), None)

    def _below_painting(self, loop: Layer) -> None:
        """Let strokes lie over the preview, so that both are seen."""
        overlay, layers = self.overlay(loop), self.viewer.layers
        if overlay is not None and self._heard in layers:
            at, over = layers.index(overlay), layers.index(self._heard)
            if at > over:
                layers.move(at, over)

    def _hide_other_frame(self, loop: Layer, t: int) -> None:
        overlay = self.overlay(loop)
        if overlay is not None and overlay.metadata.get("frame") not in (None, t):
            overlay.metadata["frame"] = None
            overlay.data = np.zeros_like(overlay.data)

    def _hide(self) -> None:
        layer = self._dock.paint.image.layer
        overlay = None if layer is None else self.overlay(layer)
        if overlay is not None:
            self.viewer.layers.remove(overlay)


def _events(painting: Labels) -> tuple[Any, ...]:
    events = painting.events
    return events.paint, events.labels_update, events.set_data, events.data
