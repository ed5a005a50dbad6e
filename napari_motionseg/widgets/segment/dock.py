"""The Segment dock: paint, train, segment and correct, from top to bottom."""

from __future__ import annotations

from napari.viewer import Viewer
from qtpy.QtCore import Qt

from napari_motionseg.viewmodel.segment_memory import SegmentMemory
from napari_motionseg.viewmodel.segment_state import SegmentState
from napari_motionseg.viewmodel.segment_status import status_of
from napari_motionseg.widgets.common.autosaved_dock import AutosavedDock
from napari_motionseg.widgets.common.dock_layout import button_row, hint
from napari_motionseg.widgets.common.job_panel import JobPanel
from napari_motionseg.widgets.common.listening import listen
from napari_motionseg.widgets.common.mask_loading import LoadMasksButton
from napari_motionseg.widgets.common.run_on_chooser import add_places
from napari_motionseg.widgets.common.steady_label import SteadyLabel
from napari_motionseg.widgets.segment.apply_section import ApplySection
from napari_motionseg.widgets.segment.bare_frame import BareFrame
from napari_motionseg.widgets.segment.correct_section import CorrectSection
from napari_motionseg.widgets.segment.label_marks import LabelMarks
from napari_motionseg.widgets.segment.live_section import LivePreview
from napari_motionseg.widgets.segment.paint_section import PaintSection
from napari_motionseg.widgets.segment.resumed_masks import ResumedMasks
from napari_motionseg.widgets.segment.shortcuts import bind_keys
from napari_motionseg.widgets.segment.train_section import TrainSection

STATUS_LINES = 3  # lines of text, for the longest status in a narrow dock
# height reserved for a running job, so that nothing moves when one starts
PANEL_PX = 92


class SegmentDock(AutosavedDock):
    """Dock for painting, live preview, training, segmentation and correction.

    Attributes
    ----------
    state
        The state that the sections share.
    paint, train, apply, correct, live
        The sections.
    panel
        The panel of the job that runs.
    status
        Line that describes the current activity and the next step.
    """

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__(napari_viewer)
        self.state = state = SegmentState(self.session, job=self.session.job_title)
        listen(self, self.session.job_changed, self._job_changed)
        self._add_status()
        self._add_sections()
        self.add(hint("Research use only; not a medical device."))
        self._bind_keys()
        state.events.connect(self._tell)
        state.previewed.connect(self._tell)
        self._tell()

    def _add_status(self) -> None:
        self.status = SteadyLabel(STATUS_LINES)
        self.add(self.status)

    def _add_sections(self) -> None:
        state, viewer = self.state, self.viewer
        painting, training = self.section("1  Paint"), self.section("2  Train")
        self.panel = JobPanel(self.session, curve=True)
        self.panel.setMinimumHeight(PANEL_PX)
        self.panel.status.setAlignment(Qt.AlignmentFlag.AlignTop)
        self.add(self.panel)
        applying, correcting = self.section("3  Segment"), self.section("4  Correct")
        advanced = self.advanced("Labels, model, start, recipe and steps")
        self.paint = PaintSection(painting, advanced, state, viewer)
        self.apply = ApplySection(applying, advanced, state, viewer, self.panel)
        self.train = TrainSection(training, advanced, state, viewer, self.panel)
        self.correct = CorrectSection(correcting, advanced, state, viewer)
        self.live = LivePreview(self, state, viewer)
        self.label_marks = LabelMarks(self, state, viewer)
        self.memory = SegmentMemory(state)
        listen(self, self.session.settings_restored, self.memory.restore)
        # restore it after the threshold, by which corrections are recognized
        self.resumed = ResumedMasks(self, state, viewer, self.apply.layers)
        # these two are needed while painting
        painting.addRow(button_row(self.apply.guess_button, self.live.switch))
        load = LoadMasksButton(self)
        correcting.addRow(button_row(load, self.correct.save_masks_button))
        if self.panel.curve is not None:
            advanced.addRow(self.panel.curve)
        self.device = add_places(advanced, self.session)
        self.device.known.connect(self._tell)

    def _bind_keys(self) -> None:
        bare = BareFrame(self.state, self.viewer)
        actions = {
            "guess": self.apply.guess_button.click,
            "preview": self.live.switch.click,
            "train": self.train.train_button.click,
            "apply": self.apply.apply_button.click,
            "next": self.correct.next_button.click,
            "right": self.correct.right_button.click,
            "fill": self.correct.fill_button.click,
            "unsure": self.correct.doubt.click,
            "island": self.paint.palette.island.click,
            "stop": self.panel.stop,
        }
        hold = {"bare": (bare.show, bare.restore)}
        bind_keys(self, self.viewer, actions, self.paint.take_brush, hold)

    def _job_changed(self, title: str | None) -> None:
        self.state.job = title

    def _tell(self) -> None:
        self.status.say(status_of(self.state, self.device.resolved))
