"""Plot the similarity to the anchor of labelled and other pixels, with the AUC."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_motionseg.embedding.separation import Separation
from napari_motionseg.widgets.common.curve_plot import GRAY, keep_height
from napari_motionseg.widgets.common.plain_labels import WrappedLabel

if TYPE_CHECKING:
    import pyqtgraph

INSIDE, OUTSIDE = "#f08c4b", "#4aa3df"
HEIGHT = 110


class SimilarityHistogram(QWidget):
    """Histograms of labelled and other pixels, and the AUC as text."""

    def __init__(self) -> None:
        super().__init__()
        self.words = WrappedLabel()
        self.words.setToolTip(
            "Area under the ROC curve: the probability that a labelled pixel is more "
            "similar to the anchor than another one. Near 1, few labels are enough; "
            "near 0.5, the embedding does not tell them apart."
        )
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.addWidget(self.words)
        self._drawn = False
        self.show_separation(None)

    @cached_property
    def plot(self) -> pyqtgraph.PlotWidget:
        """The plot, which is made when it is drawn for the first time."""
        from pyqtgraph import PlotWidget

        plot = PlotWidget(background=None)
        keep_height(plot, HEIGHT)
        plot.setMouseEnabled(x=False, y=False)
        plot.setMenuEnabled(False)
        plot.hideButtons()
        plot.hideAxis("left")
        plot.setLabel("bottom", "similarity to the anchor", color=GRAY)
        plot.getAxis("bottom").setPen(GRAY)
        plot.getAxis("bottom").setTextPen(GRAY)
        plot.setXRange(-1, 1, padding=0.02)
        self._column.addWidget(plot)
        self._drawn = True
        return plot

    def show_separation(self, found: Separation | None, why_not: str = "") -> None:
        """Draw a separation; without one, show the reason, or hide the plot."""
        self.setVisible(found is not None or bool(why_not))
        if self._drawn:
            self.plot.setVisible(found is not None)
            self.plot.clear()
        if found is None:
            self.words.setTextFormat(Qt.TextFormat.PlainText)
            self.words.setText(why_not)
            return
        from pyqtgraph import mkPen

        self.words.setTextFormat(Qt.TextFormat.RichText)
        for shares, color in ((found.outside, OUTSIDE), (found.inside, INSIDE)):
            # the square root makes classes with few pixels visible beside large ones
            self.plot.plot(
                found.edges, np.sqrt(shares), stepMode="center", fillLevel=0,
                pen=mkPen(color, width=1.5), brush=f"{color}60",
            )  # fmt: skip
        self.words.setText(
            f"AUC <b>{found.auc:.3f}</b>: <span style='color:{INSIDE}'>labelled</span> "
            f"against <span style='color:{OUTSIDE}'>other</span> pixels of this frame"
        )
