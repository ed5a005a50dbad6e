"""The Embedding dock: learn one from motion, see it in colours, probe it by a click."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from napari.layers import Layer
from napari.viewer import Viewer
from qtpy.QtWidgets import QCheckBox, QSpinBox

from napari_motionseg.embedding import random_projection, similarity_map
from napari_motionseg.models import UNetConfig
from napari_motionseg.session import Model, frame_embedding
from napari_motionseg.training import PretrainSettings, pretrain_job
from napari_motionseg.widgets.background import Latest
from napari_motionseg.widgets.choosers import LayerChooser, ModelChooser
from napari_motionseg.widgets.dock import Dock, button, hint
from napari_motionseg.widgets.job_panel import JobPanel
from napari_motionseg.widgets.listening import listen
from napari_motionseg.widgets.viewers import (
    errors_shown,
    frame_shown,
    is_loop,
    lay_over,
    pixel_at,
)

STEPS = 400
LARGEST_CROP = 256
ANCHOR = "#ffd23f"


class EmbeddingDock(Dock):
    """Pretraining, random projections, and similarity to a clicked anchor."""

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__(napari_viewer)
        self.chooser = LayerChooser(self.viewer, is_loop, "The loop to learn from")
        self.section("Loop").addRow(self.chooser)
        self._build_pretraining()
        self._build_views()
        self.projections = Latest(self, self._show_projection)
        self.similarities = Latest(self, self._show_similarity)
        self.anchor: tuple[int, int] | None = None
        listen(self, self.viewer.dims.events.current_step, self._frame_changed)
        listen(self, self.viewer.mouse_drag_callbacks, self._clicked)

    def _build_pretraining(self) -> None:
        self.steps = QSpinBox()
        self.steps.setRange(1, 100_000)
        self.steps.setValue(STEPS)
        self.steps.setToolTip("Optimizer steps; more is better, and longer")
        self.train_button = button(
            "Learn from motion",
            "Estimate flow, then teach a network that what moves together belongs "
            "together. No labels are needed.",
        )
        self.train_button.clicked.connect(self._train)
        form = self.section("Learn an embedding")
        form.addRow("Steps", self.steps)
        form.addRow(self.train_button)
        self.panel = JobPanel(self.session, curve=True)
        self.panel.ended.connect(lambda _: self.train_button.setEnabled(True))
        self.add(self.panel)

    def _build_views(self) -> None:
        self.models = ModelChooser(
            self.session, ("embedding", "segmentation"), None,
            "The network whose embedding is shown", "embedding",
        )  # fmt: skip
        self.project = QCheckBox("Random projection")
        self.project.setToolTip(
            "The 64 dimensions of the embedding in three colours: alike is what has "
            "the same colour. Follows the frame."
        )
        self.probe = QCheckBox("Similarity to a clicked pixel")
        self.probe.setToolTip("Click into the picture; follows the frame")
        self.project.toggled.connect(self._frame_changed)
        self.probe.toggled.connect(self._frame_changed)
        self.models.model_changed.connect(self._frame_changed)
        form = self.section("Look at it")
        form.addRow("Model", self.models)
        form.addRow(self.project)
        form.addRow(self.probe)
        self.hint = hint("")
        form.addRow(self.hint)

    def _train(self) -> None:
        layer = self.chooser.layer
        with errors_shown():
            if layer is None:
                return
            cine = self.session.loop(layer).cine
            settings = PretrainSettings(
                steps=self.steps.value(),
                crop=min(LARGEST_CROP, *cine.shape[1:]),
                network=UNetConfig(flat_field=True),
            )
            out = self.session.new_path("embedding")
            self.panel.start(
                "Pretraining", _pretrain, cine, settings, out, done=self._learnt
            )
            self.train_button.setEnabled(False)

    def _learnt(self, path: Path) -> None:
        self.session.add_model(Model(path, "embedding", path.stem))
        self.models.choose(path)
        self.project.setChecked(True)

    def _clicked(self, viewer: Any, event: Any) -> None:
        layer = self.chooser.layer
        if not self.probe.isChecked() or layer is None or event.button != 1:
            return
        pixel = pixel_at(layer, event.position)
        if pixel is not None:
            self.anchor = pixel
            self._frame_changed()

    def _frame_changed(self, event: object = None) -> None:
        layer, model = self.chooser.layer, self.models.chosen
        wanted = self.project.isChecked() or self.probe.isChecked()
        if wanted and model is None:
            self.hint.setText("No model yet: learn one above, or choose a file.")
        elif self.probe.isChecked() and self.anchor is None:
            self.hint.setText("Click a pixel of the loop.")
        else:
            self.hint.setText("")
        if layer is None or model is None:
            return
        with errors_shown():
            loop = self.session.loop(layer)
            t = frame_shown(self.viewer, layer)
            asked = (self.session, loop, model.path, t)
            if self.project.isChecked():
                self.projections.ask(_projection, layer, asked)
            if self.probe.isChecked() and self.anchor is not None:
                self.similarities.ask(_similarity, layer, asked, self.anchor)

    def _show_projection(self, answer: tuple[Layer, Any]) -> None:
        layer, colors = answer
        lay_over(self.viewer, layer, "projection", colors, rgb=True, opacity=0.8)

    def _show_similarity(self, answer: tuple[Layer, Any, tuple[int, int]]) -> None:
        layer, similarity, anchor = answer
        lay_over(
            self.viewer, layer, "similarity", similarity,
            colormap="inferno", contrast_limits=(-1, 1), opacity=0.8,
        )  # fmt: skip
        lay_over(
            self.viewer, layer, "anchor", np.asarray([anchor]), "points",
            size=max(layer.data.shape[-2:]) / 50, face_color="transparent",
            border_color=ANCHOR, border_width=0.2,
        )  # fmt: skip


def _pretrain(cine: Any, settings: PretrainSettings, out: Path) -> Iterator[Any]:
    return (yield from pretrain_job([cine], settings, out=out))


def _projection(layer: Layer, asked: tuple[Any, ...]) -> tuple[Layer, Any]:
    return layer, random_projection(frame_embedding(*asked))


def _similarity(
    layer: Layer, asked: tuple[Any, ...], anchor: tuple[int, int]
) -> tuple[Layer, Any, tuple[int, int]]:
    return layer, similarity_map(frame_embedding(*asked), anchor), anchor
