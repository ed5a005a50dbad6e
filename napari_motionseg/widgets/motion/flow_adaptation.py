"""Adapt the flow network to a loop, in a section of the dock."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from qtpy.QtCore import QObject, Qt, Signal
from qtpy.QtGui import QImage, QPixmap
from qtpy.QtWidgets import QComboBox, QFormLayout

from napari_motionseg.io.atomic import copy_file
from napari_motionseg.jobs import Progress
from napari_motionseg.models import read_card
from napari_motionseg.viewmodel.learning_choices import AdaptationChoices
from napari_motionseg.viewmodel.session import Model
from napari_motionseg.viewmodel.training_jobs import adapt_flow_layer_job
from napari_motionseg.widgets.common.choosers import LayerChooser
from napari_motionseg.widgets.common.dock_layout import Dock, button
from napari_motionseg.widgets.common.endings import LEARNING
from napari_motionseg.widgets.common.form_rows import Number
from napari_motionseg.widgets.common.job_panel import JobPanel
from napari_motionseg.widgets.common.painted_labels import MODES, painted_labels
from napari_motionseg.widgets.common.plain_labels import plain_label
from napari_motionseg.widgets.common.save_dialog import ask_target
from napari_motionseg.widgets.common.settings_form import SettingsForm
from napari_motionseg.widgets.common.viewers import (
    errors_shown,
    is_painting,
)

PREVIEW_WIDTH = 280  # px, of before, after and truth together
ROWS = {
    "steps": Number(
        label="Steps",
        tooltip="Optimizer steps; more steps are better and take longer",
        minimum=1,
        maximum=100_000,
    )
}


class AdaptFlow(QObject):
    """Section of a dock that adapts the flow network to the chosen loop.

    Parameters
    ----------
    dock
        The dock that the section belongs to.
    chooser
        The chooser of the loop.

    Signals
    -------
    learnt
        Emitted with the path of the adapted network, once the session has it as a flow
        model.
    """

    learnt = Signal(object)

    def __init__(self, dock: Dock, chooser: LayerChooser) -> None:
        super().__init__(dock)
        self._dock = dock
        self._viewer, self._session = dock.viewer, dock.session
        self._chooser = chooser
        self.adapted: Path | None = None
        form = dock.advanced(
            "Fine-tune the flow network on composed pairs of this loop",
            "Adapt flow to this loop",
        )
        self._build_settings(form)
        self.panel = JobPanel(self._session, curve=True)
        self.panel.progressed.connect(self._show_preview)
        self.panel.ended.connect(lambda _: self._enable())
        form.addRow(self.panel)
        self._build_result(form)
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
        self.choices = SettingsForm(AdaptationChoices(), ROWS)
        self.steps = self.choices.native("steps")
        self.adapt_button = button(
            "Adapt to this loop",
            "Fine-tune the flow network on composed pairs: the painted vessel is cut "
            "out and moved over frames without contrast, so that its flow is known",
        )
        self.adapt_button.clicked.connect(self._adapt)
        form.addRow("Labels", self.painting)
        form.addRow("Painted", self.mode)
        self.choices.add_to(form)
        form.addRow(self.adapt_button)

    def _build_result(self, form: QFormLayout) -> None:
        self.preview = plain_label()
        self.preview.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.preview.setToolTip(
            "Flow of a composed pair: before adaptation, now, and the true flow"
        )
        self.preview.setVisible(False)
        self.save_button = button("Save network…", "Save the adapted network as a file")
        self.save_button.clicked.connect(self._save)
        for widget in (self.preview, self.save_button):
            form.addRow(widget)

    def _enable(self) -> None:
        ready = self._chooser.layer is not None and self.painting.layer is not None
        self.adapt_button.setEnabled(ready and not self.panel.running)
        self.save_button.setEnabled(self.adapted is not None)

    def _adapt(self) -> None:
        image, painting = self._chooser.layer, self.painting.layer
        with errors_shown():
            if image is None or painting is None:
                return
            cine, labels = painted_labels(
                self._viewer, self._session, image, painting,
                MODES[self.mode.currentText()],
            )  # fmt: skip
            out = self._session.new_path("flow-adapted")
            self.panel.start(
                "Adapting flow", adapt_flow_layer_job, [(cine, labels)],
                self.choices(), self._session.device, out, done=self._learnt,
                endings=LEARNING,
            )  # fmt: skip
            self._enable()

    def _show_preview(self, progress: Progress) -> None:
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
        self.learnt.emit(path)

    def _save(self) -> None:
        target = ask_target(
            self._dock, "Save the network", "flow.safetensors", "Models (*.safetensors)"
        )
        with errors_shown():
            if self.adapted is not None and target is not None:
                copy_file(self.adapted, target)


def _error_words(errors: dict[str, dict[str, float]]) -> str:
    """Describe the errors on composed pairs before and after adaptation."""
    before, after = errors["before"], errors["after"]
    words = f"Error on composed pairs: {before['epe_all']:.2f} → {after['epe_all']:.2f}"
    if "epe_vessel" in before:
        words += f", on vessels {before['epe_vessel']:.2f} → {after['epe_vessel']:.2f}"
    return f"{words} px"
