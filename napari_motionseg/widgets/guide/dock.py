"""The Guide dock: clicks that become masks, and arrows that move a frame."""

from __future__ import annotations

from napari.layers import Layer
from napari.viewer import Viewer
from qtpy.QtCore import QTimer
from qtpy.QtGui import QShowEvent

from napari_motionseg.guidance.points import Arrow, Point
from napari_motionseg.viewmodel.guide_engine import (
    ArrowQuestion,
    CarryAnswer,
    CarryQuestion,
    ClickAnswer,
    ClickQuestion,
    GuideEngine,
)
from napari_motionseg.viewmodel.guide_frame import Tool
from napari_motionseg.viewmodel.guide_state import GuideState
from napari_motionseg.widgets.common.autosaved_dock import AutosavedDock
from napari_motionseg.widgets.common.background import Latest
from napari_motionseg.widgets.common.choosers import LoopChooser
from napari_motionseg.widgets.common.device_chooser import AFTER_MS
from napari_motionseg.widgets.common.dock_layout import hint
from napari_motionseg.widgets.common.listening import listen
from napari_motionseg.widgets.common.steady_label import SteadyLabel
from napari_motionseg.widgets.common.viewers import errors_shown, frame_shown
from napari_motionseg.widgets.guide.arrow_section import ArrowSection
from napari_motionseg.widgets.guide.click_section import ClickSection
from napari_motionseg.widgets.guide.guide_keys import bind_keys
from napari_motionseg.widgets.guide.guide_layers import MASK, POINTS, GuideLayers
from napari_motionseg.widgets.guide.guide_pointer import IDLE, GuidePointer

STATUS_LINES = 3
REACH = 1 / 100  # distance at which a click takes a point, as a share of the height
LOADING = "Loading the network... You can click already; the mask will follow."
WELCOME = "Press Click an object, then click on a vessel, a catheter or a device."
CLICKING = "Click on an object. Shift and a click mark what does not belong to it."
ACCEPTING = "Accept the mask, or correct it with further clicks."
PROPOSED = "These clicks were carried from another frame: accept, correct or drop them."
LOST = "{lost} of {count} clicks could not be followed to this frame. " + PROPOSED
DRAWING = "Drag an arrow from a point to where it shall move; click points that rest."
MOVING = "Play shows this motion. Further arrows and still points change it."


class GuideDock(AutosavedDock):
    """Dock for clicks that become masks, and arrows that move a frame.

    Attributes
    ----------
    state
        Clicks, arrows, and what follows from them.
    clicking, guiding
        The sections.
    layers
        The layers of clicks, arrows and the mask.
    """

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__(napari_viewer)
        self.state = state = GuideState(self.session)
        self.engine = GuideEngine(self.session.device)
        self.layers = GuideLayers(self, self.viewer)
        self.pointer = GuidePointer(self, self.viewer, self._place)
        self.status = SteadyLabel(STATUS_LINES)
        self.add(self.status)
        self.chooser = LoopChooser(self.viewer, "The loop to click in")
        self.section("Loop").addRow(self.chooser)
        self._build_sections()
        self.add(hint("Guided motion is synthetic. Research use only."))
        self._build_workers()
        self._connect()
        state.changed.connect(self._show)
        self._other_loop(self.chooser.layer)

    def showEvent(self, event: QShowEvent | None) -> None:  # noqa: N802 - Qt's name
        """Load the network in a thread, soon after the dock is drawn."""
        super().showEvent(event)
        if not self.engine.is_loaded:
            self._waking.start()

    def _wake(self) -> None:
        if not self.engine.is_loaded and not self.masks.busy:
            self.state.wake()

    def _build_sections(self) -> None:
        clicks, arrows = self.section("Click to mask"), self.section("Guide")
        self.clicking = ClickSection(clicks, self.state, self.viewer)
        self.guiding = ArrowSection(self, arrows, self.state)

    def _build_workers(self) -> None:
        self.masks = Latest(self, self._answered)
        self.flows = Latest(self, self.state.arrows_answered)
        self.carrying = Latest(self, self._carried)
        self._waking = QTimer(self)
        self._waking.setSingleShot(True)
        self._waking.setInterval(AFTER_MS)
        self._waking.timeout.connect(self._wake)

    def _connect(self) -> None:
        state = self.state
        state.clicks_asked.connect(self._ask_scores)
        state.arrows_asked.connect(self._ask_flow)
        state.carry_asked.connect(self._ask_carry)
        self.clicking.wanted.connect(lambda on: self._take("clicks", on))
        self.guiding.wanted.connect(lambda on: self._take("arrows", on))
        self.clicking.redraw.connect(self._show)
        self.pointer.clicked.connect(self._clicked)
        self.pointer.removed.connect(lambda point: self._remove(point))
        self.pointer.pulled.connect(self._pulled)
        self.layers.dropped.connect(self._dropped)
        self.chooser.layer_changed.connect(self._other_loop)
        listen(self, self.viewer.dims.events.current_step, self._stepped)
        listen(self, self.session.settings_restored, state.restore)
        listen(self, self.session.views_beside, self.guiding.views.give_way)
        listen(self, self.session.device_changed, self._other_device)
        bind_keys(self, self.viewer, {
            "click": self.clicking.tool.click, "accept": self.clicking.accept,
            "carry": self.clicking.accept_and_carry, "drop": state.drop_object,
            "undo": state.undo, "arrows": self.guiding.tool.click,
        })  # fmt: skip

    def _ask_scores(self, question: ClickQuestion) -> None:
        self.masks.ask(self.engine.scores, question)

    def _answered(self, answer: ClickAnswer) -> None:
        self.state.clicks_answered(answer)
        self.status.say(self._words())

    def _ask_flow(self, question: ArrowQuestion) -> None:
        self.flows.ask(self.engine.flow, question)

    def _ask_carry(self, question: CarryQuestion) -> None:
        self.carrying.ask(self.engine.carried, question)

    def _carried(self, answer: CarryAnswer) -> None:
        self.state.carried(answer)
        self.clicking.follow_carried()

    def _other_device(self, name: str) -> None:
        self.engine = GuideEngine(name)

    # loop and frame

    def _other_loop(self, layer: Layer | None) -> None:
        self.layers.show_loop(layer)
        loop = None
        if layer is not None:
            with errors_shown():
                loop = self.session.loop(layer)
        self.clicking.show_loop(layer)
        self.guiding.show_loop(layer)
        t = 0 if layer is None else frame_shown(self.viewer, layer)
        self.state.show(None if layer is None else layer.name, loop, t)

    def _stepped(self, event: object = None) -> None:
        layer = self.chooser.layer
        if layer is not None and layer in self.viewer.layers:
            loop = self.session.known_loop(layer)
            if loop is not None:
                t = frame_shown(self.viewer, layer)
                self.state.show(layer.name, loop, t)

    # mouse

    def _place(self) -> tuple[Layer, Tool] | None:
        loop, tool = self.chooser.layer, self.state.tool
        return None if loop is None or tool is None else (loop, tool)

    def _take(self, tool: Tool, wanted: bool) -> None:
        """Take a tool or lay it down; a brush is laid down for it."""
        other = self.guiding if tool == "clicks" else self.clicking
        if wanted:
            other.tool.setChecked(False)
            active = self.viewer.layers.selection.active
            if active is not None and active.mode != IDLE:
                active.mode = IDLE
            self.layers.begin(MASK, POINTS)
        if wanted or self.state.tool == tool:
            self.state.take_tool(tool if wanted else None)

    def _clicked(self, point: Point, beside: bool) -> None:
        if self._remove(point):
            return
        with errors_shown():
            if self.state.tool == "arrows":
                self.state.add_arrow(Arrow(*point))
            else:
                self.state.click(point, not beside)

    def _remove(self, point: Point) -> bool:
        loop = self.chooser.layer
        if loop is None:
            return False
        rows = loop.data.shape[loop.ndim - 2]
        return self.state.remove_near(point, max(1.5, rows * REACH))

    def _pulled(self, start: Point, end: Point, done: bool) -> None:
        arrow = Arrow(*start, end[0] - start[0], end[1] - start[1])
        if done:
            self.state.add_arrow(arrow)
        else:
            self.state.pull(arrow)

    def _dropped(self, role: str) -> None:
        """Remove what the user has removed by removing its layer."""
        if role == POINTS:
            self.state.drop_object()

    # what is shown

    def _show(self) -> None:
        self.layers.draw(self.state, self.clicking.scores.isChecked())
        self.clicking.show_state()
        self.guiding.show_state(self.chooser.layer)
        self.status.say(self._words())

    def _words(self) -> str:
        state = self.state
        if state.message:
            return state.message
        if state.tool == "arrows":
            moves = state.guided is not None and state.guided.flow is not None
            return MOVING if moves else DRAWING
        return self._words_of_clicks()

    def _words_of_clicks(self) -> str:
        state, current = self.state, self.state.here.current
        if current.proposed and current.clicks.points:
            count = current.lost + len(current.clicks.points)
            told = LOST if current.lost else PROPOSED
            return told.format(lost=current.lost, count=count)
        if state.mask is not None:
            return ACCEPTING
        if self.masks.busy and not self.engine.is_loaded:
            return LOADING
        if self.masks.busy and current.clicks.points:
            return "The mask of the clicks is computed..."
        return WELCOME if state.tool is None else CLICKING
