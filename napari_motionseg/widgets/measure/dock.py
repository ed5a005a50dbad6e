"""The Measure dock: diameters and stenoses of a vessel between clicked points."""

from __future__ import annotations

from typing import get_args

import numpy as np
from napari.layers import Labels, Layer
from napari.viewer import Viewer
from qtpy.QtWidgets import (
    QComboBox,
    QDoubleSpinBox,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QWidget,
)

from napari_motionseg.errors import MeasurementError, MotionSegError
from napari_motionseg.measurement import Calibration, VesselMeasurement
from napari_motionseg.measurement.diameters import Method
from napari_motionseg.measurement.result_files import NOTICE, write_measurement
from napari_motionseg.measurement.stenosis import ReferenceMethod
from napari_motionseg.viewmodel.measure_state import MeasureState, VesselQuestion
from napari_motionseg.widgets.common.autosaved_dock import AutosavedDock
from napari_motionseg.widgets.common.background import Latest
from napari_motionseg.widgets.common.choosers import LayerChooser, LoopChooser
from napari_motionseg.widgets.common.dock_layout import button, hint
from napari_motionseg.widgets.common.plain_labels import WrappedLabel
from napari_motionseg.widgets.common.viewers import errors_shown, show_frame
from napari_motionseg.widgets.measure.follow_section import FollowSection
from napari_motionseg.widgets.measure.profile_plot import ProfilePlot
from napari_motionseg.widgets.measure.vessel_layers import VesselLayers

ROWS = ("Length", "Smallest diameter", "Reference", "Stenosis", "Lesion", "A pixel")
USUAL_FRENCH = 6.0
NO_GUIDE = "none"
Answer = tuple[VesselQuestion, VesselMeasurement | MeasurementError]


class MeasureDock(AutosavedDock):
    """Measure a vessel: click its ends, read diameters and stenosis.

    Attributes
    ----------
    state
        The points, the settings and the numbers.
    vessel
        The layers that show the points and the centreline.
    """

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__(napari_viewer)
        self.state = MeasureState()
        self.vessel = VesselLayers(self, self.viewer)
        self._latest = Latest(self, self._answered)
        self.chooser = LoopChooser(self.viewer, "The loop to measure in")
        self.section("Loop").addRow(self.chooser)
        self._build_points()
        self._build_numbers()
        self.following = FollowSection(self.session, self.state)
        self.following.frame_wanted.connect(self._show_frame)
        self.following.section_shown.connect(self._show_section)
        self._section: int | None = None
        self.add(self.following)
        self._build_settings()
        self.save_button = button(
            "Save tables and figure...",
            "Write the numbers, a table for a spreadsheet and a figure to a new folder",
        )
        self.save_button.clicked.connect(self._save)
        self.add(self.save_button)
        self.report_button = button(
            "Save report...",
            "Write the numbers as a DICOM Structured Report of the loop's study",
        )
        self.report_button.clicked.connect(self._save_report)
        self.add(self.report_button)
        self.add(hint(NOTICE))
        self.vessel.moved.connect(self._points_moved)
        self.state.asked.connect(self._ask)
        self.state.changed.connect(self._show)
        self.chooser.layer_changed.connect(self._show_loop)
        self._show_loop(self.chooser.layer)

    def _build_points(self) -> None:
        self.place_button = button(
            "Place points",
            "Click the proximal end of the vessel, then the distal end, and points "
            "between if the line takes another branch. Drag points to correct them",
        )
        self.place_button.setCheckable(True)
        self.place_button.toggled.connect(self._toggle)
        self.clear_button = button("Remove points", "Remove points and centreline")
        self.clear_button.clicked.connect(self._clear)
        row = QWidget()
        layout = QHBoxLayout(row)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.place_button)
        layout.addWidget(self.clear_button)
        self.section("Vessel").addRow(row)
        self.message = hint("")
        self.add(self.message)

    def _build_numbers(self) -> None:
        self.plot = ProfilePlot()
        self.plot.markers_moved.connect(self.state.move_markers)
        self.plot.borders_moved.connect(self.state.move_borders)
        self.add(self.plot)
        form = self.section("Numbers")
        self.values = {name: WrappedLabel() for name in ROWS}
        for name, label in self.values.items():
            form.addRow(f"{name}  ", label)
        self.warning = hint("")
        self.add(self.warning)

    def _build_settings(self) -> None:
        form = self.advanced("How diameters, references and millimetres are found")
        self.method = self._choice(
            get_args(Method), "How diameters are measured; see the documentation"
        )
        self.method.currentTextChanged.connect(
            lambda name: self.state.choose(method=name)
        )
        self.reference = self._choice(
            get_args(ReferenceMethod), "How the reference diameter is found"
        )
        self.reference.currentTextChanged.connect(
            lambda name: self.state.choose(reference_method=name)
        )
        self._add_guide(form)
        form.addRow("Diameters  ", self.method)
        form.addRow("Reference  ", self.reference)
        self.french = QDoubleSpinBox()
        self.french.setRange(1, 34)
        self.french.setDecimals(1)
        self.french.setValue(USUAL_FRENCH)
        self.french.setSuffix(" F")
        self.french.setToolTip(
            "Size of the catheter; its diameter is a third of it, mm"
        )
        form.addRow("Catheter  ", self.french)
        self.catheter_button = button(
            "Calibrate by the points",
            "Take the tube between the points for the catheter's shaft. An empty "
            "catheter is the better ruler",
        )
        self.catheter_button.clicked.connect(self._calibrate)
        self.header_button = button(
            "Calibrate by the header", "Use the size of a pixel that the file gives"
        )
        self.header_button.clicked.connect(self.state.calibrate_by_header)
        form.addRow(self.catheter_button)
        form.addRow(self.header_button)

    def _add_guide(self, form: QFormLayout) -> None:
        self.guide = LayerChooser(
            self.viewer, self._is_guide, "Masks that the line keeps to; diameters "
            "always come from the picture", NO_GUIDE, only_by_hand=True,
        )  # fmt: skip
        self.guide.layer_changed.connect(self._guide_by)
        form.addRow("Guide  ", self.guide)

    def _is_guide(self, layer: Layer) -> bool:
        cine = self.state.cine
        return (
            cine is not None
            and isinstance(layer, Labels)
            and tuple(layer.data.shape) == cine.shape
        )

    def _guide_by(self, layer: Layer | None) -> None:
        if layer is None:
            self.state.guide_by(None)
            return
        self.state.guide_by(lambda frame: np.asarray(layer.data[frame]) > 0)

    @staticmethod
    def _choice(names: tuple[str, ...], tooltip: str) -> QComboBox:
        box = QComboBox()
        box.addItems(names)
        box.setToolTip(tooltip)
        return box

    def _show_loop(self, layer: Layer | None) -> None:
        self.place_button.setChecked(False)
        self.vessel.show_loop(layer)
        cine = None
        if layer is not None:
            with errors_shown():
                cine = self.session.loop(layer).cine
        self.state.show_loop(cine)
        self.guide.refresh()
        self.place_button.setEnabled(cine is not None)

    def _toggle(self, wanted: bool) -> None:
        if wanted:
            self.vessel.begin()
        else:
            self.vessel.end()

    def _clear(self) -> None:
        self.place_button.setChecked(False)
        self.vessel.clear()
        self._points_moved()

    def _points_moved(self) -> None:
        self.state.place(self.vessel.frame, self.vessel.points)
        if self.state.followed is not None:
            self.following.show_frame(self.vessel.frame)
            self._draw()

    def _show_frame(self, frame: int) -> None:
        if self.chooser.layer is not None:
            show_frame(self.viewer, self.chooser.layer, frame)

    def _show_section(self, section: int) -> None:
        self._section = section
        self._draw()

    def _draw(self) -> None:
        self.vessel.draw(self.state.measured, self.state.followed, self._section)

    def _ask(self, question: VesselQuestion) -> None:
        self._latest.ask(_answered_question, question)

    def _answered(self, answer: Answer) -> None:
        self.state.accept(*answer)

    def _show(self) -> None:
        measured = self.state.measured
        self.message.setText(self.state.message)
        self.message.setVisible(bool(self.state.message))
        cautions = [] if measured is None else list(measured.warnings)
        said = "\n".join(filter(None, [self.state.warning, *cautions]))
        self.warning.setText(said)
        self.warning.setVisible(bool(said))
        self.plot.show_measurement(measured, self.state.markers)
        self.following.show_state()
        self._draw()
        texts = dict.fromkeys(ROWS, "-") if measured is None else numbers(measured)
        texts["A pixel"] = pixel_size(self.state.calibration)
        for name, text in texts.items():
            self.values[name].setText(text)
        self.save_button.setEnabled(measured is not None)
        self.report_button.setEnabled(measured is not None)
        self.clear_button.setEnabled(bool(self.vessel.points))

    def _calibrate(self) -> None:
        with errors_shown():
            self.state.calibrate_by_catheter(self.french.value())

    def _save(self) -> None:
        cine, measured = self.state.cine, self.state.measured
        if cine is None or measured is None:
            return
        name = f"{cine.name}_vessel"
        chosen, _ = QFileDialog.getSaveFileName(self, "Save tables and figure", name)
        if not chosen:
            return
        try:
            row = measured.as_dict()
            followed, numbers = self.state.followed, self.state.numbers
            if numbers is not None:
                row["followed"] = numbers.as_dict()
            write_measurement(chosen, cine, measured, row, followed)
        except MotionSegError as error:
            self._say(str(error))

    def _save_report(self) -> None:
        cine, measured = self.state.cine, self.state.measured
        if cine is None or measured is None:
            return
        chosen, _ = QFileDialog.getSaveFileName(
            self, "Save report", f"{cine.name}_measurement.dcm", "DICOM (*.dcm)"
        )
        if not chosen:
            return
        from napari_motionseg.measurement.report_parts import write_measurement_report

        try:
            write_measurement_report(chosen, cine, [measured])
            self._say(f"{chosen} was written.")
        except MotionSegError as error:
            self._say(str(error))

    def _say(self, sentence: str) -> None:
        self.message.setText(sentence)
        self.message.setVisible(True)


def _answered_question(question: VesselQuestion) -> Answer:
    return question, question.answer()


def numbers(measured: VesselMeasurement) -> dict[str, str]:
    """Return the numbers of a measurement as text, by the name of their row."""
    row = measured.as_dict()
    unit = measured.profile.calibration.unit
    length = row[f"lesion_length_{unit}"]
    return {
        "Length": f"{measured.profile.arc_length[-1]:.1f} {unit}",
        "Smallest diameter": f"{row[f'mld_{unit}']:.2f} {unit}",
        "Reference": f"{row[f'rvd_{unit}']:.2f} {unit} ({measured.reference_method})",
        "Stenosis": f"{row['percent_diameter_stenosis']:.0f} % of the diameter",
        "Lesion": "none" if length is None else f"{length:.1f} {unit} long",
    }


def pixel_size(calibration: Calibration) -> str:
    """Describe the size of a pixel."""
    if not calibration.known:
        return f"px: {calibration.basis}"
    return f"{calibration.column_mm:.4f} mm, {calibration.basis}"
