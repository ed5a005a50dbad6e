"""Views of a loop's flow that follow the frame: speed, arrows, what is left over."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from napari.layers import Labels, Layer
from qtpy.QtWidgets import (
    QCheckBox,
    QDoubleSpinBox,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QSpinBox,
)

from napari_motionseg.motion import FlowSequence, FrameMotion, mean_speed
from napari_motionseg.session import Loop
from napari_motionseg.widgets.background import Latest
from napari_motionseg.widgets.choosers import LayerChooser
from napari_motionseg.widgets.curve import FrameCurve
from napari_motionseg.widgets.dock import Dock, hint
from napari_motionseg.widgets.listening import listen
from napari_motionseg.widgets.viewers import (
    frame_shown,
    lay_over,
    pixel_at,
)

ARROW_EVERY_PX, ARROW_LENGTH = 16, 3.0


@dataclass(frozen=True)
class View:
    """A check box, and the layer that it shows."""

    title: str
    tooltip: str
    kind: str = "image"
    looks: dict[str, Any] = field(default_factory=dict)


VIEWS = {
    "speed": View("Speed", "Length of each vector in pixels",
                  looks={"colormap": "viridis", "opacity": 0.8}),
    "arrows": View("Arrows", "Where pixels of a grid go", "vectors",
                   {"edge_color": "gold", "edge_width": 2, "vector_style": "arrow"}),
    "brought back": View(
        "Later frame brought back",
        "The later frame warped onto this one; black where it shows nothing of it",
        looks={"colormap": "gray", "contrast_limits": (0, 1)}),
    "left over": View(
        "What is left over",
        "This frame minus the later one brought back: what the flow does not explain",
        looks={"colormap": "PiYG", "contrast_limits": (-0.15, 0.15), "opacity": 0.8}),
    "disagreement": View(
        "There and back",
        "Pixels by which there and back again misses; needs flow estimated backward",
        looks={"colormap": "magma", "contrast_limits": (0, 6), "opacity": 0.8}),
}  # fmt: skip


class MotionViews:
    """Check boxes of views, and the motion under the cursor.

    Parameters
    ----------
    dock
        Where they stand.
    chooser
        The loop that is looked at.
    """

    def __init__(self, dock: Dock, chooser: LayerChooser) -> None:
        self._viewer = dock.viewer
        self._session = dock.session
        self._chooser = chooser
        form = dock.section("Look at it")
        self.boxes: dict[str, QCheckBox] = {}
        for name, view in VIEWS.items():
            box = self.boxes[name] = QCheckBox(view.title)
            box.setToolTip(f"{view.tooltip}. Follows the frame.")
            box.toggled.connect(self.refresh)
            form.addRow(box)
        self._build_arrow_controls(form)
        self.hint = hint("")
        self.cursor = QLabel()
        form.addRow(self.hint)
        form.addRow(self.cursor)
        self.curve = FrameCurve("mean px")
        self.curve.setToolTip(
            "Mean length of the vectors at each frame: on the masks or labels that the "
            "loop had when it was chosen or its flow came, else on all pixels"
        )
        form.addRow(self.curve)
        self.pictures = Latest(dock, self._show)
        self.speeds = Latest(dock, self._show_speeds)
        listen(dock, self._viewer.dims.events.current_step, self.refresh)
        listen(dock, self._session.flow_changed, self._start_anew)
        listen(dock, self._viewer.mouse_move_callbacks, self._moved)
        chooser.layer_changed.connect(self._start_anew)
        self._start_anew()

    def _build_arrow_controls(self, form: QFormLayout) -> None:
        self.every = QSpinBox()
        self.every.setRange(4, 128)
        self.every.setValue(ARROW_EVERY_PX)
        self.every.setSuffix(" px")
        self.every.setToolTip("From one arrow to the next")
        self.length = QDoubleSpinBox()
        self.length.setRange(0.5, 20)
        self.length.setValue(ARROW_LENGTH)
        self.length.setSingleStep(0.5)
        self.length.setPrefix("× ")
        self.length.setToolTip("How much longer than the motion arrows are drawn")
        row = QHBoxLayout()
        for control in (self.every, self.length):
            control.valueChanged.connect(self.refresh)
            row.addWidget(control)
        form.addRow("Arrows", row)

    def _start_anew(self, _: object = None) -> None:
        """Show another loop, or another flow of it."""
        layer, loop = self._loop()
        self.curve.show_values(())
        if layer is not None and loop is not None and loop.flow is not None:
            self.speeds.ask(_speeds, layer, loop.flow, self._masks_on(layer))
        self.refresh()

    def _masks_on(self, loop: Layer) -> list[Any]:
        """Return the labels of this loop, the newest first."""
        return [
            layer.data
            for layer in reversed(self._viewer.layers)
            if isinstance(layer, Labels) and layer.data.shape == loop.data.shape
        ]

    def _show_speeds(self, answer: tuple[Layer, Any]) -> None:
        layer, speeds = answer
        if layer is self._chooser.layer:
            self.curve.show_values(speeds)

    def refresh(self, _: object = None) -> None:
        """Show what is checked of the frame that is shown."""
        layer, loop = self._loop()
        flow = None if loop is None else loop.flow
        for name, box in self.boxes.items():
            lacks_backward = name == "disagreement" and flow and flow.backward is None
            box.setEnabled(flow is not None and not lacks_backward)
        wanted = [n for n, box in self.boxes.items() if box.isChecked()]
        self.hint.setText("")
        self.hint.hide()
        if layer is None or loop is None or flow is None:
            return
        t = frame_shown(self._viewer, layer)
        self.curve.playhead.setValue(t)
        if wanted and t >= len(flow):
            self.hint.show()
            self.hint.setText(
                f"No flow begins at this frame; the last begins at {len(flow) - 1}."
            )
        elif wanted:
            arrows = self.every.value(), self.length.value()
            self.pictures.ask(_views, layer, loop, flow, t, wanted, arrows)

    def _loop(self) -> tuple[Layer | None, Loop | None]:
        layer = self._chooser.layer
        return layer, None if layer is None else self._session.known_loop(layer)

    def _show(self, answer: tuple[Layer, float, dict[str, Any]]) -> None:
        layer, brightest, pictures = answer
        for name, picture in pictures.items():
            view = VIEWS[name]
            looks = dict(view.looks)
            if name == "speed":
                looks["contrast_limits"] = (0, brightest)
            lay_over(self._viewer, layer, name, picture, view.kind, **looks)

    def _moved(self, viewer: Any, event: Any) -> None:
        layer, loop = self._loop()
        if layer is None or loop is None or loop.flow is None:
            self.cursor.setText("")
            return
        pixel, t = pixel_at(layer, event.position), frame_shown(viewer, layer)
        if pixel is None or t >= len(loop.flow):
            self.cursor.setText("")
            return
        x, y = (float(part) for part in loop.flow.forward[t][(slice(None), *pixel)])
        self.cursor.setText(motion_words(x, y, loop))


def _views(
    layer: Layer,
    loop: Loop,
    flow: FlowSequence,
    t: int,
    names: list[str],
    arrows: tuple[int, float],
) -> tuple[Layer, float, dict[str, Any]]:
    """Compute the views of one frame; in a thread."""
    motion = FrameMotion.at(loop.cine, flow, t)
    made = {
        "speed": motion.length,
        "arrows": lambda: motion.arrows(*arrows),
        "brought back": motion.brought_back,
        "left over": motion.left_over,
        "disagreement": lambda: np.nan_to_num(motion.disagreement(), posinf=0),
    }
    return layer, flow.full_color_px, {name: made[name]() for name in names}


def _speeds(layer: Layer, flow: FlowSequence, masks: list[Any]) -> tuple[Layer, Any]:
    """Compute the curve, on the first of `masks` that holds any; in a thread."""
    painted = (np.asarray(mask) > 0 for mask in masks)
    return layer, mean_speed(flow, next((m for m in painted if m.any()), None))


def motion_words(x: float, y: float, loop: Loop) -> str:
    """Say a pixel's motion in px, and in mm/s where spacing and times are known."""
    words = f"{np.hypot(x, y):.1f} px ({x:+.1f} across, {y:+.1f} down)"
    spacing, interval = loop.cine.pixel_spacing, loop.cine.frame_interval
    if spacing and interval and loop.flow is not None:
        way = float(np.hypot(x * spacing[1], y * spacing[0]))
        words += f", {1000 * way / (interval * loop.flow.gap):.0f} mm/s"
    return words
