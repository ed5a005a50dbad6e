"""The section *Segment*: the model, masks of all frames, and the threshold."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from weakref import ref

from napari.layers import Layer
from napari.viewer import Viewer
from qtpy.QtCore import QObject, Qt, QTimer
from qtpy.QtWidgets import (
    QCheckBox,
    QFormLayout,
    QHBoxLayout,
    QSlider,
    QSpinBox,
    QWidget,
)

from napari_motionseg.cine import Cine
from napari_motionseg.jobs import Progress
from napari_motionseg.jobs.frame_queue import FrameQueue
from napari_motionseg.models import checkpoint_path
from napari_motionseg.models.model_card import DEFAULT
from napari_motionseg.viewmodel.layer_jobs import SegmentRequest, segment_layer_job
from napari_motionseg.viewmodel.loop_masks import LoopMasks
from napari_motionseg.viewmodel.painting import has_catheters
from napari_motionseg.viewmodel.segment_state import SegmentState
from napari_motionseg.viewmodel.segment_status import next_step
from napari_motionseg.viewmodel.session import Model
from napari_motionseg.widgets.common.accents import accent
from napari_motionseg.widgets.common.choosers import ModelChooser
from napari_motionseg.widgets.common.dock_layout import button
from napari_motionseg.widgets.common.early_imports import labels_need_imports
from napari_motionseg.widgets.common.endings import SEGMENTING
from napari_motionseg.widgets.common.job_panel import JobPanel
from napari_motionseg.widgets.common.loop_work import LoopWork
from napari_motionseg.widgets.common.plain_labels import plain_label
from napari_motionseg.widgets.common.viewers import errors_shown, frame_shown, is_loop
from napari_motionseg.widgets.segment.label_layers import labels_of_loop
from napari_motionseg.widgets.segment.mask_layers import MaskLayers
from napari_motionseg.widgets.segment.shortcuts import key_words

LEAST_PERCENT, MOST_PERCENT = 2, 98
# adding a first labels layer takes up to a second; show the panel before
BEGIN_AFTER_MS = 30


class ApplySection(QObject):
    """Section in which the user chooses a model, applies it, and sets the threshold.

    Parameters
    ----------
    form
        The form that the rows are added to.
    advanced
        The form of rows that are seldom needed.
    state
        The state of the dock.
    viewer
        The viewer.
    panel
        The panel that runs the jobs of the dock.

    Attributes
    ----------
    guess_button
        The button *First guess*, which the dock places where painting begins.
    """

    def __init__(
        self,
        form: QFormLayout,
        advanced: QFormLayout,
        state: SegmentState,
        viewer: Viewer,
        panel: JobPanel,
    ) -> None:
        super().__init__(form)
        self._state = state
        self._viewer = viewer
        self._panel = panel
        self.layers = MaskLayers(self, state, viewer)
        self._waiting: list[Layer] = []
        # the masks of the last run, with their loop and model
        self._made: tuple[ref[LoopMasks], ref[Cine], Path] | None = None
        self._turn = _single_shot(self, self._next_loop)
        self._beginning: Callable[[], None] | None = None
        self._begin_soon = _single_shot(self, self._begin_when_ready)
        self._build_buttons(form)
        self._build_threshold(form)
        self._build_model(advanced)
        self._connect()

    def _build_buttons(self, form: QFormLayout) -> None:
        self.guess_button = button(
            "First guess",
            "Segment all frames with the model that ships, before anything is painted; "
            f"then correct its masks with the brush ({key_words('guess')})",
        )
        self.apply_button = button(
            "Segment all frames",
            f"Apply the model to every frame, the shown one first "
            f"({key_words('apply')})",
        )
        form.addRow(self.apply_button)

    def _build_model(self, form: QFormLayout) -> None:
        self.result = ModelChooser(
            self._state.session, ("segmentation",), None,
            "The network that segments, and that the preview builds on",
            "segmentation",
        )  # fmt: skip
        self.result.choose(checkpoint_path(DEFAULT))
        self.everywhere = QCheckBox("All open loops")
        self.everywhere.setToolTip("Segment every loop, one after the other")
        self.smooth = QCheckBox("Smooth along the flow")
        self.smooth.setToolTip(
            "Afterwards, average each frame with its neighbours along the flow; takes "
            "the time of the flow in both directions"
        )
        self.smallest = QSpinBox()
        self.smallest.setRange(0, 100_000)
        self.smallest.setSuffix(" px")
        self.smallest.setToolTip("Leave out connected parts of fewer pixels")
        form.addRow("Model", self.result)
        form.addRow("Smallest part", self.smallest)
        for widget in (self.everywhere, self.smooth):
            form.addRow(widget)

    def _build_threshold(self, form: QFormLayout) -> None:
        self.threshold = QSlider(Qt.Orientation.Horizontal)
        self.threshold.setRange(LEAST_PERCENT, MOST_PERCENT)
        self.threshold.setValue(round(100 * self._state.threshold))
        self.threshold.setToolTip("Probability from which a pixel is no background")
        self.percent = plain_label(f"{self.threshold.value()} %")
        widest = self.percent.fontMetrics().horizontalAdvance(f"{MOST_PERCENT} %")
        self.percent.setMinimumWidth(widest)
        row = QWidget()
        layout = QHBoxLayout(row)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.threshold)
        layout.addWidget(self.percent)
        form.addRow("Threshold", row)

    def _connect(self) -> None:
        self.guess_button.clicked.connect(self.first_guess)
        self.apply_button.clicked.connect(self.apply)
        self.threshold.valueChanged.connect(self._adjust)
        self.smallest.valueChanged.connect(self._adjust)
        self.result.model_changed.connect(self._choose)
        self._panel.progressed.connect(self._show_progress)
        self._panel.ended.connect(self._ended)
        self._state.events.model.connect(self._show_model)
        self._state.events.threshold.connect(self._show_adjustment)
        self._state.events.smallest.connect(self._show_adjustment)
        self._state.events.connect(self._enable)
        self._choose(self.result.chosen)
        self._enable()

    def _enable(self) -> None:
        ready = self._state.idle and self._state.loop is not None
        self.guess_button.setEnabled(ready)
        self.apply_button.setEnabled(ready and self._state.model is not None)
        step = next_step(self._state)
        accent(self.guess_button, step == "guess")
        accent(self.apply_button, step == "apply")

    def _choose(self, model: Model | None) -> None:
        self._state.model = model

    def _show_model(self, model: Model | None) -> None:
        if model is not None:
            self.result.choose(model.path)

    def _show_adjustment(self) -> None:
        """Show threshold and smallest part of an opened project."""
        state = self._state
        percent, smallest = round(100 * state.threshold), state.smallest
        self.threshold.setValue(percent)
        self.smallest.setValue(smallest)

    def first_guess(self) -> None:
        """Segment the loop with the model that ships."""
        self.result.choose(checkpoint_path(DEFAULT))
        self.apply()

    def apply(self) -> None:
        """Segment the chosen loop, or all of them, the chosen one first."""
        layer = self._state.loop
        if layer is None:
            return
        loops = self._viewer.layers if self.everywhere.isChecked() else []
        self._waiting = [
            loop for loop in reversed(loops) if is_loop(loop) and loop is not layer
        ]
        self._apply(layer)

    def _apply(self, layer: Layer) -> None:
        model = self._state.model
        with errors_shown():
            if model is None:
                return
            cine = self._state.session.loop(layer).cine
            masks = self._stopped_masks(layer, cine, model.path)
            done = [] if masks is None else masks.done.nonzero()[0].tolist()
            self._panel.start(
                f"Segmenting {layer.name}", segment_layer_job, cine,
                self._request(layer, cine, model.path, masks), done=self._segmented,
                endings=SEGMENTING, work=LoopWork(self._viewer, layer, len(cine), done),
            )  # fmt: skip
            self._beginning = partial(self._begin, layer, cine, model.path, masks)
            self._begin_soon.start(BEGIN_AFTER_MS)

    def _begin(
        self, layer: Layer, cine: Cine, model: Path, masks: LoopMasks | None
    ) -> None:
        """Show the layer of the masks, and start the job a little later."""
        if layer not in self._viewer.layers:
            return
        if masks is None:
            self.layers.begin(layer, self._state.names, model.name)
        else:
            self._state.begin_masks(masks)
        if self._state.masks is not None:
            self._state.masks.labels = labels_of_loop(self._viewer, self._state, layer)
            self._made = ref(self._state.masks), ref(cine), model
            self._panel.need(self._state.masks.layer)

    def _begin_when_ready(self) -> None:
        if labels_need_imports():  # the window would stand still for them
            self._begin_soon.start(BEGIN_AFTER_MS)
        else:
            self._begin_now()

    def _begin_now(self) -> None:
        beginning, self._beginning = self._beginning, None
        self._begin_soon.stop()
        if beginning is not None:
            beginning()

    def _stopped_masks(self, layer: Layer, cine: Cine, model: Path) -> LoopMasks | None:
        """Return masks of a stopped run with the same model, or None."""
        masks = self._state.masks
        if masks is None or self._made is None or masks.loop is not layer:
            return None
        same = self._made[0]() is masks and self._made[1]() is cine
        good = [t for t in range(len(cine)) if t not in cine.frames.damaged]
        finished = masks.done[good].all()
        return masks if same and self._made[2] == model and not finished else None

    def _request(
        self, layer: Layer, cine: Cine, model: Path, masks: LoopMasks | None
    ) -> SegmentRequest:
        """Return a request for the missing frames, the displayed one first."""
        frames = range(len(cine))
        waiting = FrameQueue(t for t in frames if masks is None or not masks.done[t])
        waiting.prioritize(frame_shown(self._viewer, layer))
        state, smooth, known = self._state, self.smooth.isChecked(), None
        if smooth and masks is not None:
            known = masks.probabilities, masks.likeliest, masks.done.copy()
        return SegmentRequest(
            model, tuple(waiting.take(len(waiting))), smooth, state.session.device,
            known, labels_of_loop(self._viewer, state, layer),
            has_catheters(state.names),
        )  # fmt: skip

    def _show_progress(self, progress: Progress) -> None:
        self._begin_now()
        if self._state.masks is not None:
            self._state.masks.strange = bool(progress.metrics.get("strange", False))
        # the preview holds the result of a frame that was just segmented
        if isinstance(progress.preview, tuple):
            t, _, probability, likeliest = progress.preview
            self.layers.show_frame(t, probability, likeliest)

    def _segmented(self, done: object) -> None:
        self.layers.adjust()
        self.layers.show_uncertainty()
        if self._state.masks is not None:
            self._state.session.masks_made.emit(self._state.masks)
        # start the next loop when the panel has ended the present job
        self._turn.start(0)

    def _next_loop(self) -> None:
        self._waiting = [loop for loop in self._waiting if loop in self._viewer.layers]
        if self._waiting and not self._panel.running:
            self._apply(self._waiting.pop(0))

    def _ended(self, state: str) -> None:
        self._beginning = None
        if state != "finished":
            self._waiting = []
            self.layers.drop_empty()

    def _adjust(self) -> None:
        self.percent.setText(f"{self.threshold.value()} %")
        self._state.adjust(self.threshold.value() / 100, self.smallest.value())


def _single_shot(owner: QObject, slot: Callable[[], None]) -> QTimer:
    """Return a timer that calls a function once when it is started."""
    timer = QTimer(owner)
    timer.setSingleShot(True)
    timer.timeout.connect(slot)
    return timer
