"""Pretrain an embedding from the motion of a loop, in a section of the dock."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from qtpy.QtCore import QObject, Signal

from napari_motionseg.models import UNetConfig
from napari_motionseg.training import PretrainSettings
from napari_motionseg.viewmodel.layer_jobs import pretrain_layer_job
from napari_motionseg.viewmodel.session import Model
from napari_motionseg.widgets.common.choosers import LayerChooser
from napari_motionseg.widgets.common.device_chooser import DeviceChooser
from napari_motionseg.widgets.common.dock_layout import Dock, button
from napari_motionseg.widgets.common.endings import LEARNING
from napari_motionseg.widgets.common.form_rows import Number
from napari_motionseg.widgets.common.job_panel import JobPanel
from napari_motionseg.widgets.common.settings_form import SettingsForm
from napari_motionseg.widgets.common.viewers import errors_shown

STEPS = 400
ROWS = {
    "steps": Number(
        label="Steps",
        tooltip="Optimizer steps; more steps are better and take longer",
        minimum=1,
        maximum=100_000,
    )
}


def shown_first() -> PretrainSettings:
    """Return the initial settings of the form."""
    return PretrainSettings(steps=STEPS, network=UNetConfig(flat_field=True))


class LearnEmbedding(QObject):
    """The settings of a pretraining, a button, and the panel of its job.

    Parameters
    ----------
    dock
        The dock that the section belongs to.
    chooser
        The chooser of the loop to learn from.

    Signals
    -------
    learnt
        Emitted with the path of the embedding's checkpoint, once the session has it as
        a model.
    """

    learnt = Signal(object)

    def __init__(self, dock: Dock, chooser: LayerChooser) -> None:
        super().__init__(dock)
        self._session = dock.session
        self._chooser = chooser
        self.settings = SettingsForm(shown_first(), ROWS)
        self.steps = self.settings.native("steps")
        self.button = button(
            "Learn from motion",
            "Estimate flow, then pretrain an embedding in which pixels that move alike "
            "have similar vectors. No labels are needed.",
        )
        self.button.clicked.connect(self._train)
        form = dock.section("Pretrain an embedding")
        self.settings.add_to(form)
        form.addRow(self.button)
        more = dock.advanced("The device that the pretraining computes on")
        more.addRow("Device", DeviceChooser(self._session))
        self.panel = JobPanel(self._session, curve=True)
        self.panel.ended.connect(lambda _: self.button.setEnabled(True))
        dock.add(self.panel)

    def _train(self) -> None:
        layer = self._chooser.layer
        with errors_shown():
            if layer is None:
                return
            cine = self._session.loop(layer).cine
            settings = on_device(self.settings(), self._session.device)
            if settings.crop is not None:
                crop = min(settings.crop, *cine.shape[1:])
                settings = dataclasses.replace(settings, crop=crop)
            out = self._session.new_path("embedding")
            self.panel.start(
                "Pretraining", pretrain_layer_job, cine, settings, out, done=self._keep,
                endings=LEARNING,
            )  # fmt: skip
            self.button.setEnabled(False)

    def _keep(self, path: Path) -> None:
        self._session.add_model(Model(path, "embedding", path.stem))
        self.learnt.emit(path)


def on_device(settings: PretrainSettings, device: str) -> PretrainSettings:
    """Return settings with a device for training and flow."""
    return dataclasses.replace(
        settings,
        training=dataclasses.replace(settings.training, device=device),
        flow=dataclasses.replace(settings.flow, device=device),
    )
