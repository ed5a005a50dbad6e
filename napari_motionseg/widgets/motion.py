"""The Motion dock: optical flow of a loop, in colours."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from napari.layers import Layer
from napari.viewer import Viewer
from qtpy.QtCore import Qt
from qtpy.QtGui import QImage, QPixmap
from qtpy.QtWidgets import QCheckBox, QComboBox, QLabel, QSpinBox

from napari_motionseg.cine import Cine
from napari_motionseg.errors import MotionSegError
from napari_motionseg.layer_jobs import StoredFlow, flow_layer_job
from napari_motionseg.motion import (
    ESTIMATORS,
    FlowSequence,
    FlowSettings,
    choose_gap,
    color_wheel,
    save_flow,
)
from napari_motionseg.session import Loop
from napari_motionseg.widgets.adapt_flow import AdaptFlow
from napari_motionseg.widgets.background import Latest
from napari_motionseg.widgets.choosers import LayerChooser, ask_target
from napari_motionseg.widgets.dock import Dock, button
from napari_motionseg.widgets.job_panel import JobPanel
from napari_motionseg.widgets.motion_views import MotionViews
from napari_motionseg.widgets.viewers import (
    DERIVED,
    errors_shown,
    frame_shown,
    is_loop,
    placement,
)

WHEEL_PX = 120
FORMATS = "All frames (*.zarr);;Movie of colours (*.mp4 *.gif);;This frame (*.flo)"
MOST_FRAMES_APART = 30


class MotionDock(Dock):
    """Estimates flow in a child process and lays its colours over the loop."""

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__(napari_viewer)
        self.chooser = LayerChooser(self.viewer, is_loop, "The loop that moves")
        self.section("Loop").addRow(self.chooser)
        self._build_settings()
        self.run_button = button(
            "Estimate flow", "Estimate the motion of every pixel between frames"
        )
        self.run_button.clicked.connect(self._run)
        self.add(self.run_button)
        self.panel = JobPanel(self.session)
        self.panel.ended.connect(lambda _: self._enable())
        self.add(self.panel)
        self._build_wheel()
        self.views = MotionViews(self, self.chooser)
        self.adaptation = AdaptFlow(self, self.chooser)
        self.save_button = button(
            "Save flow…", "All frames as zarr or as a movie, or this frame as .flo"
        )
        self.save_button.clicked.connect(self._save)
        self.add(self.save_button)
        self.saved = Latest(self, lambda path: self.panel.say(f"Wrote {path}"))
        self.chooser.layer_changed.connect(self._show_gap)
        self._show_gap(self.chooser.layer)

    def _build_settings(self) -> None:
        self.method = QComboBox()
        for name, choice in ESTIMATORS.items():
            self.method.addItem(name)
            index = self.method.count() - 1
            self.method.setItemData(index, choice.summary, Qt.ItemDataRole.ToolTipRole)
        self.method.setToolTip("How flow is estimated")
        self.gap = QSpinBox()
        self.gap.setRange(0, MOST_FRAMES_APART)
        self.gap.setToolTip(
            "Frames from one picture of a pair to the other; auto is nearest to 133 ms"
        )
        self.backward = QCheckBox("also backward")
        self.backward.setToolTip("Also from the later frame to the earlier one")
        form = self.section("Flow")
        form.addRow("Method", self.method)
        form.addRow("Gap", self.gap)
        form.addRow("", self.backward)

    def _build_wheel(self) -> None:
        self.wheel = QLabel()
        self.wheel.setPixmap(_wheel_pixmap())
        self.wheel.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.wheel.setToolTip("Colour is direction, strength of colour is speed")
        self.scale_text = QLabel()
        self.scale_text.setAlignment(Qt.AlignmentFlag.AlignCenter)
        for widget in (self.wheel, self.scale_text):
            widget.setVisible(False)
            self.add(widget)

    def _show_gap(self, layer: Layer | None) -> None:
        text = "auto"
        try:
            if layer is not None:
                cine = self.session.loop(layer).cine
                gap = choose_gap(cine)
                ms = cine.frame_interval
                text = f"auto: {gap}" + (f" ({gap * ms:.0f} ms)" if ms else "")
        except MotionSegError:
            text = "auto"
        self.gap.setSpecialValueText(text)
        self._enable()

    def _enable(self) -> None:
        layer = self.chooser.layer
        self.run_button.setEnabled(layer is not None and not self.panel.running)
        loop = None if layer is None else self.session.known_loop(layer)
        self.save_button.setEnabled(loop is not None and loop.flow is not None)

    def _run(self) -> None:
        layer = self.chooser.layer
        with errors_shown():
            if layer is None:
                return
            loop = self.session.loop(layer)
            settings = FlowSettings(
                gap=self.gap.value() or "auto",
                method=self.method.currentText(),
                backward=self.backward.isChecked(),
            )
            number = int(self.session.new_path("flow").stem.rsplit("-", 1)[1])
            self.panel.start(
                "Flow",
                flow_layer_job,
                loop.cine,
                settings,
                self.session.folder,
                number,
                done=lambda stored: self._show_flow(layer, loop, stored),
            )
            self._enable()

    def _save(self) -> None:
        layer = self.chooser.layer
        with errors_shown():
            loop = None if layer is None else self.session.loop(layer)
            if loop is None or loop.flow is None:
                return
            path = ask_target(self, "Save flow", f"{layer.name}_flow.zarr", FORMATS)
            if path is not None:
                t = frame_shown(self.viewer, layer)
                self.saved.ask(_saved, path, loop.cine, loop.flow, t)

    def _show_flow(self, layer: Layer, loop: Loop, stored: StoredFlow) -> None:
        flow, colors = stored.open()
        self.session.set_flow(loop, flow)
        if layer in self.viewer.layers:
            place: dict[str, Any] = placement(layer, 3) if layer.ndim > 2 else {}
            self.viewer.add_image(
                colors,
                rgb=True,
                name=f"{layer.name} flow",
                blending="multiplicative",  # white, no motion, leaves the loop as it is
                metadata={DERIVED: "flow", "gap": flow.gap, "method": flow.method},
                **place,
            )
        self.scale_text.setText(_scale_words(stored, loop))
        for widget in (self.wheel, self.scale_text):
            widget.setVisible(True)
        self._enable()
        for sentence in stored.notes:
            self.panel.say(f"{self.panel.status.text()}\n{sentence}")


def _saved(path: Path, cine: Cine, flow: FlowSequence, t: int) -> Path:
    """Write flow, and return where; in a thread."""
    save_flow(path, cine, flow, t)
    return path


def _scale_words(stored: StoredFlow, loop: Loop) -> str:
    """Say what full colour is: pixels a gap, and millimetres a second if known."""
    words = f"full colour: {stored.maximum:.1f} px"
    words += " a frame" if stored.gap == 1 else f" in {stored.gap} frames"
    spacing, interval = loop.cine.pixel_spacing, loop.cine.frame_interval
    if spacing and interval:
        speed = stored.maximum * float(np.mean(spacing)) / (interval * stored.gap)
        words += f", {1000 * speed:.0f} mm/s"
    return words


def _wheel_pixmap() -> QPixmap:
    wheel = np.ascontiguousarray(color_wheel(WHEEL_PX))
    rows, columns, channels = wheel.shape
    form = QImage.Format.Format_RGBA8888
    if channels == 3:
        form = QImage.Format.Format_RGB888
    image = QImage(wheel.tobytes(), columns, rows, columns * channels, form)
    return QPixmap.fromImage(image)
