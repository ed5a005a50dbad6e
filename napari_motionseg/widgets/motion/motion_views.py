"""Show views of a loop's flow that follow the frame, and the motion at the cursor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from napari.layers import Layer
from qtpy.QtCore import QSignalBlocker
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QFormLayout,
    QHBoxLayout,
    QSpinBox,
)

from napari_motionseg.motion import (
    VIEWS,
    FlowSequence,
    FrameMotion,
    SpeedScale,
    ViewOptions,
)
from napari_motionseg.motion.flow_views import pictures
from napari_motionseg.motion.frame_motion import Way, entry_at
from napari_motionseg.viewmodel.cells import FlowCells
from napari_motionseg.viewmodel.session import Loop
from napari_motionseg.widgets.common.background import Latest
from napari_motionseg.widgets.common.dock_layout import Dock, hint
from napari_motionseg.widgets.common.listening import listen
from napari_motionseg.widgets.common.plain_labels import WrappedLabel
from napari_motionseg.widgets.common.viewers import frame_shown, point_at
from napari_motionseg.widgets.motion.legend import FlowLegend
from napari_motionseg.widgets.motion.motion_layers import MotionLayers
from napari_motionseg.widgets.motion.shown_views import ShownViews

ARROW_EVERY_PX, ARROW_LENGTH = 16, 2.0
FIRST_SHOWN = tuple(name for name, view in VIEWS.items() if not view.advanced)
WAYS: dict[str, Way] = {
    "to the later frame": "forward",
    "to the earlier frame": "backward",
}


@dataclass(frozen=True, eq=False)
class Scene:
    """A loop with the displayed flows.

    Parameters
    ----------
    layer
        Image layer of the loop.
    loop
        The loop in the session.
    flows
        One flow, or two flows of the same gap that are compared.
    titles
        Titles of the flows.
    """

    layer: Layer
    loop: Loop
    flows: tuple[FlowSequence, ...]
    titles: tuple[str, ...]

    @property
    def scale(self) -> SpeedScale:
        """Scale from pixels to speeds."""
        return SpeedScale.of(self.loop.cine, self.flows[0].gap)

    @property
    def size(self) -> tuple[int, int]:
        """Rows and columns of a frame."""
        return self.loop.cine.shape[1:]


@dataclass(frozen=True, eq=False)
class Look:
    """Request for views of a scene, with the result once there is one."""

    scene: Scene
    t: int
    way: Way
    names: tuple[str, ...]
    full_px: float | None
    arrow_step: int

    @property
    def sheet(self) -> FlowCells:
        """Cells in which the views are placed."""
        beside = sum(not VIEWS[name].over for name in self.names)
        return FlowCells(self.scene.size, len(self.scene.flows), beside)


@dataclass(frozen=True, eq=False)
class Found:
    """Views that a thread has computed for one request."""

    look: Look
    motions: tuple[FrameMotion | None, ...]
    shown: ShownViews


class MotionViews:
    """Check boxes for views, their legend, and the motion at the cursor.

    Parameters
    ----------
    dock
        The dock that the rows are added to.
    """

    def __init__(self, dock: Dock) -> None:
        self._viewer, self._session = dock.viewer, dock.session
        self.scene: Scene | None = None
        self._found: Found | None = None
        self._t = 0
        form = dock.section("Views")
        more = dock.advanced("More views of the flow, and settings of views")
        self._build_boxes(form, more)
        self._build_arrow_controls(more)
        self.legend = FlowLegend()
        self.legend.changed.connect(self.refresh)
        self.hint = hint("")
        self.cursor = WrappedLabel()
        for widget in (self.legend, self.hint, self.cursor):
            form.addRow(widget)
        self.layers = MotionLayers(dock, self._viewer, self._dropped)
        self.pictures = Latest(dock, self._show)
        listen(dock, self._viewer.dims.events.current_step, self._stepped)
        listen(dock, self._viewer.mouse_move_callbacks, self._moved)
        listen(dock, self._session.views_beside, self._give_way)
        self.look_at(None)

    def _build_boxes(self, form: QFormLayout, more: QFormLayout) -> None:
        self.way = QComboBox()
        self.way.addItems(WAYS)
        self.way.setToolTip("Flow that the views show: to the later or earlier frame")
        self.way.currentIndexChanged.connect(self.refresh)
        more.addRow("Direction", self.way)
        self.boxes: dict[str, QCheckBox] = {}
        for name, view in VIEWS.items():
            place = "over" if view.over else "beside"
            box = self.boxes[name] = QCheckBox(view.title)
            box.setToolTip(
                f"{view.summary}. {place.title()} the loop; follows the frame."
            )
            box.setChecked(name in FIRST_SHOWN)
            box.toggled.connect(self.refresh)
            (more if view.advanced else form).addRow(box)

    def _build_arrow_controls(self, form: QFormLayout) -> None:
        self.every = QSpinBox()
        self.every.setRange(4, 128)
        self.every.setValue(ARROW_EVERY_PX)
        self.every.setSuffix(" px")
        self.every.setToolTip("Distance between arrows")
        self.length = QDoubleSpinBox()
        self.length.setRange(0.5, 20)
        self.length.setDecimals(1)
        self.length.setValue(ARROW_LENGTH)
        self.length.setSingleStep(0.5)
        self.length.setPrefix("× ")
        self.length.setToolTip("Length of arrows, in lengths of the motion")
        row = QHBoxLayout()
        for control in (self.every, self.length):
            control.valueChanged.connect(self.refresh)
            row.addWidget(control)
        form.addRow("Arrows every", row)

    def look_at(self, scene: Scene | None) -> None:
        """Show the flow of another loop, or nothing."""
        self.scene, self._found = scene, None
        self.cursor.setText("")
        if scene is None:
            self.layers.remove()
        self.refresh()

    def refresh(self, _: object = None) -> None:
        """Show the checked views of the current frame."""
        scene = self.scene
        self._enable()
        self.hint.setText("")
        if scene is not None:
            t = self._t = frame_shown(self._viewer, scene.layer)
            way = WAYS[self.way.currentText()]
            if not any(self._begins(flow, t, way) for flow in scene.flows):
                self.hint.setText(self._why_nothing(scene, way))
            names = tuple(
                name for name in VIEWS
                if self.boxes[name].isChecked() and self.boxes[name].isEnabled()
            )  # fmt: skip
            look = Look(scene, t, way, names, self.legend.length, self.every.value())
            if look.sheet.pictures:
                self._session.views_beside.emit(self)
            self.pictures.ask(found_of, look)
        self.hint.setVisible(bool(self.hint.text()))

    def _stepped(self, event: object = None) -> None:
        """Follow the frame; views beside the loop shift the other axes' steps too."""
        scene = self.scene
        # without this, showing a view would ask for it again, without an end
        if scene is not None and frame_shown(self._viewer, scene.layer) != self._t:
            self.refresh()

    def _enable(self) -> None:
        flows = () if self.scene is None else self.scene.flows
        ways = any(flow.backward is not None for flow in flows)
        for name, box in self.boxes.items():
            box.setEnabled(bool(flows) and (ways or not VIEWS[name].needs_back))
        self.way.setEnabled(ways)
        self.legend.setVisible(bool(flows))
        if not ways and self.way.currentIndex():
            self.way.setCurrentIndex(0)

    @staticmethod
    def _begins(flow: FlowSequence, t: int, way: Way) -> bool:
        return entry_at(flow, t, way) is not None

    @staticmethod
    def _why_nothing(scene: Scene, way: Way) -> str:
        flow = scene.flows[0]
        if way == "backward":
            return f"No backward flow at this frame; the first is at frame {flow.gap}."
        return f"No flow at this frame; the last is at frame {len(flow) - 1}."

    def _show(self, found: Found) -> None:
        look = found.look
        stale = {n for n in look.names if not self.boxes[n].isChecked()}
        if look.scene is not self.scene or stale:
            return
        self._found = found
        self.legend.show_scale(found.shown.options.full_px, look.scene.scale)
        self.layers.show(found.shown, self.length.value())

    def _dropped(self, name: str) -> None:
        """Uncheck a view whose layer the user has deleted."""
        if name in self.boxes:
            self.boxes[name].setChecked(False)

    def _give_way(self, owner: object) -> None:
        """Uncheck the views beside the loop when another dock needs their places."""
        if owner is self or self.scene is None:
            return
        beside = [self.boxes[name] for name, view in VIEWS.items() if not view.over]
        # all boxes before the one refresh: with some of them still checked, it would
        # take the places back from the other dock
        for box in beside:
            with QSignalBlocker(box):
                box.setChecked(False)
        self.refresh()

    def _moved(self, viewer: Any, event: Any) -> None:
        found, words = self._found, []
        if found is not None:
            scene = found.look.scene
            cell = found.look.sheet.cell_at(*point_at(scene.layer, event.position))
            fresh = found.look.t == frame_shown(viewer, scene.layer)
            if cell is not None and fresh:
                words = cursor_words(found, cell.pixel)
        self.cursor.setText("\n".join(words))


def found_of(look: Look) -> Found:
    """Compute the views of one frame; runs in a thread."""
    scene = look.scene
    motions = tuple(
        FrameMotion.at(scene.loop.cine, flow, look.t, look.way)
        if entry_at(flow, look.t, look.way) is not None
        and (look.way == "forward" or flow.backward is not None)
        else None
        for flow in scene.flows
    )
    # both flows have the scale of the first; otherwise they could not be compared
    full_px = look.full_px or scene.flows[0].full_color_px
    options = ViewOptions(full_px, look.arrow_step, scene.scale)
    made = pictures(look.names, motions, scene.size, options, look.sheet.column_step)
    shown = ShownViews(scene.layer, look.sheet, made, options, scene.titles)
    return Found(look, motions, shown)


def cursor_words(found: Found, pixel: tuple[int, int]) -> list[str]:
    """Describe the motion of a pixel in each flow, in px, and in mm/s if known."""
    scale, lines = found.look.scene.scale, []
    for title, motion in zip(found.look.scene.titles, found.motions, strict=True):
        if motion is None:
            continue
        row, column = pixel
        x, y = (float(part) for part in motion.flow[:, row, column])
        words = scale.of_motion(x, y) if np.isfinite((x, y)).all() else "unknown"
        if motion.back is not None and motion.hidden[pixel]:
            words += ", occluded in the other frame"
        lines.append(f"{title}: {words}" if len(found.motions) > 1 else words)
    if lines and scale.missing:
        lines.append(f"mm/s: {scale.missing} unknown")
    return lines
