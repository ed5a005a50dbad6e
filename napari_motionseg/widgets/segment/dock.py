"""The Segment dock: paint a little, see it everywhere, from top to bottom."""

from __future__ import annotations

from napari.viewer import Viewer

from napari_motionseg.models import resolve_device
from napari_motionseg.viewmodel.segment_memory import SegmentMemory
from napari_motionseg.viewmodel.segment_state import SegmentState
from napari_motionseg.viewmodel.segment_status import status_of
from napari_motionseg.widgets.common.autosaved_dock import AutosavedDock
from napari_motionseg.widgets.common.device_chooser import DeviceChooser
from napari_motionseg.widgets.common.dock_layout import hint
from napari_motionseg.widgets.common.job_panel import JobPanel
from napari_motionseg.widgets.common.listening import listen
from napari_motionseg.widgets.common.plain_labels import plain_label
from napari_motionseg.widgets.segment.apply_section import ApplySection
from napari_motionseg.widgets.segment.correct_section import CorrectSection
from napari_motionseg.widgets.segment.label_marks import LabelMarks
from napari_motionseg.widgets.segment.live_section import LivePreview
from napari_motionseg.widgets.segment.paint_section import PaintSection
from napari_motionseg.widgets.segment.resumed_masks import ResumedMasks
from napari_motionseg.widgets.segment.shortcuts import bind_keys
from napari_motionseg.widgets.segment.train_section import TrainSection


class SegmentDock(AutosavedDock):
    """Painting, live preview, training, applying and correcting, in one column.

    Attributes
    ----------
    state
        The state that the sections share.
    paint, train, apply, correct, live
        The sections.
    panel
        The panel of the job that runs.
    status
        The line that says what is going on and what to do next.
    """

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__(napari_viewer)
        self.state = state = SegmentState(self.session, job=self.session.job_title)
        listen(self, self.session.job_changed, self._job_changed)
        listen(self, self.session.device_changed, self._device_changed)
        self._device = str(resolve_device(self.session.device))
        self._add_status()
        self._add_sections()
        self.add(hint("Research use only; not a medical device."))
        self._bind_keys()
        state.events.connect(self._tell)
        state.previewed.connect(self._tell)
        self._tell()

    def _add_status(self) -> None:
        self.status = plain_label()
        self.status.setWordWrap(True)
        self.status.setMinimumHeight(3 * self.status.fontMetrics().lineSpacing())
        self.add(self.status)

    def _add_sections(self) -> None:
        state, viewer = self.state, self.viewer
        painting = self.section("1  Paint")
        self.paint = PaintSection(painting, state, viewer)
        self.panel = JobPanel(self.session, curve=True)
        training = self.section("2  Train")
        self.train = TrainSection(training, state, viewer, self.panel)
        training.addRow("Device", DeviceChooser(self.session))
        self.add(self.panel)
        applying = self.section("3  Apply")
        self.apply = ApplySection(applying, state, viewer, self.panel)
        self.correct = CorrectSection(self.section("4  Correct"), state, viewer)
        self.live = LivePreview(self, state, viewer)
        self.label_marks = LabelMarks(self, state, viewer)
        self.memory = SegmentMemory(state)
        listen(self, self.session.settings_restored, self.memory.restore)
        # after the threshold, which tells corrections from what the network made
        self.resumed = ResumedMasks(self, state, viewer, self.apply.layers)
        # a person looks for both while painting
        painting.addRow(self.apply.guess_button)
        painting.addRow(self.live.switch)

    def _bind_keys(self) -> None:
        actions = {
            "Alt-G": self.apply.guess_button.click,
            "Alt-S": self.live.switch.click,
            "Alt-T": self.train.train_button.click,
            "Alt-A": self.apply.apply_button.click,
            "Alt-N": self.correct.next_button.click,
            "Alt-K": self.correct.take_button.click,
            "Alt-U": self.correct.doubt.click,
            "Alt-E": self.panel.stop,
        }
        bind_keys(self, self.viewer, actions, self.paint.take_brush)

    def _job_changed(self, title: str | None) -> None:
        self.state.job = title

    def _device_changed(self, name: str) -> None:
        self._device = str(resolve_device(name))
        self._tell()

    def _tell(self) -> None:
        self.status.setText(status_of(self.state, self._device))
