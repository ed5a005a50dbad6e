"""The Project dock: save the work, measure how good it is, export it."""

from __future__ import annotations

from napari.viewer import Viewer

from napari_motionseg.widgets.common.autosaved_dock import AutosavedDock
from napari_motionseg.widgets.common.dock_layout import SPACING, hint
from napari_motionseg.widgets.common.mask_loading import LoadMasksButton
from napari_motionseg.widgets.project.agreement_section import AgreementSection
from napari_motionseg.widgets.project.export_section import ExportSection
from napari_motionseg.widgets.project.project_panel import ProjectPanel


class ProjectDock(AutosavedDock):
    """Save the project, measure agreement, export."""

    offers_work_on_any_loop = True

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__(napari_viewer)
        form = self.section("Project")
        self.panel = ProjectPanel(self.controller)
        form.addRow(self.panel)
        self.load_button = LoadMasksButton(self)
        form.addRow(self.load_button)
        self._column.addSpacing(SPACING)
        self.agreement = AgreementSection(self)
        self._column.addSpacing(SPACING)
        self.export = ExportSection(self, self.agreement.reference)
        self.add(hint("Research use only; not a medical device."))
