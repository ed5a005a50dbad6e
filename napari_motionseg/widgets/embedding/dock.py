"""The Embedding dock: explore an embedding, or pretrain one from motion."""

from __future__ import annotations

from pathlib import Path

from napari.viewer import Viewer

from napari_motionseg.widgets.common.autosaved_dock import AutosavedDock
from napari_motionseg.widgets.common.choosers import LoopChooser
from napari_motionseg.widgets.common.dock_layout import hint
from napari_motionseg.widgets.embedding.explorer import Explorer
from napari_motionseg.widgets.embedding.explorer_actions import ExplorerActions
from napari_motionseg.widgets.embedding.explorer_units import UnitGallery
from napari_motionseg.widgets.embedding.pretraining_section import LearnEmbedding


class EmbeddingDock(AutosavedDock):
    """Explore an embedding, pretrain one, and see the patterns its units respond to."""

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__(napari_viewer)
        self.chooser = LoopChooser(self.viewer, "The loop whose embedding is shown")
        self.section("Loop").addRow(self.chooser)
        self.explorer = Explorer(self, self.chooser)
        self.explorer_actions = ExplorerActions(self, self.explorer)
        self.learning = LearnEmbedding(self, self.chooser)
        self.units = UnitGallery(self, self.explorer.controls)
        self.learning.learnt.connect(self._show_embedding)
        self.add(hint("Research use only; not a medical device."))

    def _show_embedding(self, path: Path) -> None:
        """Show the new embedding in the explorer."""
        self.explorer.controls.model.choose(path)
        self.explorer.controls.on.setChecked(True)
