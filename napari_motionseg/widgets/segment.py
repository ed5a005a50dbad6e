"""The Segment dock: paint a frame, train, see the vessel on every frame, save it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from napari.layers import Layer
from napari.viewer import Viewer
from qtpy.QtWidgets import QComboBox, QSpinBox

from napari_motionseg.jobs import Progress
from napari_motionseg.layer_jobs import segment_layer_job
from napari_motionseg.segmentation import finetune_job
from napari_motionseg.session import Model, finetune_settings
from napari_motionseg.widgets.choosers import LayerChooser, ModelChooser, ask_target
from napari_motionseg.widgets.dock import Dock, button, hint
from napari_motionseg.widgets.job_panel import JobPanel
from napari_motionseg.widgets.painting import MODES, painted_labels
from napari_motionseg.widgets.results import ResultLayers
from napari_motionseg.widgets.viewers import (
    errors_shown,
    frame_shown,
    is_loop,
    is_painting,
    placement,
)

MODE_TIPS = (
    "Painted frames are labelled in full: what is not painted is background",
    "1 is background, 2 is vessel; what is not painted is not known",
)
RECIPES = {"Tuned": "tuned", "Ma et al. 2019": "paper"}
SCRATCH = "scratch: no pretraining"
BRUSH = 6


class SegmentDock(Dock):
    """Fine-tunes on what was painted and segments all frames."""

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__(napari_viewer)
        self.layers = ResultLayers(self.viewer)
        self._build_layers()
        self._build_training()
        self._build_result()
        self._trained_on: Layer | None = None
        for chooser in (self.image, self.painting):
            chooser.layer_changed.connect(lambda _: self._enable())
        self.result.model_changed.connect(lambda _: self._enable())
        self._enable()

    def _build_layers(self) -> None:
        self.image = LayerChooser(self.viewer, is_loop, "The loop to segment")
        self.painting = LayerChooser(
            self.viewer, is_painting, "The labels layer that you paint on"
        )
        self.new_button = button(
            "New labels to paint on",
            "Add a labels layer over the loop, with the paintbrush ready",
        )
        self.new_button.clicked.connect(self._new_painting)
        self.mode = QComboBox()
        self.mode.addItems(MODES)
        for index, tip in enumerate(MODE_TIPS):
            self.mode.setItemData(index, tip, 3)  # Qt.ToolTipRole
        self.mode.setToolTip("What an unpainted pixel means")
        form = self.section("Paint")
        form.addRow("Loop", self.image)
        form.addRow("Labels", self.painting)
        form.addRow("Painted", self.mode)
        form.addRow(self.new_button)

    def _build_training(self) -> None:
        self.start = ModelChooser(
            self.session, ("embedding", "segmentation"), SCRATCH,
            "What training starts from: an embedding learnt from motion, an earlier "
            "segmentation, or nothing", "embedding",
        )  # fmt: skip
        self.recipe = QComboBox()
        self.recipe.addItems(RECIPES)
        self.recipe.setToolTip(
            "Tuned: cross entropy and Dice, falling rate. Ma et al.: as published"
        )
        self.steps = QSpinBox()
        self.steps.setRange(0, 100_000)
        self.steps.setSpecialValueText("as the recipe says")
        self.steps.setToolTip("Optimizer steps")
        self.train_button = button("Train", "Train on the painted frames")
        self.train_button.clicked.connect(self._train)
        form = self.section("Train")
        form.addRow("Start", self.start)
        form.addRow("Recipe", self.recipe)
        form.addRow("Steps", self.steps)
        form.addRow(self.train_button)
        self.panel = JobPanel(self.session, curve=True)
        self.panel.progressed.connect(self._live)
        self.panel.ended.connect(self._job_ended)
        self.add(self.panel)

    def _build_result(self) -> None:
        self.result = ModelChooser(
            self.session,
            ("segmentation",),
            None,
            "The network that segments",
            "segmentation",
        )
        self.apply_button = button(
            "Segment all frames",
            "Apply the network to every frame, the shown one first",
        )
        self.apply_button.clicked.connect(self._apply)
        self.save_model_button = button("Save model…", "Keep the network as a file")
        self.save_model_button.clicked.connect(self._save_model)
        self.save_masks_button = button(
            "Save masks…", "Keep the masks as .npz, TIFF or PNG"
        )
        self.save_masks_button.clicked.connect(self._save_masks)
        form = self.section("Segment")
        form.addRow("Model", self.result)
        for widget in (
            self.apply_button, self.save_masks_button, self.save_model_button,
        ):  # fmt: skip
            form.addRow(widget)
        self.add(hint("Research use only; not a medical device."))

    def _enable(self) -> None:
        idle = not self.panel.running
        has_loop = self.image.layer is not None
        model = self.result.chosen
        self.new_button.setEnabled(has_loop)
        self.train_button.setEnabled(
            idle and has_loop and self.painting.layer is not None
        )
        self.apply_button.setEnabled(idle and has_loop and model is not None)
        self.save_model_button.setEnabled(model is not None)
        self.save_masks_button.setEnabled(self.layers.has_masks)

    def _new_painting(self) -> None:
        layer = self.image.layer
        if layer is None:
            return
        painting = self.viewer.add_labels(
            np.zeros(layer.data.shape[: layer.ndim], np.uint8),
            name=f"{layer.name} labels",
            **placement(layer, layer.ndim),
        )
        painting.brush_size = BRUSH
        painting.selected_label = 2 if self._label_mode() == "scribbles" else 1
        painting.mode = "paint"
        self.painting.choose(painting)

    def _label_mode(self) -> str:
        return MODES[self.mode.currentText()]

    def _train(self) -> None:
        image, painting = self.image.layer, self.painting.layer
        with errors_shown():
            if image is None or painting is None:
                return
            cine, labels = painted_labels(
                self.viewer, self.session, image, painting, self.mode.currentText()
            )
            settings = finetune_settings(
                RECIPES[self.recipe.currentText()], self.steps.value() or None
            )
            model = self.start.chosen
            start = "scratch" if model is None else model.path
            out = self.session.new_path("vessel")
            self.panel.start(
                "Training", _finetune, cine, labels, settings, start, out,
                done=self._learnt,
            )  # fmt: skip
            self._trained_on = image
            self._enable()

    def _learnt(self, path: Path) -> None:
        self.session.add_model(Model(path, "segmentation", path.stem))
        self.result.choose(path)

    def _live(self, progress: Progress) -> None:
        preview = progress.preview
        if isinstance(preview, tuple):
            self.layers.show_mask(*preview)
        elif isinstance(preview, np.ndarray) and self._trained_on is not None:
            self.layers.show_probability(self._trained_on, preview)

    def _apply(self) -> None:
        layer, model = self.image.layer, self.result.chosen
        with errors_shown():
            if layer is None or model is None:
                return
            cine = self.session.loop(layer).cine
            shown = frame_shown(self.viewer, layer)
            order = [(shown + step) % len(cine) for step in range(len(cine))]
            number = int(self.session.new_path("masks").stem.rsplit("-", 1)[1])
            self.panel.start(
                "Segmenting", segment_layer_job, cine, model.path,
                self.session.folder, number, order,
                done=self.layers.finish_masks,
            )  # fmt: skip
            self.layers.begin_masks(layer)
            self._enable()

    def _job_ended(self, state: str) -> None:
        if state != "finished":
            self.layers.drop_empty_masks()
        self._enable()

    def _save_model(self) -> None:
        model = self.result.chosen
        target = ask_target(
            self, "Save the model", "vessel.safetensors", "Models (*.safetensors)"
        )
        if model is not None and target is not None:
            shutil.copyfile(model.path, target.with_suffix(".safetensors"))

    def _save_masks(self) -> None:
        target = ask_target(
            self, "Save the masks", "masks.npz", "Masks (*.npz *.tiff *.png)"
        )
        if target is not None:
            with errors_shown():
                self.layers.save_masks(str(target))


def _finetune(
    cine: Any, labels: Any, settings: Any, start: Any, out: Path
) -> Iterator[Any]:
    examples = [(cine, labels)]
    return (yield from finetune_job(examples, settings, start=start, out=out))
