"""Adapting flow to a loop: paint a vessel, press a button, compare before and after."""

from __future__ import annotations

import dataclasses
import shutil
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from napari.layers import Layer
from qtpy.QtCore import Qt
from qtpy.QtGui import QImage, QPixmap
from qtpy.QtWidgets import QCheckBox, QComboBox, QFormLayout, QLabel, QSpinBox

from napari_motionseg.cine import Cine
from napari_motionseg.errors import LabelError
from napari_motionseg.jobs import Progress
from napari_motionseg.models import read_card
from napari_motionseg.motion import choose_gap, flow_to_rgb, full_color_length
from napari_motionseg.session import PREVIEW_EVERY, Model, labels_of_layer
from napari_motionseg.training.adapt_flow import adapt_flow_job, flow_of_pair
from napari_motionseg.training.composed_pairs import AdaptationSettings
from napari_motionseg.widgets.background import Latest
from napari_motionseg.widgets.choosers import LayerChooser, ask_target
from napari_motionseg.widgets.dock import Dock, button, hint
from napari_motionseg.widgets.job_panel import JobPanel
from napari_motionseg.widgets.listening import listen
from napari_motionseg.widgets.viewers import (
    errors_shown,
    frame_shown,
    is_painting,
    lay_over,
    same_place,
)

MODES = {"Whole frames": "dense", "Scribbles": "scribbles"}
PREVIEW_WIDTH = 280  # px, of before, after and truth together


class AdaptFlow:
    """A section of a dock that fine-tunes flow to the loop that is chosen there.

    Parameters
    ----------
    dock
        Where it stands.
    chooser
        The loop.
    """

    def __init__(self, dock: Dock, chooser: LayerChooser) -> None:
        self._dock = dock
        self._viewer, self._session = dock.viewer, dock.session
        self._chooser = chooser
        self.adapted: Path | None = None
        form = dock.section("Adapt flow to this loop")
        self._build_settings(form)
        self.panel = JobPanel(self._session, curve=True)
        self.panel.curve.setVisible(False)  # the dock is long enough without
        self.panel.progressed.connect(self._show_preview)
        self.panel.ended.connect(lambda _: self._enable())
        form.addRow(self.panel)
        self._build_result(form)
        self.comparisons = Latest(dock, self._show_comparison)
        listen(dock, self._viewer.dims.events.current_step, self._compare)
        for source in (chooser, self.painting):
            source.layer_changed.connect(lambda _: self._enable())
        self._enable()

    def _build_settings(self, form: QFormLayout) -> None:
        self.painting = LayerChooser(
            self._viewer, is_painting, "Labels with the vessel painted on some frames"
        )
        self.mode = QComboBox()
        self.mode.addItems(MODES)
        self.mode.setToolTip("Scribbles: 1 is background, 2 is vessel")
        self.steps = QSpinBox()
        self.steps.setRange(1, 100_000)
        self.steps.setValue(AdaptationSettings().training.steps)
        self.steps.setToolTip("Optimizer steps; more is better, and longer")
        self.adapt_button = button(
            "Adapt to this loop",
            "Cut the painted vessel out, move it over frames without contrast, and "
            "teach the network that ships the flow of such pairs, which is known",
        )
        self.adapt_button.clicked.connect(self._adapt)
        form.addRow("Labels", self.painting)
        form.addRow("Painted", self.mode)
        form.addRow("Steps", self.steps)
        form.addRow(self.adapt_button)

    def _build_result(self, form: QFormLayout) -> None:
        self.preview = QLabel()
        self.preview.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.preview.setToolTip(
            "Flow of a composed pair: before adaptation, now, and the truth"
        )
        self.preview.setVisible(False)
        self.compare = QCheckBox("Before and after on this frame")
        self.compare.setToolTip(
            "Two layers, 'flow before' (hidden at first) and 'flow adapted', in the "
            "same colours. Follows the frame."
        )
        self.compare.toggled.connect(self._compare)
        self.save_button = button("Save network…", "Keep the adapted network as a file")
        self.save_button.clicked.connect(self._save)
        self.hint = hint("")
        for widget in (self.preview, self.compare, self.save_button, self.hint):
            form.addRow(widget)

    def _enable(self) -> None:
        ready = self._chooser.layer is not None and self.painting.layer is not None
        self.adapt_button.setEnabled(ready and not self.panel.running)
        for widget in (self.compare, self.save_button):
            widget.setEnabled(self.adapted is not None)

    def _adapt(self) -> None:
        image, painting = self._chooser.layer, self.painting.layer
        with errors_shown():
            if image is None or painting is None:
                return
            if not same_place(image, painting):
                raise LabelError(
                    f"layer {painting.name!r} does not lie on {image.name!r}: scale, "
                    "translation or shape differ; paint on labels of the same shape"
                )
            cine = self._session.loop(image).cine
            mode = MODES[self.mode.currentText()]
            t = frame_shown(self._viewer, image)
            labels = labels_of_layer(painting, cine, mode, t)
            out = self._session.new_path("flow-adapted")
            self.panel.start(
                "Adapting flow", partial(adapt_flow_job, out=out),
                [(cine, labels)], settings_of(self.steps.value()), done=self._learnt,
            )  # fmt: skip
            self._enable()

    def _show_preview(self, progress: Progress) -> None:
        self.panel.curve.setVisible(True)
        picture = progress.preview
        if isinstance(picture, np.ndarray):
            rows, columns, _ = picture.shape
            image = QImage(
                picture.tobytes(), columns, rows, 3 * columns,
                QImage.Format.Format_RGB888,
            )  # fmt: skip
            smooth = Qt.TransformationMode.SmoothTransformation
            pixmap = QPixmap.fromImage(image).scaledToWidth(PREVIEW_WIDTH, smooth)
            self.preview.setPixmap(pixmap)
            self.preview.setVisible(True)

    def _learnt(self, path: Path) -> None:
        self.adapted = path
        self._session.add_model(Model(path, "flow", path.stem))
        facts = read_card(path).provenance
        error = _error_words(facts["held_out_epe_px"])
        self.panel.say("\n".join([self.panel.status.text(), error, *facts["notes"]]))
        self._enable()
        self.compare.setChecked(True)
        self._compare()

    def _compare(self, event: object = None) -> None:
        layer = self._chooser.layer
        if not self.compare.isChecked() or layer is None or self.adapted is None:
            return
        with errors_shown():
            cine = self._session.loop(layer).cine
            gap = choose_gap(cine)
            t = frame_shown(self._viewer, layer)
            ends = t + gap >= len(cine)
            self.hint.setText("No flow begins at this frame." if ends else "")
            if not ends:
                self.comparisons.ask(_flows, layer, cine, t, gap, self.adapted)

    def _show_comparison(self, answer: tuple[Layer, np.ndarray]) -> None:
        layer, (before, after) = answer
        looks: dict[str, Any] = {"rgb": True, "blending": "multiplicative"}
        lay_over(self._viewer, layer, "flow before", before, visible=False, **looks)
        lay_over(self._viewer, layer, "flow adapted", after, **looks)

    def _save(self) -> None:
        target = ask_target(
            self._dock, "Save the network", "flow.safetensors", "Models (*.safetensors)"
        )
        if self.adapted is not None and target is not None:
            shutil.copyfile(self.adapted, target.with_suffix(".safetensors"))


def settings_of(steps: int) -> AdaptationSettings:
    """Return the settings of the window: previews now and then."""
    base = AdaptationSettings()
    training = dataclasses.replace(
        base.training, steps=steps, preview_every=PREVIEW_EVERY
    )
    return dataclasses.replace(base, training=training)


def _error_words(errors: dict[str, dict[str, float]]) -> str:
    """Say what adaptation did to the errors on composed pairs."""
    before, after = errors["before"], errors["after"]
    words = f"Error on composed pairs: {before['epe_all']:.2f} → {after['epe_all']:.2f}"
    if "epe_vessel" in before:
        words += f", on vessels {before['epe_vessel']:.2f} → {after['epe_vessel']:.2f}"
    return f"{words} px"


def _flows(
    layer: Layer, cine: Cine, t: int, gap: int, adapted: Path
) -> tuple[Layer, np.ndarray]:
    """Return flow of a frame before and after as colours ``(2, H, W, 3)``."""
    both = np.stack([flow_of_pair(cine, t, gap, w) for w in (None, adapted)])
    return layer, flow_to_rgb(both, full_color_length(both))
