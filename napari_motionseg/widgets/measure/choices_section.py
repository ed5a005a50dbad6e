"""Choose how vessels are measured, what guides them, and the size of a pixel."""

from __future__ import annotations

from typing import get_args

import numpy as np
from napari.layers import Labels, Layer
from napari.viewer import Viewer
from qtpy.QtWidgets import QComboBox, QDoubleSpinBox, QFormLayout

from napari_motionseg.measurement.diameters import Method
from napari_motionseg.measurement.stenosis import ReferenceMethod
from napari_motionseg.viewmodel.measure_state import MeasureState
from napari_motionseg.widgets.common.choosers import LayerChooser
from napari_motionseg.widgets.common.dock_layout import button
from napari_motionseg.widgets.common.viewers import errors_shown

USUAL_FRENCH = 6.0
NO_GUIDE = "none"


class ChoicesSection:
    """Rows of a form that change the state of the Measure dock.

    Parameters
    ----------
    form
        The form that gets the rows.
    viewer
        The viewer, whose labels may guide the centreline.
    state
        The state of the dock.
    """

    def __init__(self, form: QFormLayout, viewer: Viewer, state: MeasureState) -> None:
        self._state = state
        self.guide = LayerChooser(
            viewer, self._is_guide, "Masks that the line keeps to; diameters "
            "always come from the picture", NO_GUIDE, only_by_hand=True,
        )  # fmt: skip
        self.guide.layer_changed.connect(self._guide_by)
        self.method = _choice(
            get_args(Method), "How diameters are measured; see the documentation"
        )
        self.reference = _choice(
            get_args(ReferenceMethod), "How the reference diameter is found"
        )
        self.method.currentTextChanged.connect(lambda name: state.choose(method=name))
        self.reference.currentTextChanged.connect(
            lambda name: state.choose(reference_method=name)
        )
        form.addRow("Guide  ", self.guide)
        form.addRow("Diameters  ", self.method)
        form.addRow("Reference  ", self.reference)
        self._add_calibration(form)

    def _add_calibration(self, form: QFormLayout) -> None:
        self.french = QDoubleSpinBox()
        self.french.setRange(1, 34)
        self.french.setDecimals(1)
        self.french.setValue(USUAL_FRENCH)
        self.french.setSuffix(" F")
        self.french.setToolTip(
            "Size of the catheter; its diameter is a third of it, mm"
        )
        form.addRow("Catheter  ", self.french)
        self.by_catheter = button(
            "Calibrate by the points",
            "Take the tube between the points for the catheter's shaft. An empty "
            "catheter is the better ruler",
        )
        self.by_catheter.clicked.connect(self._calibrate)
        self.by_header = button(
            "Calibrate by the header", "Use the size of a pixel that the file gives"
        )
        self.by_header.clicked.connect(self._state.calibrate_by_header)
        form.addRow(self.by_catheter)
        form.addRow(self.by_header)

    def show_state(self) -> None:
        """Show the choices of the vessel that is edited."""
        vessel = self._state.vessel
        for box, name in (
            (self.method, vessel.method),
            (self.reference, vessel.reference_method),
        ):
            if box.currentText() != name:
                box.blockSignals(True)
                box.setCurrentText(name)
                box.blockSignals(False)

    def _is_guide(self, layer: Layer) -> bool:
        cine = self._state.cine
        return (
            cine is not None
            and isinstance(layer, Labels)
            and tuple(layer.data.shape) == cine.shape
        )

    def _guide_by(self, layer: Layer | None) -> None:
        if layer is None:
            self._state.guide_by(None)
            return
        self._state.guide_by(lambda frame: np.asarray(layer.data[frame]) > 0)

    def _calibrate(self) -> None:
        with errors_shown():
            self._state.calibrate_by_catheter(self.french.value())


def _choice(names: tuple[str, ...], tooltip: str) -> QComboBox:
    box = QComboBox()
    box.addItems(names)
    box.setToolTip(tooltip)
    return box
