"""The Motion dock: estimate, view and save the optical flow of a loop."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from napari.layers import Layer
from napari.viewer import Viewer

from napari_motionseg.cine import Cine
from napari_motionseg.errors import MotionSegError
from napari_motionseg.motion import FlowSequence, save_flow
from napari_motionseg.motion.frame_motion import Way
from napari_motionseg.viewmodel.layer_jobs import (
    FlowRequest,
    StoredFlow,
    flow_layer_job,
    on_device,
)
from napari_motionseg.viewmodel.session import Loop
from napari_motionseg.widgets.common.autosaved_dock import AutosavedDock
from napari_motionseg.widgets.common.background import Latest
from napari_motionseg.widgets.common.choosers import LoopChooser
from napari_motionseg.widgets.common.dock_layout import button
from napari_motionseg.widgets.common.endings import ESTIMATING
from napari_motionseg.widgets.common.job_panel import JobPanel
from napari_motionseg.widgets.common.listening import HeardLayer
from napari_motionseg.widgets.common.loop_work import LoopWork
from napari_motionseg.widgets.common.save_dialog import ask_target
from napari_motionseg.widgets.common.viewers import errors_shown, frame_shown
from napari_motionseg.widgets.motion.flow_adaptation import AdaptFlow
from napari_motionseg.widgets.motion.flow_controls import FlowControls, Wanted
from napari_motionseg.widgets.motion.motion_views import WAYS, MotionViews, Scene
from napari_motionseg.widgets.motion.speed_curve import SpeedCurve

FORMATS = ";;".join(
    (
        "All frames (*.zarr)",
        "Movie of colours (*.mp4)",
        "Movie of colours (*.gif)",
        "This frame, Middlebury (*.flo)",
        "This frame, KITTI (*.png)",
    )
)


class MotionDock(AutosavedDock):
    """Estimate flow in a child process and show it in several views."""

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__(napari_viewer)
        self.chooser = LoopChooser(self.viewer, "The loop whose flow is shown")
        self.section("Loop").addRow(self.chooser)
        self.controls = FlowControls(
            self.section("Flow"),
            self.advanced("Comparison, gap and direction of the flow"),
            self.session,
        )
        self.method, self.gap = self.controls.method, self.controls.gap
        self.backward = self.controls.backward
        self.run_button = button(
            "Estimate flow", "Estimate the motion of each pixel from frame to frame"
        )
        self.run_button.clicked.connect(self._run)
        self.add(self.run_button)
        self.panel = JobPanel(self.session)
        self.panel.ended.connect(lambda _: self._enable())
        self.add(self.panel)
        self.views = MotionViews(self)
        self.speed = SpeedCurve(self)
        self.adaptation = AdaptFlow(self, self.chooser)
        self.adaptation.learnt.connect(self._compare_adapted)
        self.save_button = button(
            "Save flow…",
            "Save all frames as zarr or movie, or this frame as .flo or KITTI",
        )
        self.save_button.clicked.connect(self._save)
        self.add(self.save_button)
        self.saved = Latest(self, self._say_saved)
        self._heard = HeardLayer(self, data=self._pixels_changed)
        self.controls.changed.connect(self._look)
        self.chooser.layer_changed.connect(self._other_loop)
        self._other_loop(self.chooser.layer)

    def _other_loop(self, layer: Layer | None) -> None:
        self._heard.turn_to(layer)
        self._pixels_changed()

    def _pixels_changed(self, event: object = None) -> None:
        cine = None
        try:
            if self.chooser.layer is not None:
                cine = self.session.loop(self.chooser.layer).cine
        except MotionSegError:
            pass  # the error is shown when the user asks for the flow
        self.controls.show_gap(cine)
        self._look()

    def _known(self) -> tuple[Layer, Loop] | None:
        layer = self.chooser.layer
        loop = None if layer is None else self.session.known_loop(layer)
        return None if layer is None or loop is None else (layer, loop)

    def _look(self) -> None:
        """Show the chosen flow if it has been estimated."""
        known, scene = self._known(), None
        if known is not None:
            layer, loop = known
            wanted = self.controls.possible(loop.cine)
            there = [(w.title, loop.flows.get(w.settings)) for w in wanted]
            found = [(title, flow) for title, flow in there if flow is not None]
            if found and there[0][1] is not None:
                titles, flows = zip(*found, strict=True)
                scene = Scene(layer, loop, flows, titles)
            self.session.set_flow(loop, None if scene is None else scene.flows[0])
        self.views.look_at(scene)
        self.speed.look_at(scene)
        self._enable()

    def _missing(self, loop: Loop) -> list[tuple[Wanted, FlowRequest]]:
        """Return the chosen flows that have not been estimated yet."""
        return [
            (wanted, request)
            for wanted in self.controls.possible(loop.cine)
            if (request := self._request(loop, wanted)) is not None
        ]

    def _request(self, loop: Loop, wanted: Wanted) -> FlowRequest | None:
        both = self.backward.isChecked()
        settings = dataclasses.replace(
            on_device(wanted.settings, self.session.device), backward=both
        )
        flow = loop.flows.get(wanted.settings)
        # no flow was estimated, or the job was stopped
        if flow is None or len(flow) < len(loop.cine) - flow.gap:
            return FlowRequest(settings)
        if both and flow.backward is None:
            return FlowRequest(settings, known=True)
        return None

    def _enable(self) -> None:
        known = self._known()
        missing = [] if known is None else self._missing(known[1])
        there = known is not None and self.views.scene is not None and not missing
        self.run_button.setText("Flow is estimated" if there else "Estimate flow")
        able = self.chooser.layer is not None and not self.panel.running and not there
        self.run_button.setEnabled(able)
        self.save_button.setEnabled(
            self.views.scene is not None and not self.saved.busy
        )

    def _run(self) -> None:
        layer = self.chooser.layer
        with errors_shown():
            if layer is None:
                return
            loop = self.session.loop(layer)
            self.controls.wanted(loop.cine)  # raises an error if the loop is too short
            missing = self._missing(loop)
            gap = int(missing[0][1].settings.gap)
            number = int(self.session.new_path("flow").stem.rsplit("-", 1)[1])
            self.panel.start(
                "Flow",
                flow_layer_job,
                loop.cine,
                [request for _, request in missing],
                self.session.folder,
                number,
                frame_shown(self.viewer, layer),
                done=lambda stored: self._keep(layer, loop, missing, stored),
                endings=ESTIMATING,
                work=LoopWork(self.viewer, layer, len(loop.cine) - gap),
            )
            self._enable()

    def _compare_adapted(self, weights: Path) -> None:
        """Show the loop's flow before and after adaptation side by side."""
        self.controls.compare_with_shipped(weights)
        if self.run_button.isEnabled():
            self._run()

    def _keep(
        self,
        layer: Layer,
        loop: Loop,
        asked: list[tuple[Wanted, FlowRequest]],
        stored: list[StoredFlow],
    ) -> str | None:
        """Store estimated flow; return the reason why it cannot be shown, or None."""
        notes: list[str] = []
        for (wanted, _), result in zip(asked, stored, strict=False):
            flow = result.open(loop.flows.get(wanted.settings))
            loop.flows.put(wanted.settings, flow)
            notes += [note for note in flow.notes if note not in notes]
        self._look()
        if self.session.known_loop(layer) is not loop:
            return "the loop's pixels were replaced meanwhile: its flow was dropped"
        self.panel.say("\n".join([self.panel.status.text(), *notes]))
        return None

    def _save(self) -> None:
        scene = self.views.scene
        with errors_shown():
            if scene is None:
                return
            path = ask_target(
                self, "Save flow", f"{scene.layer.name}_flow.zarr", FORMATS
            )
            if path is not None:
                t = frame_shown(self.viewer, scene.layer)
                way = WAYS[self.views.way.currentText()]
                self.panel.say(f"Writing {path.name}…")
                self.saved.ask(_saved, path, scene.loop.cine, scene.flows[0], t, way)

    def _say_saved(self, path: Path) -> None:
        self.panel.say(f"Wrote {path}")


def _saved(path: Path, cine: Cine, flow: FlowSequence, t: int, way: Way) -> Any:
    """Write flow in a thread and return its path."""
    save_flow(path, cine, flow, t, way)
    return path
