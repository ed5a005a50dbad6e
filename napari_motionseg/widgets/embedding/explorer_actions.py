"""Buttons of the explorer: estimate missing flow, save figure 3, set the memory."""

from __future__ import annotations

from pathlib import Path

from napari.layers import Layer
from qtpy.QtCore import QObject
from qtpy.QtWidgets import QDoubleSpinBox

from napari_motionseg.embedding.embedding_views import VIEWS
from napari_motionseg.embedding.figure import caption_words, draw_figure, save_figure
from napari_motionseg.motion import FlowSettings
from napari_motionseg.motion.flow_sequence import resolve_gap
from napari_motionseg.viewmodel.explorer_state import ExplorerResult
from napari_motionseg.viewmodel.layer_jobs import (
    FlowRequest,
    StoredFlow,
    flow_layer_job,
    on_device,
)
from napari_motionseg.viewmodel.session import Loop
from napari_motionseg.widgets.common.background import Latest
from napari_motionseg.widgets.common.dock_layout import Dock, button
from napari_motionseg.widgets.common.endings import ESTIMATING
from napari_motionseg.widgets.common.job_panel import JobPanel
from napari_motionseg.widgets.common.loop_work import LoopWork
from napari_motionseg.widgets.common.save_dialog import ask_target
from napari_motionseg.widgets.common.viewers import errors_shown, frame_shown
from napari_motionseg.widgets.embedding.explorer import Explorer

FORMATS = "Picture (*.png);;Vector graphics (*.pdf);;Vector graphics (*.svg)"
GIB = 2**30


class ExplorerActions(QObject):
    """Buttons below the explorer: estimate flow, save a figure, limit the memory.

    Parameters
    ----------
    dock
        The dock that the buttons are added to.
    explorer
        The explorer that the buttons act on.
    """

    def __init__(self, dock: Dock, explorer: Explorer) -> None:
        super().__init__(dock)
        self._dock, self._explorer = dock, explorer
        self._session = dock.session
        self.flow_button = button(
            "Estimate flow",
            "Estimate the optical flow of the loop, as the Motion dock does, for the "
            "views of flow",
        )
        self.flow_button.clicked.connect(self._estimate)
        self.panel = JobPanel(self._session)
        self.panel.ended.connect(lambda _: self._enable())
        self.save_button = button(
            "Save figure…",
            "Save the shown views as one figure, with captions and colour bars",
        )
        self.save_button.clicked.connect(self._save)
        explorer.buttons.insertWidget(0, self.save_button)
        self.saved = Latest(dock, self._say_saved)
        self.memory = QDoubleSpinBox()
        self.memory.setRange(0.001, 1024)
        self.memory.setDecimals(2)
        self.memory.setSingleStep(0.5)
        self.memory.setSuffix(" GiB")
        self.memory.setValue(self._session.embeddings.capacity / GIB)
        self.memory.setToolTip(
            "Memory for the embeddings of all loops; beyond it, embeddings of distant "
            "frames are kept on disk"
        )
        self.memory.valueChanged.connect(self._limit)
        explorer.controls.form.addRow(self.flow_button)
        explorer.controls.form.addRow(self.panel)
        explorer.controls.more.addRow("Memory", self.memory)
        explorer.controls.changed.connect(self._enable)
        explorer.shown.connect(self._enable)
        self._enable()

    def _enable(self, _: object = None) -> None:
        explorer, layer = self._explorer, self._explorer.chooser.layer
        loop = None if layer is None else self._session.known_loop(layer)
        names = explorer.controls.choices.names
        wanted = any(VIEWS[name].needs_flow for name in names)
        missing = loop is not None and loop.flow is None and len(loop.cine) > 1
        self.flow_button.setVisible(wanted and missing)
        self.flow_button.setEnabled(not self.panel.running)
        self.save_button.setEnabled(explorer.found is not None and bool(names))

    def _limit(self, gib: float) -> None:
        self._session.embeddings.capacity = max(1, round(gib * GIB))
        self._explorer.refresh()

    def _estimate(self) -> None:
        layer = self._explorer.chooser.layer
        with errors_shown():
            if layer is None:
                return
            loop = self._session.loop(layer)
            gap, _ = resolve_gap(loop.cine, "auto")
            settings = FlowSettings(gap=gap)
            number = int(self._session.new_path("flow").stem.rsplit("-", 1)[1])
            request = FlowRequest(on_device(settings, self._session.device))
            self.panel.start(
                "Flow", flow_layer_job, loop.cine, [request], self._session.folder,
                number, frame_shown(self._dock.viewer, layer),
                done=lambda stored: self._keep(layer, loop, settings, stored),
                endings=ESTIMATING,
                work=LoopWork(self._dock.viewer, layer, len(loop.cine) - gap),
            )  # fmt: skip
            self._enable()

    def _keep(
        self, layer: Layer, loop: Loop, settings: FlowSettings, stored: list[StoredFlow]
    ) -> None:
        flow = stored[0].open()
        loop.flows.put(settings, flow)
        if self._session.known_loop(layer) is loop:
            self._session.set_flow(loop, flow)

    def _save(self) -> None:
        found = self._explorer.found
        if found is None:
            return
        name = f"{found.request.layer.name} figure 3.png"
        path = ask_target(self._dock, "Save figure", name, FORMATS)
        if path is not None:
            self.panel.say(f"Writing {path.name}…")
            self.saved.ask(_saved, path, found)

    def _say_saved(self, path: Path) -> None:
        self.panel.say(f"Wrote {path}")


def _saved(path: Path, found: ExplorerResult) -> Path:
    """Draw and write a figure in a thread, and return its path."""
    choices, look = found.request.choices, found.request
    caption = caption_words(
        look.t, choices.method, choices.seed, choices.kernel, choices.shift
    )
    save_figure(draw_figure(found.figure_rows(), caption, found.names), path)
    return path
