"""Save what was measured: tables and figures, or a DICOM Structured Report."""

from __future__ import annotations

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QFileDialog, QVBoxLayout, QWidget

from napari_motionseg.errors import MotionSegError
from napari_motionseg.measurement.result_files import write_measurements
from napari_motionseg.viewmodel.measure_state import MeasureState
from napari_motionseg.widgets.common.dock_layout import button


class SavingSection(QWidget):
    """Two buttons that write all measured vessels of the loop.

    Parameters
    ----------
    state
        The state of the dock.

    Signals
    -------
    said
        Emitted with a sentence on what was written, or why not.
    """

    said = Signal(str)

    def __init__(self, state: MeasureState) -> None:
        super().__init__()
        self._state = state
        self.tables = button(
            "Save tables and figures...",
            "Write the numbers of all vessels, tables for a spreadsheet and figures to "
            "a new folder",
        )
        self.tables.clicked.connect(self._save_tables)
        self.report = button(
            "Save report...",
            "Write the numbers of all vessels as a DICOM Structured Report of the "
            "loop's study",
        )
        self.report.clicked.connect(self._save_report)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.tables)
        layout.addWidget(self.report)

    def show_state(self) -> None:
        """Enable the buttons if there is something to write."""
        something = bool(self._state.all_measured())
        self.tables.setEnabled(something)
        self.report.setEnabled(something)

    def _save_tables(self) -> None:
        cine, vessels = self._state.cine, self._state.all_measured()
        if cine is None or not vessels:
            return
        chosen, _ = QFileDialog.getSaveFileName(
            self, "Save tables and figures", f"{cine.name}_vessels"
        )
        if not chosen:
            return
        try:
            write_measurements(chosen, cine, vessels)
            self.said.emit(f"{chosen} was written.")
        except MotionSegError as error:
            self.said.emit(str(error))

    def _save_report(self) -> None:
        cine, vessels = self._state.cine, self._state.all_measured()
        if cine is None or not vessels:
            return
        chosen, _ = QFileDialog.getSaveFileName(
            self, "Save report", f"{cine.name}_measurement.dcm", "DICOM (*.dcm)"
        )
        if not chosen:
            return
        from napari_motionseg.measurement.report_parts import write_measurement_report

        try:
            write_measurement_report(chosen, cine, [one.measured for one in vessels])
            self.said.emit(f"{chosen} was written.")
        except MotionSegError as error:
            self.said.emit(str(error))
