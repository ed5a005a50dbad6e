"""Show pictures to which units of a network respond most (activation maximization)."""

from __future__ import annotations

import dataclasses

import numpy as np
from qtpy.QtCore import QObject, Qt
from qtpy.QtGui import QImage, QPixmap
from qtpy.QtWidgets import QComboBox, QHBoxLayout, QSpinBox

from napari_motionseg.embedding.activation_maximization import (
    PreferredSettings,
    gallery,
    layers_of,
)
from napari_motionseg.jobs import Progress
from napari_motionseg.models import UNetConfig, read_card
from napari_motionseg.viewmodel.layer_jobs import units_job
from napari_motionseg.viewmodel.session import Model
from napari_motionseg.widgets.common.dock_layout import Dock, button
from napari_motionseg.widgets.common.job_panel import JobPanel
from napari_motionseg.widgets.common.plain_labels import plain_label
from napari_motionseg.widgets.common.viewers import errors_shown
from napari_motionseg.widgets.embedding.explorer_controls import ExplorerControls

SHOWN = 8  # number of units whose pictures are computed together
WIDTH_PX = 290


class UnitGallery(QObject):
    """Choose a layer and units, and show the pictures while they are computed.

    Parameters
    ----------
    dock
        The dock that the section belongs to.
    controls
        The controls with the model.
    """

    def __init__(self, dock: Dock, controls: ExplorerControls) -> None:
        super().__init__(dock)
        self._session = dock.session
        self._controls = controls
        self.layer = QComboBox()
        self.layer.setToolTip("Layer of the network: the embedding or an encoder level")
        self.first = QSpinBox()
        self.first.setPrefix("from ")
        self.first.setToolTip(f"First of the {SHOWN} units that are shown")
        self.button = button(
            "Maximize activation",
            "Compute the pictures to which these units respond most",
        )
        self.button.clicked.connect(self._seek)
        self.pictures = plain_label()
        self.pictures.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.pictures.setVisible(False)
        form = dock.advanced(
            "Pictures to which units of the network respond most",
            "Activation maximization",
        )
        row = QHBoxLayout()
        row.addWidget(self.layer, 1)
        row.addWidget(self.first)
        form.addRow("Units", row)
        form.addRow(self.button)
        self.panel = JobPanel(self._session)
        self.panel.progressed.connect(self._show_progress)
        self.panel.finished.connect(self._show)
        self.panel.ended.connect(lambda _: self.button.setEnabled(True))
        form.addRow(self.panel)
        form.addRow(self.pictures)
        self.layer.currentIndexChanged.connect(self._limit)
        controls.model.model_changed.connect(self._other_model)
        self._other_model(controls.model.chosen)

    def _other_model(self, model: Model | None) -> None:
        self.layer.clear()
        self.button.setEnabled(model is not None and not self.panel.running)
        if model is None or not model.path.is_file():
            return
        card = read_card(model.path).configuration
        known = {field.name for field in dataclasses.fields(UNetConfig)}
        config = UNetConfig(**{k: v for k, v in card.items() if k in known})
        for name, units in layers_of(config).items():
            self.layer.addItem(name, units)

    def _limit(self, index: int = 0) -> None:
        units = self.layer.currentData()
        self.first.setRange(0, max(0, (units or SHOWN) - SHOWN))

    def _seek(self) -> None:
        model = self._controls.model.chosen
        with errors_shown():
            if model is None:
                return
            first, units = self.first.value(), self.layer.currentData()
            chosen = list(range(first, min(units, first + SHOWN)))
            layer, settings = self.layer.currentText(), PreferredSettings()
            self.panel.start("Units", units_job, model.path, layer, chosen, settings)
            self.button.setEnabled(False)

    def _show_progress(self, progress: Progress) -> None:
        self._show(progress.preview)

    def _show(self, pictures: np.ndarray) -> None:
        self.pictures.setPixmap(as_pixmap(gallery(pictures)))
        self.pictures.setVisible(True)


def as_pixmap(grays: np.ndarray) -> QPixmap:
    """Return gray values ``(H, W)`` uint8 as a pixmap of the dock's width."""
    height, width = grays.shape
    image = QImage(
        grays.tobytes(), width, height, width, QImage.Format.Format_Grayscale8
    )  # fmt: skip
    return QPixmap.fromImage(image).scaledToWidth(
        WIDTH_PX, Qt.TransformationMode.SmoothTransformation
    )
