"""Compute the chosen views of an embedding, and show them."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from napari.layers import Layer
from qtpy.QtCore import QObject, QTimer, Signal
from qtpy.QtWidgets import QHBoxLayout

from napari_motionseg.embedding.embedding_views import VIEWS, view_of
from napari_motionseg.io.label_numbers import without_background
from napari_motionseg.viewmodel.cells import CheckpointCells
from napari_motionseg.viewmodel.explorer_state import (
    Anchors,
    ExplorerChoices,
    ExplorerEngine,
    ExplorerRequest,
    ExplorerResult,
    Position,
)
from napari_motionseg.viewmodel.frame_embeddings import embedding_key
from napari_motionseg.viewmodel.session import Loop
from napari_motionseg.widgets.common.background import Latest
from napari_motionseg.widgets.common.choosers import LayerChooser
from napari_motionseg.widgets.common.dock_layout import Dock, button, hint
from napari_motionseg.widgets.common.listening import listen
from napari_motionseg.widgets.common.plain_labels import WrappedLabel
from napari_motionseg.widgets.common.viewers import (
    errors_shown,
    frame_shown,
    has_paint,
    is_painting,
    point_at,
)
from napari_motionseg.widgets.embedding.explorer_anchors import AnchorLayers
from napari_motionseg.widgets.embedding.explorer_controls import ExplorerControls
from napari_motionseg.widgets.embedding.explorer_feed import EmbeddingFeed
from napari_motionseg.widgets.embedding.explorer_histogram import SimilarityHistogram
from napari_motionseg.widgets.embedding.explorer_layers import ExplorerLayers

NO_LABELS = "none"


class Explorer(QObject):
    """Explorer of embeddings, which connects controls, anchors, jobs and layers.

    Parameters
    ----------
    dock
        The dock that the rows are added to.
    chooser
        The chooser of the loop.

    Signals
    -------
    shown
        Emitted when other pictures are shown.
    """

    shown = Signal()

    def __init__(self, dock: Dock, chooser: LayerChooser) -> None:
        super().__init__(dock)
        self.viewer, self.session = dock.viewer, dock.session
        self.chooser = chooser
        self.controls = ExplorerControls(dock)
        self.anchors = AnchorLayers(self, self.viewer, self._place)
        self.layers = ExplorerLayers(self, self.viewer, self._dropped)
        self.feed = EmbeddingFeed(self, self.session)
        self.pictures = Latest(dock, self._show)
        self.found: ExplorerResult | None = None
        self._engine = ExplorerEngine()
        self.shown_at = 0.0  # by `time.perf_counter`, read by benchmarks
        self._t = 0
        self._set = Anchors()  # as the user has set them, on their frame
        self._deleted: list[str] = []
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.timeout.connect(self._take_back)
        self._build(dock)
        self.controls.changed.connect(self.refresh)
        self.labels.layer_changed.connect(self._listen_to_labels)
        self.controls.on.toggled.connect(self.labels.refresh)
        self.anchors.moved.connect(self._anchor_moved)
        self.feed.progressed.connect(self._show_progress)
        self.feed.finished.connect(self.refresh)
        chooser.layer_changed.connect(self._other_loop)
        listen(dock, self.viewer.dims.events.current_step, self._stepped)
        listen(dock, self.viewer.mouse_move_callbacks, self._hovered)
        listen(dock, self.session.flow_changed, self._flow_changed)

    def _build(self, dock: Dock) -> None:
        form = self.controls.form
        self.labels = LayerChooser(
            self.viewer, is_painting,
            "Labels whose similarity to the anchor is compared with that of the other "
            "pixels, as a histogram", NO_LABELS, prefers=has_paint,
        )  # fmt: skip
        self.controls.more.addRow("Compare labels", self.labels)
        self.histogram, self.profile = SimilarityHistogram(), WrappedLabel()
        self.hint, self.progress = hint(""), hint("")
        self.clear_button = button("Remove all", "Remove all layers of the explorer")
        self.clear_button.clicked.connect(self.clear)
        self.buttons = QHBoxLayout()
        self.buttons.addWidget(self.clear_button)
        for widget in (self.profile, self.hint, self.progress):
            form.addRow(widget)
        form.addRow(self.buttons)
        self.controls.more.addRow(self.histogram)

    def refresh(self, _: object = None) -> None:
        """Request the chosen views of the current frame."""
        with errors_shown():
            look = self._look()
            if look is None:
                self._rest()
                return
            self._t = look.t
            if self.anchors.held is None:
                self._prepare(look)
            self.pictures.ask(self._engine.compute, look)

    def set_anchors(self, positions: tuple[Position, ...]) -> None:
        """Set anchors on the current frame, at rows and columns in px."""
        layer = self.chooser.layer
        if layer is not None:
            self._t = frame_shown(self.viewer, layer)
        self.anchors.positions = positions
        self._anchor_moved(held=False)

    def clear(self) -> None:
        """Remove all layers and stop computing."""
        self.pictures.forget()
        self.feed.look_at(None, (), 0)
        self.controls.on.setChecked(False)
        self._forget()

    def _forget(self) -> None:
        self.found, self._set = None, Anchors()
        self.anchors.remove()
        self.layers.remove()

    def _look(self) -> ExplorerRequest | None:
        layer, models = self.chooser.layer, self.controls.models
        choices = self.controls.choices
        missing, on = _missing_choice(layer, models, choices), self.controls.on
        if missing or not on.isChecked():
            self.hint.setText(missing if on.isChecked() else "")
        if layer is None or not models or not choices.names:
            return None
        loop = self.session.loop(layer)
        t = frame_shown(self.viewer, layer)
        # ranking all pixels of a frame is too slow while the user drags an anchor
        painted = None if self.anchors.held is not None else self._painted(t)
        return ExplorerRequest(
            self.session, layer, loop, models, t, choices, self._set, painted,
            first_anchor=self.found is None,
        )  # fmt: skip

    def _prepare(self, look: ExplorerRequest) -> None:
        """Pause background work for the current frame, and mark older pictures."""
        self.feed.hold(True)
        paths = tuple(model.path for model in look.models)
        self.feed.look_at(look.loop, paths, look.t)
        self._mark_stale(look)

    def _rest(self) -> None:
        """Show nothing, but keep the anchors until the explorer is on again."""
        self.pictures.forget()
        self.feed.look_at(None, (), 0)
        self.profile.setText("")
        self.progress.setText("")
        self.histogram.show_separation(None)
        # remove the anchors first, so that the camera fits the remaining layers
        self.anchors.hide()
        self.layers.remove()

    def _mark_stale(self, look: ExplorerRequest) -> None:
        """Mark pictures as those of another frame, if the new ones take long."""
        ready = all(
            embedding_key(look.loop, model.path, look.t) in self.session.embeddings
            for model in look.models
        )
        found = self.found
        if found is not None and not ready and found.request.layer is look.layer:
            self.layers.caption(
                found, f"still frame {found.request.t}; frame {look.t} follows"
            )
        self._show_progress()

    def _show(self, found: ExplorerResult) -> None:
        look = found.request
        if not self.controls.on.isChecked() or look.layer is not self.chooser.layer:
            return
        self.found = found
        stale = "" if look.t == self._t else f"still frame {look.t}"
        self.layers.show(found, stale, quick=self.anchors.held is not None)
        if self.anchors.held is None:
            if look.first_anchor and not self._set.positions:
                self._set = Anchors(found.positions, look.t)
            self.anchors.positions = found.positions
            self.histogram.show_separation(found.separation, found.no_separation)
        self._draw_anchors(found)
        self.hint.setText(" ".join(found.remarks))
        self.shown_at = time.perf_counter()
        if not self.pictures.waiting:
            self.feed.hold(False)
        self._show_progress()
        self.shown.emit()

    def _draw_anchors(self, found: ExplorerResult) -> None:
        """Show the anchors over the loop, and in the maps of similarity to them."""
        self.anchors.draw()
        self.layers.show_crosses(crosses_of(found, self.anchors.positions))

    def _place(self) -> tuple[Layer, CheckpointCells] | None:
        """Return loop and grid, or None if no view needs an anchor."""
        wanted = any(VIEWS[n].needs_anchor for n in self.controls.choices.names)
        if self.found is None or not wanted:
            return None
        return self.found.request.layer, self.found.grid

    def _anchor_moved(self, held: bool) -> None:
        here = tuple(p for p in self.anchors.positions if not np.isnan(p[0]))
        self._set = Anchors(here, self._t)
        if self.found is not None and not held:  # else crosses move with the maps
            self._draw_anchors(self.found)
        self.refresh()

    def _stepped(self, event: object = None) -> None:
        # adding views beside the loop emits this event, too, but the frame is the same
        layer = self.chooser.layer
        if layer is not None and frame_shown(self.viewer, layer) != self._t:
            self.refresh()

    def _other_loop(self, layer: Layer | None) -> None:
        self._forget()
        self.refresh()

    def _flow_changed(self, loop: Loop) -> None:
        if self.found is not None and loop is self.found.request.loop:
            self.refresh()

    def _dropped(self, name: str) -> None:
        """Note that the user has deleted the layer of a view.

        The view is unchecked a little later, and only if the loop is still there: if
        the loop was deleted with all its layers, the view stays checked for the next.
        """
        self._deleted.append(name)
        self._later.start(0)

    def _take_back(self) -> None:
        """Uncheck views whose layers were deleted while the loop stays."""
        names, self._deleted = self._deleted, []
        found = self.found
        if found is None or found.request.layer not in self.viewer.layers:
            return
        for wished, box in self.controls.boxes.items():
            if any(VIEWS[wished] is view_of(name) for name in names):
                box.setChecked(False)

    def _listen_to_labels(self, layer: Layer | None) -> None:
        if layer is not None:
            listen(self, layer.events.paint, self.refresh)
        self.refresh()

    def _painted(self, t: int) -> np.ndarray | None:
        layer = self.labels.layer
        if layer is None:
            return None
        labels = layer.data
        if layer.ndim > 2:
            labels = labels[min(t, len(labels) - 1)]
        return np.array(without_background(labels, layer.metadata))

    def _hovered(self, viewer: Any, event: Any) -> None:
        found, words = self.found, ""
        on = self.controls.on.isChecked()
        if on and found is not None and found.request.t == self._t:
            cell = found.grid.cell_at(*point_at(found.request.layer, event.position))
            if cell is not None:
                words = found.profile(cell.pixel, cell.member).words
        self.profile.setText(words)

    def _show_progress(self) -> None:
        known, total = self.feed.known()
        fit = self.feed.frames_that_fit
        words = f"{known} of {total} frames embedded" if known < total else ""
        if fit is not None and fit < 1:
            words += "\nThe memory limit is below one frame: only this frame is kept."
        self.progress.setText(words.strip())


def crosses_of(
    found: ExplorerResult, positions: tuple[Position, ...]
) -> tuple[Position, ...]:
    """Return the positions of anchors in the cells of their similarity maps."""
    if found.request.choices.over:
        return ()
    corners = [
        found.grid.corner(block, model)
        for block, name in enumerate(found.names, 1)
        if view_of(name).needs_anchor
        for model in range(found.grid.members)
    ]
    seen = [p for p in positions if not np.isnan(p[0])]
    return tuple((row + r, column + c) for row, column in corners for r, c in seen)


def _missing_choice(layer: Layer | None, models: Any, choices: ExplorerChoices) -> str:
    """Tell the user what to choose first; an empty text if nothing is missing."""
    if layer is None:
        return "Open a loop first."
    if not models:
        return "No model yet: pretrain one below, or choose a file."
    return "" if choices.names else "Check a view."
