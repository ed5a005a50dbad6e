"""The section *Correct*: the next frame to label, confirmed frames, and saving."""

from __future__ import annotations

from typing import Any

from napari.viewer import Viewer
from numpy.typing import NDArray
from qtpy.QtCore import QObject
from qtpy.QtWidgets import QCheckBox, QFormLayout

from napari_motionseg.contributions import write_labels
from napari_motionseg.errors import LabelError, MotionError
from napari_motionseg.io.atomic import copy_file
from napari_motionseg.motion import FlowSequence
from napari_motionseg.viewmodel.corrected_labels import (
    gap_around,
    missing_for_filling,
    write_filled,
)
from napari_motionseg.viewmodel.next_frame import next_frame
from napari_motionseg.viewmodel.painting import painted_frames, painted_target
from napari_motionseg.viewmodel.segment_state import SegmentState
from napari_motionseg.viewmodel.segment_status import next_step
from napari_motionseg.widgets.common.accents import accent
from napari_motionseg.widgets.common.background import Latest
from napari_motionseg.widgets.common.dock_layout import QUIET, button, button_row
from napari_motionseg.widgets.common.listening import listen
from napari_motionseg.widgets.common.save_dialog import ask_target
from napari_motionseg.widgets.common.steady_label import SteadyLabel
from napari_motionseg.widgets.common.viewers import (
    errors_shown,
    frame_shown,
    show_frame,
)
from napari_motionseg.widgets.segment.shortcuts import key_words

REASON_LINES = 2  # lines of text, for the longest reason in a narrow dock


class CorrectSection(QObject):
    """Section that suggests, confirms and fills frames, and saves masks.

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
    """

    def __init__(
        self,
        form: QFormLayout,
        advanced: QFormLayout,
        state: SegmentState,
        viewer: Viewer,
    ) -> None:
        super().__init__(form)
        self._state = state
        self._viewer = viewer
        self._filler = Latest(self, self._show_filled)
        self._build(form)
        self.save_model_button = button("Save model…", "Keep the network as a file")
        advanced.addRow(self.save_model_button)
        self._connect()

    def _build(self, form: QFormLayout) -> None:
        self.next_button = button(
            "Next frame to label",
            "Go to the frame where a label would help most, and say why "
            f"({key_words('next')})",
        )
        self.right_button = button(
            "This frame is right",
            "Make all of the shown frame a label: its masks as they are, and "
            f"background elsewhere ({key_words('right')}). A stroke alone labels what "
            "it touches.",
        )
        self.fill_button = button("Fill between", self._fill_words(""))
        self.save_masks_button = button(
            "Save masks…", "Keep the masks as .npz, TIFF or PNG; 0 is the background"
        )
        self.doubt = QCheckBox("Show uncertainty")
        self.doubt.setToolTip(
            f"Bright where vessel and background are as likely ({key_words('unsure')})"
        )
        self.reason = SteadyLabel(REASON_LINES)
        self.reason.setStyleSheet(QUIET)
        form.addRow(button_row(self.next_button, self.right_button))
        form.addRow(button_row(self.fill_button, self.doubt))
        form.addRow(self.reason)

    def _connect(self) -> None:
        self.doubt.toggled.connect(self._switch_uncertainty)
        self.next_button.clicked.connect(self.next_frame)
        self.right_button.clicked.connect(self.confirm)
        self.fill_button.clicked.connect(self.fill)
        self.save_masks_button.clicked.connect(self._save_masks)
        self.save_model_button.clicked.connect(self._save_model)
        self._state.events.advice.connect(self._show_advice)
        self._state.events.connect(self._enable)
        listen(self, self._state.session.marks.changed, self._enable_fill)
        self._enable()

    def _enable(self) -> None:
        state = self._state
        for widget in (self.save_masks_button, self.next_button, self.doubt):
            widget.setEnabled(state.masks is not None)
        self.right_button.setEnabled(
            state.masks is not None or state.painting is not None
        )
        self._enable_fill()
        self.save_model_button.setEnabled(state.model is not None)
        accent(self.next_button, next_step(state) == "next")

    def _enable_fill(self) -> None:
        """Enable *Fill between* where it has a gap to fill; else say what it needs."""
        state = self._state
        missing = missing_for_filling(()) if state.painting is None else ""
        # while a job marks another loop, the labelled frames are not known at once
        if state.painting is not None and state.session.marks.loop is state.loop:
            missing = missing_for_filling(state.session.marks.labelled)
        self.fill_button.setEnabled(not missing)
        self.fill_button.setToolTip(self._fill_words(missing))

    @staticmethod
    def _fill_words(missing: str) -> str:
        task = (
            "Fill the frames between two labelled ones along the flow, where the flow "
            f"agrees from both sides ({key_words('fill')})"
        )
        return f"{task}. To do first: {missing}." if missing else task

    def _show_advice(self, advice: str) -> None:
        self.reason.say(advice)

    def _switch_uncertainty(self, on: bool) -> None:
        self._state.uncertainty_on = on

    def next_frame(self) -> None:
        """Show the frame where a label helps most, and the reason."""
        masks = self._state.masks
        with errors_shown():
            t = next_frame(self._state)
            if (
                t is not None
                and masks is not None
                and masks.loop in self._viewer.layers
            ):
                show_frame(self._viewer, masks.loop, t)

    def confirm(self) -> None:
        """Label all pixels of the current frame as displayed."""
        loop = self._state.loop
        if loop is not None:
            self._state.confirm_frame(frame_shown(self._viewer, loop))

    def fill(self) -> None:
        """Fill the frames between the labelled ones around the shown frame."""
        with errors_shown():
            self._filler.ask(_filled, *self._gap())

    def _gap(self) -> tuple[Any, ...]:
        """Return layer, frames, targets and flow of the gap around the current frame.

        Raises
        ------
        LabelError
            If the shown frame lies between no labelled ones.
        MotionError
            If the loop has no flow in both directions.
        """
        state = self._state
        if state.loop is None or state.painting is None:
            raise LabelError("nothing to fill: paint on two frames of a loop first")
        t = frame_shown(self._viewer, state.loop)
        gap = gap_around(painted_frames(state.painting), t)
        if gap is None:
            raise LabelError(
                f"frame {t} lies between no two labelled frames: label one before and "
                "one after it"
            )
        loop = state.session.loop(state.loop)
        if loop.flow is None or loop.flow.backward is None:
            raise MotionError(
                "no flow in both directions yet: press Estimate flow in the Motion "
                "dock; under Advanced, Backward flow too must be on, as it is at first"
            )
        size = loop.cine.shape[1:]
        targets = tuple(
            painted_target(state.painting, frame, state.label_mode, size)
            for frame in gap
        )
        return state.painting, gap, targets, loop.flow

    def _show_filled(self, filled: tuple[Any, dict[int, NDArray[Any]]]) -> None:
        painting, frames = filled
        if painting is self._state.painting and frames:
            write_filled(painting, frames, self._state.label_mode)
            self._state.advice = (
                f"Frames {min(frames)} to {max(frames)} are filled along the flow. "
                "Look through them; Ctrl+Z takes them back."
            )

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


def _filled(
    painting: Any,
    gap: tuple[int, int],
    targets: tuple[NDArray[Any], NDArray[Any]],
    flow: FlowSequence,
) -> tuple[Any, dict[int, NDArray[Any]]]:
    """Fill the gap of a labels layer in a thread; return the layer and the classes."""
    from napari_motionseg.segmentation.fill_between import fill_between

    return painting, fill_between(*gap, targets, flow)
