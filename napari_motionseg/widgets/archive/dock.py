"""Provide the Archive dock: search a DICOMweb archive and open its loops."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from napari.utils.notifications import show_info
from napari.viewer import Viewer
from qtpy.QtGui import QImage, QPixmap
from qtpy.QtWidgets import QComboBox, QFileDialog, QLineEdit

from napari_motionseg.io.archive_address import keep_credentials
from napari_motionseg.io.archive_retrieval import Retrieved
from napari_motionseg.io.archive_search import MODALITIES, FoundSeries, Wanted
from napari_motionseg.jobs import Progress
from napari_motionseg.viewmodel.archive_state import opening_job, search_job
from napari_motionseg.widgets.archive.series_table import SeriesTable
from napari_motionseg.widgets.common.archive_access import SignInDialog, archive_of
from napari_motionseg.widgets.common.autosaved_dock import AutosavedDock
from napari_motionseg.widgets.common.dock_layout import button, button_row, hint
from napari_motionseg.widgets.common.open_docks import PLUGIN
from napari_motionseg.widgets.common.plain_labels import WrappedLabel, plain_label
from napari_motionseg.widgets.common.viewers import errors_shown
from napari_motionseg.widgets.common.write_bar import PanelWords, WritingPanel

KINDS = {
    "Cine loops": MODALITIES,
    **{modality: (modality,) for modality in MODALITIES},
    "SEG (masks)": ("SEG",),
}
PREVIEW_PX = 160
SEARCHING = PanelWords(
    "Searching {}", "", "Nothing was found. {}", "Cancelled.", "End the search"
)
OPENING = PanelWords(
    "Getting {}", "", "Not all was opened. {}", "Cancelled; complete loops are kept.",
    "End now; loops that are complete are kept",
)  # fmt: skip


class ArchiveDock(AutosavedDock):
    """Search a DICOMweb archive, and open its series as loops or masks.

    The search and the transfer run in a thread.

    Parameters
    ----------
    napari_viewer
        The viewer that the dock belongs to; napari passes it by this name.
    """

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__(napari_viewer)
        self.archive = archive_of(self.viewer)
        self._build_address()
        self._build_search()
        self._build_results()
        self.add(hint("Research use only; not a medical device."))
        self._enable()

    def _build_address(self) -> None:
        form = self.section("Archive")
        self.address = QLineEdit(self.archive.address)
        self.address.setPlaceholderText("https://pacs.example/dicom-web")
        self.address.setToolTip("Root of the DICOMweb service of the archive")
        self.address.textChanged.connect(self.archive.turn_to)
        self.address.textChanged.connect(lambda _: self._enable())
        self.sign_in = button("Sign in…", "Give a user and a password, or a token")
        self.sign_in.clicked.connect(self._sign_in)
        form.addRow("Address", self.address)
        form.addRow("", self.sign_in)

    def _build_search(self) -> None:
        form = self.section("Search")
        self.patient, self.date, self.kind = QLineEdit(), QLineEdit(), QComboBox()
        self.patient.setToolTip("Patient ID; * stands for any characters")
        self.date.setPlaceholderText("2026-11-28, or FROM:TO")
        self.date.setToolTip("Date of the study, or a range of dates")
        self.kind.addItems(list(KINDS))
        self.kind.setToolTip("Which series are listed")
        form.addRow("Patient ID", self.patient)
        form.addRow("Date", self.date)
        form.addRow("Type", self.kind)
        self.search_button = button("Search", "List the series that match")
        self.search_button.clicked.connect(self.search)
        for field in (self.address, self.patient, self.date):
            field.returnPressed.connect(self.search)
        form.addRow("", self.search_button)

    def _build_results(self) -> None:
        self.table = SeriesTable()
        self.table.itemSelectionChanged.connect(self._enable)
        self.table.itemDoubleClicked.connect(lambda *_: self.open_chosen())
        self.add(self.table)
        form = self.section("Open")
        self.folder = WrappedLabel()
        self.folder.setToolTip("Loops stay there, with the patient's name in them")
        self.choose = button("Folder…", "Choose where loops are kept")
        self.choose.clicked.connect(self._choose_folder)
        self.open_button = button("Open", "Get the chosen series and open their loops")
        self.open_button.clicked.connect(self.open_chosen)
        form.addRow("Kept in", self.folder)
        form.addRow(button_row(self.choose, self.open_button))
        self.panel = WritingPanel()
        self.panel.progressed.connect(self._show_arriving)
        self.panel.finished.connect(self._take)
        self.panel.ended.connect(self._ended)
        form.addRow(self.panel)
        self.preview = plain_label()
        self.preview.hide()
        form.addRow(self.preview)
        self._show_folder()

    def search(self) -> None:
        """Search the archive for what the fields say."""
        if self.panel.running:
            return
        with errors_shown():
            wanted = Wanted(
                self.patient.text().strip(), self.date.text(),
                KINDS[self.kind.currentText()],
            )  # fmt: skip
            job = search_job(self.archive.settings(), wanted)
            self.panel.start(job, SEARCHING)
        self._enable()

    def open_chosen(self) -> None:
        """Get the chosen series from the archive and open them."""
        if self.panel.running or not self.table.chosen:
            return
        with errors_shown():
            job = opening_job(
                self.archive.settings(), self.table.chosen, self.archive.folder
            )
            self.panel.start(job, OPENING)
        self._enable()

    def _take(self, result: list[Any]) -> None:
        if result and isinstance(result[0], Retrieved):
            self._open(result)
            return
        found = [one for one in result if isinstance(one, FoundSeries)]
        self.table.fill(found)
        self.panel.say(f"{len(found)} series match" if found else "No series matches")

    def _open(self, retrieved: list[Retrieved]) -> None:
        """Open the loops of each series; masks lie on the loops that are open."""
        count = len(self.viewer.layers)
        for series in retrieved:
            paths = series.files
            if paths and series.series.modality != "SEG":
                paths = (paths[0].parent,)
            for path in paths:
                with errors_shown():
                    self.viewer.open(str(path), plugin=PLUGIN)
        opened = len(self.viewer.layers) - count
        self.panel.say(f"{opened} opened")

    def _ended(self) -> None:
        self.preview.hide()
        self._enable()

    def _show_arriving(self, progress: Progress) -> None:
        """Show the newest frame of the loop that arrives."""
        if progress.preview is None:
            return
        frame = np.asarray(progress.preview, np.float32)
        low, high = float(frame.min()), float(frame.max())
        gray = ((frame - low) * (255 / max(high - low, 1))).astype(np.uint8)
        height, width = gray.shape
        kind = QImage.Format.Format_Grayscale8
        picture = QImage(gray.tobytes(), width, height, width, kind).copy()
        shown = QPixmap.fromImage(picture).scaledToHeight(PREVIEW_PX)
        self.preview.setPixmap(shown)
        self.preview.show()

    def _sign_in(self) -> None:
        with errors_shown():
            address = self.archive.settings().address
            dialog = SignInDialog(self, address)
            if not dialog.exec():
                return
            self.archive.credentials = dialog.credentials()
            if dialog.keep.isChecked():
                keep_credentials(address, self.archive.credentials)
                show_info("The keyring of this computer keeps it")

    def _choose_folder(self) -> None:
        name = QFileDialog.getExistingDirectory(
            self, "Keep loops in", str(self.archive.folder)
        )
        if name:
            self.archive.folder = Path(name)
            self._show_folder()

    def _show_folder(self) -> None:
        self.folder.setText(str(self.archive.folder))

    def _enable(self) -> None:
        free = not self.panel.running
        named = bool(self.archive.address.strip())
        self.search_button.setEnabled(free and named)
        self.sign_in.setEnabled(named)
        self.open_button.setEnabled(free and bool(self.table.chosen))
