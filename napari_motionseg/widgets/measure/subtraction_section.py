"""Show the loop minus mask frames, as a layer that is computed frame by frame."""

from __future__ import annotations

from typing import Any

from napari.viewer import Viewer
from qtpy.QtWidgets import QComboBox, QFormLayout, QLineEdit

from napari_motionseg.cine import Cine
from napari_motionseg.cine.displayed_frames import DisplayedFrames
from napari_motionseg.cine.frame_stack import FrameStack
from napari_motionseg.cine.mask_subtraction import first_subtraction, subtract_masks
from napari_motionseg.errors import MeasurementError
from napari_motionseg.measurement.phase_subtraction import (
    subtract_chosen,
    subtract_phase,
)
from napari_motionseg.viewmodel.measure_state import MeasureState
from napari_motionseg.widgets.common.choosers import LoopChooser
from napari_motionseg.widgets.common.dock_layout import button
from napari_motionseg.widgets.common.viewers import (
    DERIVED,
    errors_shown,
    placement,
)

HEADER, CHOSEN, PHASE = "of the header", "chosen frames", "same phase of the heart"
USUAL_FRAMES = "0-2"
LIMITS = (-0.5, 0.2)  # of the density that is displayed


class SubtractionSection:
    """Rows that choose the mask frames, and a button that adds the layer.

    Parameters
    ----------
    form
        The form that gets the rows.
    viewer
        The viewer.
    chooser
        Chooser of the loop.
    state
        State of the dock; a followed vessel of it knows the phase of the heart.
    """

    def __init__(
        self,
        form: QFormLayout,
        viewer: Viewer,
        chooser: LoopChooser,
        state: MeasureState,
    ) -> None:
        self._viewer, self._chooser, self._state = viewer, chooser, state
        self.kind = QComboBox()
        self.kind.addItems((CHOSEN, PHASE, HEADER))
        self.kind.setToolTip(
            "Frames that are subtracted: the mean of chosen frames; of the chosen "
            "frames the one in the same phase of the heart, warped along the flow (the "
            "vessel must be followed first); or the masks that the file names"
        )
        self.frames = QLineEdit(USUAL_FRAMES)
        self.frames.setToolTip(
            "Frames before contrast, from 0, such as 0-5 or 0,2,4. For masks of the "
            "same phase they should cover a whole beat"
        )
        self.button = button(
            "Show subtraction",
            "Add the loop minus its masks as a layer; each frame is computed when it "
            "is shown",
        )
        self.button.clicked.connect(self._show)
        self.kind.currentTextChanged.connect(self._kind_changed)
        form.addRow("Masks  ", self.kind)
        form.addRow("Mask frames  ", self.frames)
        form.addRow(self.button)

    def _kind_changed(self, kind: str) -> None:
        self.frames.setEnabled(kind != HEADER)

    def _show(self) -> None:
        layer, cine = self._chooser.layer, self._state.cine
        if layer is None or cine is None:
            return
        with errors_shown():
            stack = self._stack(cine)
            attributes: dict[str, Any] = placement(layer, 3)
            self._viewer.add_image(
                DisplayedFrames(stack), name=f"{layer.name} subtracted",
                colormap="gray", contrast_limits=LIMITS,
                metadata={DERIVED: "subtraction"}, **attributes,
            )  # fmt: skip

    def _stack(self, cine: Cine) -> FrameStack:
        kind = self.kind.currentText()
        if kind == HEADER:
            if first_subtraction(cine) is None:
                raise MeasurementError(
                    "the file names no mask frames: choose some, before contrast"
                )
            return subtract_masks(cine)
        frames = parsed_frames(self.frames.text())
        if kind == CHOSEN:
            return subtract_chosen(cine, frames)
        numbers = self._state.numbers
        if numbers is None or numbers.phase is None:
            raise MeasurementError(
                "masks of the same phase need a followed vessel, whose motion shows "
                "the heartbeat: measure a vessel, then press Follow through the loop"
            )
        from napari_motionseg.motion import FlowSettings
        from napari_motionseg.motion.estimators import ESTIMATORS

        settings = FlowSettings(gap=1)
        estimator = ESTIMATORS.load(settings.method)(settings)
        return subtract_phase(cine, numbers.phase.phase, frames, estimator)


def parsed_frames(text: str) -> list[int]:
    """Return the frames that a text such as ``0-5, 8`` names.

    Raises
    ------
    MeasurementError
        If the text has another form.
    """
    frames: list[int] = []
    try:
        for part in text.split(","):
            first, *last = (int(one) for one in part.split("-", 1))
            frames.extend(range(first, (last[0] if last else first) + 1))
    except ValueError:
        frames = []
    if not frames:
        raise MeasurementError(
            f"mask frames are written like 0-5 or 0,2,4, from 0; got {text!r:.80}"
        )
    return frames
