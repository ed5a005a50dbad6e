"""The section *Correct*: uncertainty, the next frame to label, and saving."""

from __future__ import annotations

from napari.viewer import Viewer
from qtpy.QtCore import QObject
from qtpy.QtWidgets import QCheckBox, QFormLayout

from napari_motionseg.contributions import write_labels
from napari_motionseg.io.atomic import copy_file
from napari_motionseg.viewmodel.segment_state import SegmentState
from napari_motionseg.widgets.common.dock_layout import button, hint
from napari_motionseg.widgets.common.save_dialog import ask_target
from napari_motionseg.widgets.common.viewers import (
    errors_shown,
    frame_shown,
    show_frame,
)


class CorrectSection(QObject):
    """Leads to the frame to label next, takes masks over, saves masks and model.

    Parameters
    ----------
    form
        The form that the rows are added to.
    state
        The state of the dock.
    viewer
        The viewer.
    """

    def __init__(self, form: QFormLayout, state: SegmentState, viewer: Viewer) -> None:
        super().__init__(form)
        self._state = state
        self._viewer = viewer
        self.doubt = QCheckBox("Show where the model is unsure")
        self.doubt.setToolTip("Bright where both answers are as likely (Alt+U)")
        self.next_button = button(
            "Next frame to label",
            "Go to the frame where a label would help most, and say why (Alt+N)",
        )
        self.reason = hint("")
        self.take_button = button(
            "Use this frame as labels",
            "Take the mask of the shown frame over into the labels (Alt+K). Painting "
            "on the masks does it for the painted frame.",
        )
        self.save_masks_button = button(
            "Save masks…", "Keep the masks as .npz, TIFF or PNG"
        )
        self.save_model_button = button("Save model…", "Keep the network as a file")
        for widget in (
            self.doubt, self.next_button, self.reason, self.take_button,
            self.save_masks_button, self.save_model_button,
        ):  # fmt: skip
            form.addRow(widget)
        self._connect()

    def _connect(self) -> None:
        self.doubt.toggled.connect(self._switch_uncertainty)
        self.next_button.clicked.connect(self.next_frame)
        self.take_button.clicked.connect(self.take)
        self.save_masks_button.clicked.connect(self._save_masks)
        self.save_model_button.clicked.connect(self._save_model)
        self._state.events.advice.connect(self._show_advice)
        self._state.events.connect(self._enable)
        self._enable()

    def _enable(self) -> None:
        for widget in (
            self.save_masks_button, self.next_button, self.take_button, self.doubt,
        ):  # fmt: skip
            widget.setEnabled(self._state.masks is not None)
        self.save_model_button.setEnabled(self._state.model is not None)

    def _show_advice(self, advice: str) -> None:
        self.reason.setText(advice)

    def _switch_uncertainty(self, on: bool) -> None:
        self._state.uncertainty_on = on

    def next_frame(self) -> None:
        """Show the frame where a label would help most, and say why."""
        masks = self._state.masks
        with errors_shown():
            t = self._state.suggest()
            if (
                t is not None
                and masks is not None
                and masks.loop in self._viewer.layers
            ):
                show_frame(self._viewer, masks.loop, t)

    def take(self) -> None:
        """Take the mask of the shown frame over into the labels."""
        if self._state.masks is not None:
            layer = self._state.masks.layer
            self._state.take_frame(frame_shown(self._viewer, layer))

    def _save_model(self) -> None:
        model = self._state.model
        target = ask_target(
            self.save_model_button, "Save the model", "vessel.safetensors",
            "Models (*.safetensors)",
        )  # fmt: skip
        with errors_shown():
            if model is not None and target is not None:
                copy_file(model.path, target)

    def _save_masks(self) -> None:
        target = ask_target(
            self.save_masks_button, "Save the masks", "masks.npz",
            "Masks (*.npz *.tiff *.png)",
        )  # fmt: skip
        with errors_shown():
            if target is not None and self._state.masks is not None:
                layer = self._state.masks.layer
                write_labels(str(target), layer.data, {"metadata": layer.metadata})
