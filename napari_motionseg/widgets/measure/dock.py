"""The Measure dock: diameters and stenoses of vessels between clicked points."""

from __future__ import annotations

from napari.layers import Layer
from napari.viewer import Viewer
from qtpy.QtCore import Qt
from qtpy.QtGui import QKeySequence
from qtpy.QtWidgets import QShortcut

from napari_motionseg.errors import MeasurementError
from napari_motionseg.measurement import Calibration, VesselMeasurement
from napari_motionseg.measurement.loop_vessel import lesion_rows
from napari_motionseg.measurement.result_files import NOTICE
from napari_motionseg.viewmodel.measure_memory import MeasureMemory
from napari_motionseg.viewmodel.measure_state import MeasureState
from napari_motionseg.viewmodel.vessel_question import VesselQuestion
from napari_motionseg.widgets.common.autosaved_dock import AutosavedDock
from napari_motionseg.widgets.common.background import Latest
from napari_motionseg.widgets.common.choosers import LoopChooser
from napari_motionseg.widgets.common.dock_layout import button, button_row, hint
from napari_motionseg.widgets.common.listening import listen
from napari_motionseg.widgets.common.plain_labels import WrappedLabel
from napari_motionseg.widgets.common.viewers import errors_shown, show_frame
from napari_motionseg.widgets.measure.choices_section import ChoicesSection
from napari_motionseg.widgets.measure.follow_section import FollowSection
from napari_motionseg.widgets.measure.profile_plot import ProfilePlot
from napari_motionseg.widgets.measure.regions_section import RegionsSection
from napari_motionseg.widgets.measure.saving_section import SavingSection
from napari_motionseg.widgets.measure.subtraction_section import SubtractionSection
from napari_motionseg.widgets.measure.vessel_layers import VesselLayers
from napari_motionseg.widgets.measure.vessel_table import VesselTable

ROWS = ("Length", "Smallest diameter", "Reference", "Stenosis", "Lesion", "A pixel")
Answer = tuple[VesselQuestion, VesselMeasurement | MeasurementError]


class MeasureDock(AutosavedDock):
    """Measure vessels: click their ends, read diameters and stenosis.

    Attributes
    ----------
    state
        The vessels, the settings and the numbers.
    vessel
        The layers that show the points and the centrelines.
    """

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__(napari_viewer)
        self.state = MeasureState()
        self.memory = MeasureMemory(self.session)
        self.vessel = VesselLayers(self, self.viewer)
        self._latest = Latest(self, self._answered)
        self._section: int | None = None
        self.chooser = LoopChooser(self.viewer, "The loop to measure in")
        self.section("Loop").addRow(self.chooser)
        self._build_points()
        self._build_numbers()
        self.following = FollowSection(self.session, self.state)
        self.add(self.following)
        form = self.advanced("How diameters, references and millimetres are found")
        self.choices = ChoicesSection(form, self.viewer, self.state)
        form = self.advanced("Subtract frames before contrast", "Subtraction")
        self.subtraction = SubtractionSection(
            form, self.viewer, self.chooser, self.state
        )
        form = self.advanced("Contrast over time in drawn regions", "Regions")
        self.regions = RegionsSection(form, self.viewer, self.chooser, self.state)
        self.regions.said.connect(self._say)
        self.saving = SavingSection(self.state)
        self.saving.said.connect(self._say)
        self.add(self.saving)
        self.add(hint(NOTICE))
        self._connect()
        self._show_loop(self.chooser.layer)

    def _connect(self) -> None:
        self.following.frame_wanted.connect(self._show_frame)
        self.following.section_shown.connect(self._show_section)
        self.vessel.moved.connect(self._points_moved)
        self.vessel.dragging.connect(self.state.hold)
        self.vessel.undo_asked.connect(self._go_back)
        self.state.asked.connect(self._ask)
        self.state.changed.connect(self._show)
        self.state.replaced.connect(self._show_points)
        self.state.vessels.edited.connect(self._keep)
        self.chooser.layer_changed.connect(self._show_loop)
        listen(self, self.session.settings_restored, self._restored)
        listen(self, self.viewer.dims.events.current_step, self._frame_changed)

    def _build_points(self) -> None:
        self.place_button = button(
            "Place points",
            "Click the proximal end of the vessel, then the distal end, and points "
            "between if the line takes another branch. Drag points to correct them",
        )
        self.place_button.setCheckable(True)
        self.place_button.toggled.connect(self._toggle)
        self.new_button = button(
            "New vessel", "Keep this vessel, and place the points of another one"
        )
        self.new_button.clicked.connect(self._begin_new)
        self.undo_button = button(
            "Undo",
            "Undo the last change of points, markers, borders or choices (Ctrl+Z)",
        )
        self.undo_button.clicked.connect(self.state.vessels.undo)
        self.clear_button = button(
            "Remove vessel", "Remove this vessel: its points, line and numbers"
        )
        self.clear_button.clicked.connect(self._clear)
        form = self.section("Vessels")
        form.addRow(button_row(self.place_button, self.new_button))
        form.addRow(button_row(self.undo_button, self.clear_button))
        for keys, back in (
            (QKeySequence.StandardKey.Undo, True),
            (QKeySequence.StandardKey.Redo, False),
        ):
            pressed = QShortcut(QKeySequence(keys), self)
            pressed.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
            pressed.activated.connect(lambda back=back: self._go_back(back))
        self.message = hint("")
        self.add(self.message)

    def _build_numbers(self) -> None:
        self.table = VesselTable()
        self.table.chosen.connect(self._choose_vessel)
        self.add(self.table)
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

    def _show_loop(self, layer: Layer | None) -> None:
        self.place_button.setChecked(False)
        self.vessel.show_loop(layer)
        cine = None
        if layer is not None:
            with errors_shown():
                cine = self.session.loop(layer).cine
        notes = None if layer is None else self.memory.notes(layer.name)
        if cine is not self.state.cine:
            self.regions.loop_changed()
        self.state.show_loop(cine, notes)
        self.choices.guide.refresh()
        self.place_button.setEnabled(cine is not None)

    def _restored(self, _: object = None) -> None:
        """Show the vessels of a project that was opened."""
        self._show_loop(self.chooser.layer)

    def _keep(self) -> None:
        layer = self.chooser.layer
        if layer is not None and self.memory.keep(layer.name, self.state.vessels.notes):
            self.session.work_in_settings.emit(layer)

    def _toggle(self, wanted: bool) -> None:
        if wanted:
            self.vessel.begin()
        else:
            self.vessel.end()

    def _begin_new(self) -> None:
        self.state.vessels.add()
        self.place_button.setChecked(True)
        self.vessel.begin()

    def _clear(self) -> None:
        self.place_button.setChecked(False)
        self.vessel.clear()
        self.state.vessels.remove()

    def _go_back(self, back: bool) -> None:
        if back:
            self.state.vessels.undo()
        else:
            self.state.vessels.redo()

    def _choose_vessel(self, number: int) -> None:
        self.state.vessels.show(number)
        frame = self.state.vessel.frame
        if frame is not None:
            self._show_frame(frame)

    def _show_points(self) -> None:
        """Show the points of the vessel that is edited now, and its frame."""
        self._section = None
        vessel = self.state.vessel
        self.vessel.show_places(vessel.places)
        if vessel.frame is not None and not vessel.points(self.vessel.frame):
            self._show_frame(vessel.frame)

    def _frame_changed(self, _: object = None) -> None:
        self.following.show_frame(self.vessel.frame)

    def _points_moved(self) -> None:
        self.state.place_all(self.vessel.frame, self.vessel.places)
        self._draw()

    def _show_frame(self, frame: int) -> None:
        if self.chooser.layer is not None:
            show_frame(self.viewer, self.chooser.layer, frame)

    def _show_section(self, section: int) -> None:
        self._section = section
        self._draw()

    def _draw(self) -> None:
        others = tuple(
            (one.measured, one.followed)
            for one in self.state.all_measured()
            if one.number != self.state.vessel.number
        )
        self.vessel.draw(
            self.state.measured, self.state.followed, self._section, others
        )

    def _ask(self, question: VesselQuestion) -> None:
        self._latest.ask(_answered_question, question)

    def _answered(self, answer: Answer) -> None:
        self.state.accept(*answer)

    def _show(self) -> None:
        state, measured = self.state, self.state.measured
        self._say(state.message)
        cautions = [] if measured is None else list(measured.warnings)
        said = "\n".join(filter(None, [state.warning, *cautions]))
        self.warning.setText(said)
        self.warning.setVisible(bool(said))
        self.plot.show_measurement(measured, state.markers)
        known = state.all_measured()
        if self.chooser.layer is not None:
            self.session.measured_vessels[self.chooser.layer] = known
        rows = [row for one in known for row in lesion_rows(one.number, one.measured)]
        self.table.show_rows(rows, state.vessel.number)
        self.following.show_state()
        self.choices.show_state()
        self._draw()
        texts = dict.fromkeys(ROWS, "-") if measured is None else numbers(measured)
        texts["A pixel"] = pixel_size(state.calibration)
        for name, text in texts.items():
            self.values[name].setText(text)
        self.saving.show_state()
        self.clear_button.setEnabled(bool(state.vessel.places))
        self.new_button.setEnabled(bool(state.vessel.places))
        self.undo_button.setEnabled(state.vessels.can_undo)

    def _say(self, sentence: str) -> None:
        self.message.setText(sentence)
        self.message.setVisible(bool(sentence))


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
    spread = (
        "" if calibration.spread is None else f" ± {100 * calibration.spread:.1f} %"
    )
    return f"{calibration.column_mm:.4f} mm{spread}, {calibration.basis}"
