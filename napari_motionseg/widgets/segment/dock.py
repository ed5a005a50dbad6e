"""The Segment dock: paint a little, see it everywhere, from top to bottom."""

from __future__ import annotations

from napari.viewer import Viewer

from napari_motionseg.jobs import Progress
from napari_motionseg.models import resolve_device
from napari_motionseg.viewmodel.session import Model
from napari_motionseg.widgets.common.autosaved_dock import AutosavedDock
from napari_motionseg.widgets.common.dock_layout import hint
from napari_motionseg.widgets.common.job_panel import JobPanel
from napari_motionseg.widgets.common.listening import listen
from napari_motionseg.widgets.common.plain_labels import plain_label
from napari_motionseg.widgets.segment.apply_section import ApplySection
from napari_motionseg.widgets.segment.live_section import LivePreview
from napari_motionseg.widgets.segment.paint_section import PaintSection
from napari_motionseg.widgets.segment.result_layers import ResultLayers
from napari_motionseg.widgets.segment.shortcuts import bind_keys
from napari_motionseg.widgets.segment.status_line import status_of
from napari_motionseg.widgets.segment.train_section import TrainSection


class SegmentDock(AutosavedDock):
    """Painting, live preview, training, applying and correcting, one path.

    Attributes
    ----------
    paint, live, train, apply
        The sections.
    panel
        The job that runs.
    layers
        Masks and what belongs to them.
    """

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__(napari_viewer)
        self.device = resolve_device("auto")
        self.status = plain_label()
        self.status.setWordWrap(True)
        self.status.setMinimumHeight(3 * self.status.fontMetrics().lineSpacing())
        self.add(self.status)
        self.layers = ResultLayers(self, self.viewer)
        self.paint = PaintSection(self)
        self.train = TrainSection(self)
        self.panel = JobPanel(self.session, curve=True)
        self.add(self.panel)
        self.apply = ApplySection(self)
        self.live = LivePreview(self)
        self.add(hint("Research use only; not a medical device."))
        self.panel.progressed.connect(self._progressed)
        self.panel.ended.connect(self._ended)
        self.paint.changed.connect(self.tell)
        self.paint.brush_taken.connect(self._brush_taken)
        self.apply.result.model_changed.connect(self._model_changed)
        listen(self, self.session.job_changed, self._job_changed)
        bind_keys(self)
        self.tell()

    @property
    def model(self) -> Model | None:
        """The model that segments, and that the preview builds on."""
        return self.apply.result.chosen

    def tell(self) -> None:
        """Say what is going on, and enable what can be pressed."""
        idle = self.session.job_title is None
        self.train.enable(idle)
        self.apply.enable(idle)
        self.status.setText(status_of(self))

    def _model_changed(self) -> None:
        self.live.restart()
        self.tell()

    def _brush_taken(self) -> None:
        """Show what strokes do: the masks would lie over it, and stand still."""
        if self.live.take_up():
            self.layers.show_masks(False)
        self.tell()

    def _job_changed(self, title: object = None) -> None:
        self.tell()

    def _progressed(self, progress: Progress) -> None:
        self.train.live(progress)
        self.apply.live(progress)

    def _ended(self, state: str) -> None:
        self.train.ended(state)
        self.apply.ended(state)
        self.tell()
