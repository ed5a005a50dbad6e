"""Applying a model: masks of all frames, threshold, doubt, the next frame to label."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Labels, Layer
from numpy.typing import NDArray
from qtpy.QtCore import QObject, Qt, QTimer
from qtpy.QtWidgets import (
    QCheckBox,
    QFormLayout,
    QHBoxLayout,
    QSlider,
    QSpinBox,
    QWidget,
)

from napari_motionseg.jobs import Progress
from napari_motionseg.models import checkpoint_path
from napari_motionseg.models.checkpoints import DEFAULT
from napari_motionseg.segmentation.suggest import suggest_frame
from napari_motionseg.viewmodel.layer_arrays import CLASSES
from napari_motionseg.viewmodel.layer_jobs import segment_layer_job
from napari_motionseg.widgets.common.choosers import ModelChooser, ask_target
from napari_motionseg.widgets.common.dock_layout import button, hint
from napari_motionseg.widgets.common.endings import SEGMENTING
from napari_motionseg.widgets.common.listening import listen
from napari_motionseg.widgets.common.plain_labels import plain_label
from napari_motionseg.widgets.common.viewers import (
    errors_shown,
    frame_shown,
    show_frame,
)

if TYPE_CHECKING:
    from napari_motionseg.widgets.segment.dock import SegmentDock

LEAST_PERCENT, MOST_PERCENT = 2, 98


class ApplySection(QObject):
    """The model that segments, and what is done with its masks."""

    def __init__(self, dock: SegmentDock) -> None:
        super().__init__(dock)
        self._dock = dock
        self.viewer, self.session = dock.viewer, dock.session
        self._waiting: list[Layer] = []
        self._turn = QTimer(self)
        self._turn.setSingleShot(True)
        self._turn.timeout.connect(self._next_loop)
        self._build_apply(dock)
        self._build_correct(dock)
        self._connect(dock)

    def _build_apply(self, dock: SegmentDock) -> None:
        self.result = ModelChooser(
            self.session, ("segmentation",), None,
            "The network that segments, and that the preview builds on",
            "segmentation",
        )  # fmt: skip
        self.result.choose(checkpoint_path(DEFAULT))
        self.guess_button = button(
            "First guess",
            "What the model that ships makes of all frames, before anything is "
            "painted; correct it with the brush (Alt+G)",
        )
        self.guess_button.clicked.connect(self.first_guess)
        self.apply_button = button(
            "Segment all frames",
            "Apply the model to every frame, the shown one first (Alt+A)",
        )
        self.apply_button.clicked.connect(self.apply)
        self.everywhere = QCheckBox("All open loops")
        self.everywhere.setToolTip("Segment every loop, one after the other")
        self.smooth = QCheckBox("Smooth along the flow")
        self.smooth.setToolTip(
            "Afterwards, bring each frame together with its neighbours; takes the time "
            "of the flow both ways"
        )
        dock.paint.form.addRow(self.guess_button)
        form = dock.section("3  Apply")
        form.addRow("Model", self.result)
        for widget in (self.apply_button, self.everywhere, self.smooth):
            form.addRow(widget)
        self._build_adjust(form)

    def _build_adjust(self, form: QFormLayout) -> None:
        self.threshold = QSlider(Qt.Orientation.Horizontal)
        self.threshold.setRange(LEAST_PERCENT, MOST_PERCENT)
        self.threshold.setValue(50)
        self.threshold.setToolTip("Probability from which a pixel is no background")
        self.percent = plain_label("50 %")
        self.smallest = QSpinBox()
        self.smallest.setRange(0, 100_000)
        self.smallest.setSuffix(" px")
        self.smallest.setToolTip("Connected parts of less are left out")
        row = QWidget()
        layout = QHBoxLayout(row)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.threshold)
        layout.addWidget(self.percent)
        form.addRow("Threshold", row)
        form.addRow("Smallest", self.smallest)

    def _build_correct(self, dock: SegmentDock) -> None:
        self.doubt = QCheckBox("Show where the model is unsure")
        self.doubt.setToolTip("Bright where both answers are as likely (Alt+U)")
        self.next_button = button(
            "Next frame to label",
            "Go to the frame where a label would help most, and say why (Alt+N)",
        )
        self.next_button.clicked.connect(self.next_frame)
        self.reason = hint("")
        self.take_button = button(
            "Use this frame as labels",
            "Take the mask of the shown frame over into the labels (Alt+K). Painting "
            "on the masks does it for the painted frame.",
        )
        self.take_button.clicked.connect(lambda: self.take())
        self.save_masks_button = button(
            "Save masks…", "Keep the masks as .npz, TIFF or PNG"
        )
        self.save_masks_button.clicked.connect(self._save_masks)
        self.save_model_button = button("Save model…", "Keep the network as a file")
        self.save_model_button.clicked.connect(self._save_model)
        form = dock.section("4  Correct")
        for widget in (
            self.doubt, self.next_button, self.reason, self.take_button,
            self.save_masks_button, self.save_model_button,
        ):  # fmt: skip
            form.addRow(widget)

    def _connect(self, dock: SegmentDock) -> None:
        self.threshold.valueChanged.connect(lambda _: self._adjusted())
        self.smallest.valueChanged.connect(lambda _: self._adjusted())
        self.doubt.toggled.connect(dock.layers.show_uncertainty)
        dock.layers.corrected.connect(self.take)
        listen(dock, self.viewer.dims.events.current_step, self._frame_changed)

    def enable(self, idle: bool) -> None:
        """Say what can be pressed."""
        has_loop = self._dock.paint.image.layer is not None
        has_masks = self._dock.layers.has_masks
        chosen = self.result.chosen is not None
        self.guess_button.setEnabled(idle and has_loop)
        self.apply_button.setEnabled(idle and has_loop and chosen)
        self.save_model_button.setEnabled(chosen)
        for widget in (
            self.save_masks_button, self.next_button, self.take_button, self.doubt,
        ):  # fmt: skip
            widget.setEnabled(has_masks)

    def first_guess(self) -> None:
        """Segment the loop with the model that ships."""
        self.result.choose(checkpoint_path(DEFAULT))
        self.apply()

    def apply(self) -> None:
        """Segment the chosen loop, or all of them, the chosen one first."""
        layer = self._dock.paint.image.layer
        if layer is None:
            return
        loops = self._dock.paint.image.layers if self.everywhere.isChecked() else []
        self._waiting = [loop for loop in loops if loop is not layer]
        self._apply(layer)

    def _apply(self, layer: Layer) -> None:
        model = self.result.chosen
        with errors_shown():
            if model is None:
                return
            cine = self.session.loop(layer).cine
            shown = frame_shown(self.viewer, layer)
            order = sorted(range(len(cine)), key=lambda t: abs(t - shown))
            self._dock.panel.start(
                f"Segmenting {layer.name}", segment_layer_job, cine, model.path,
                order, self.smooth.isChecked(), done=self._segmented,
                endings=SEGMENTING,
            )  # fmt: skip
            self._dock.layers.begin(layer, self._dock.paint.names, model.path.name)
            self._dock.live.set_aside()
            self._dock.tell()

    def live(self, progress: Progress) -> None:
        """Show a frame that was just segmented."""
        if isinstance(progress.preview, tuple):
            t, _, probability, likeliest = progress.preview
            self._dock.layers.show(t, probability, likeliest)

    def _segmented(self, done: NDArray[np.bool_]) -> None:
        self._threshold_moved()
        self._frame_changed()
        self._turn.start(0)  # when the panel is free

    def _next_loop(self) -> None:
        self._waiting = [loop for loop in self._waiting if loop in self.viewer.layers]
        if self._waiting and not self._dock.panel.running:
            self._apply(self._waiting.pop(0))

    def ended(self, state: str) -> None:
        """Clean up after a job."""
        if state != "finished":
            self._waiting = []
            self._dock.layers.drop_empty()

    def next_frame(self) -> None:
        """Show the frame where a label would help most, and say why."""
        layers, painting = self._dock.layers, self._dock.paint.painting.layer
        with errors_shown():
            data = np.asarray(painting.data) if painting is not None else None
            labelled = [] if data is None or data.ndim < 3 else _painted(data)
            found = suggest_frame(layers.probabilities, labelled, layers.done)
            if layers.loop in self.viewer.layers:
                show_frame(self.viewer, layers.loop, found.frame)
            self.reason.setText(found.reason)

    def take(self, t: int | None = None) -> None:
        """Take the mask of a frame over into the labels, as one step of undo."""
        layers = self._dock.layers
        painting = self._dock.paint.painting.layer
        if not layers.has_masks or painting is None:
            return
        t = frame_shown(self.viewer, layers.masks) if t is None else t
        first = 1 if CLASSES in painting.metadata else 0
        layers.confirmed[t] = True
        overwrite(painting, t, layers.mask(t) + np.uint8(first))
        self.reason.setText(f"Frame {t} is among the labels now.")

    def _adjusted(self) -> None:
        if self._dock.layers.show_masks():
            self._dock.live.set_aside()
        self._threshold_moved()
        self._dock.tell()

    def _threshold_moved(self) -> None:
        self.percent.setText(f"{self.threshold.value()} %")
        self._dock.layers.set_threshold(
            self.threshold.value() / 100, self.smallest.value()
        )

    def _frame_changed(self, event: object = None) -> None:
        if self.doubt.isChecked():
            self._dock.layers.show_uncertainty(True)

    def _save_model(self) -> None:
        model = self.result.chosen
        target = ask_target(
            self._dock, "Save the model", "vessel.safetensors", "Models (*.safetensors)"
        )
        if model is not None and target is not None:
            shutil.copyfile(model.path, Path(target).with_suffix(".safetensors"))

    def _save_masks(self) -> None:
        target = ask_target(
            self._dock, "Save the masks", "masks.npz", "Masks (*.npz *.tiff *.png)"
        )
        if target is not None:
            with errors_shown():
                self._dock.layers.save(str(target))


def overwrite(painting: Labels, t: int, labels: NDArray[Any]) -> None:
    """Put the labels of a whole frame into a layer, so that undo takes them back.

    napari paints on no hidden layer: it is shown meanwhile.
    """
    before = np.asarray(painting.data[t] if painting.ndim == 3 else painting.data)
    rows, columns = np.nonzero(before != labels)
    if len(rows):
        where = (np.full(len(rows), t), rows, columns)[-painting.ndim :]
        visible, painting.visible = painting.visible, True
        painting.data_setitem(where, labels[rows, columns])
        painting.visible = visible


def _painted(data: NDArray[Any]) -> list[int]:
    return [int(t) for t in np.flatnonzero(data.any(axis=(1, 2)))]
