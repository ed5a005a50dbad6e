"""A section that teaches an embedding by the motion of a loop."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from qtpy.QtCore import QObject, Signal
from qtpy.QtWidgets import QSpinBox

from napari_motionseg.models import UNetConfig
from napari_motionseg.motion import FlowCache
from napari_motionseg.training import PretrainSettings, pretrain_job
from napari_motionseg.viewmodel.session import Model
from napari_motionseg.widgets.common.choosers import LayerChooser
from napari_motionseg.widgets.common.dock_layout import Dock, button
from napari_motionseg.widgets.common.endings import LEARNING
from napari_motionseg.widgets.common.job_panel import JobPanel
from napari_motionseg.widgets.common.viewers import errors_shown

STEPS = 400
LARGEST_CROP = 256


class LearnEmbedding(QObject):
    """Steps, a button and the panel of its job.

    Parameters
    ----------
    dock
        Where it stands.
    chooser
        The loop.

    Signals
    -------
    learnt
        The file of the embedding, which is a model of the session by then.
    """

    learnt = Signal(object)

    def __init__(self, dock: Dock, chooser: LayerChooser) -> None:
        super().__init__(dock)
        self._session = dock.session
        self._chooser = chooser
        self.steps = QSpinBox()
        self.steps.setRange(1, 100_000)
        self.steps.setValue(STEPS)
        self.steps.setToolTip("Optimizer steps; more is better, and longer")
        self.button = button(
            "Learn from motion",
            "Estimate flow, then teach a network that what moves together belongs "
            "together. No labels are needed.",
        )
        self.button.clicked.connect(self._train)
        form = dock.section("Learn an embedding")
        form.addRow("Steps", self.steps)
        form.addRow(self.button)
        self.panel = JobPanel(self._session, curve=True)
        self.panel.ended.connect(lambda _: self.button.setEnabled(True))
        dock.add(self.panel)

    def _train(self) -> None:
        layer = self._chooser.layer
        with errors_shown():
            if layer is None:
                return
            cine = self._session.loop(layer).cine
            settings = PretrainSettings(
                steps=self.steps.value(),
                crop=min(LARGEST_CROP, *cine.shape[1:]),
                network=UNetConfig(flat_field=True),
            )
            out = self._session.new_path("embedding")
            self.panel.start(
                "Pretraining", _pretrain, cine, settings, out, done=self._keep,
                endings=LEARNING,
            )  # fmt: skip
            self.button.setEnabled(False)

    def _keep(self, path: Path) -> None:
        self._session.add_model(Model(path, "embedding", path.stem))
        self.learnt.emit(path)


def _pretrain(cine: Any, settings: PretrainSettings, out: Path) -> Iterator[Any]:
    cache = FlowCache.default()
    return (yield from pretrain_job([cine], settings, out=out, cache=cache))
