"""Pretrain an embedding from the motion of a loop, in a section of the dock."""

from __future__ import annotations

from pathlib import Path

from qtpy.QtCore import QObject, Signal

from napari_motionseg.viewmodel.explained_words import explained_words
from napari_motionseg.viewmodel.learning_choices import PretrainChoices
from napari_motionseg.viewmodel.session import Model
from napari_motionseg.viewmodel.training_jobs import pretrain_layer_job
from napari_motionseg.widgets.common.choosers import LayerChooser
from napari_motionseg.widgets.common.dock_layout import Dock, button
from napari_motionseg.widgets.common.endings import LEARNING
from napari_motionseg.widgets.common.form_rows import Number, Switch
from napari_motionseg.widgets.common.job_panel import JobPanel
from napari_motionseg.widgets.common.run_on_chooser import add_places
from napari_motionseg.widgets.common.settings_form import SettingsForm
from napari_motionseg.widgets.common.viewers import errors_shown

ROWS = {
    "steps": Number(
        label="Steps",
        tooltip="Optimizer steps; more steps are better and take longer",
        minimum=1,
        maximum=100_000,
    ),
    "anyway": Switch(
        text="Train without a signal",
        tooltip="Train even if the flow says almost nothing, or says it only about the "
        "background",
    ),
}


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
        self.choices = SettingsForm(PretrainChoices(), ROWS)
        self.steps = self.choices.native("steps")
        self.button = button(
            "Learn from motion",
            "Estimate flow, then pretrain an embedding that tells what moves by itself "
            "from what moves with the background. No labels are needed. It is for "
            "looking; for masks, train from the default network, which gives better "
            "ones.",
        )
        self.button.clicked.connect(self._train)
        form = dock.section("Pretrain an embedding")
        form.addRow("Steps", self.choices.native("steps"))
        form.addRow(self.button)
        more = dock.advanced("The device that the pretraining computes on")
        add_places(more, self._session)
        more.addRow(self.choices.native("anyway"))
        self.panel = JobPanel(self._session, curve=True)
        self.panel.ended.connect(lambda _: self.button.setEnabled(True))
        dock.add(self.panel)

    def _train(self) -> None:
        layer = self._chooser.layer
        with errors_shown():
            if layer is None:
                return
            cine = self._session.loop(layer).cine
            out = self._session.new_path("embedding")
            self.panel.start(
                "Pretraining", pretrain_layer_job, cine, self.choices(),
                self._session.device, out, done=self._keep, endings=LEARNING,
            )  # fmt: skip
            self.button.setEnabled(False)

    def _keep(self, path: Path) -> None:
        from napari_motionseg.models import read_card

        self._session.add_model(Model(path, "embedding", path.stem))
        said = (self.panel.status.text(), explained_words(read_card(path)))
        self.panel.say("\n".join(filter(None, said)))
        self.learnt.emit(path)
