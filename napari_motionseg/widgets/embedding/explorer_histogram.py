"""Plot the similarity to the anchor of labelled and other pixels, with the AUC."""

from __future__ import annotations

import numpy as np
import pyqtgraph
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_motionseg.embedding.separation import Separation
from napari_motionseg.widgets.common.curve_plot import GRAY
from napari_motionseg.widgets.common.plain_labels import WrappedLabel

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
        self.plot = pyqtgraph.PlotWidget(background=None)
        self.plot.setFixedHeight(HEIGHT)
        self.plot.setMouseEnabled(x=False, y=False)
        self.plot.setMenuEnabled(False)
        self.plot.hideButtons()
        self.plot.hideAxis("left")
        self.plot.setLabel("bottom", "similarity to the anchor", color=GRAY)
        self.plot.getAxis("bottom").setPen(GRAY)
        self.plot.getAxis("bottom").setTextPen(GRAY)
        self.plot.setXRange(-1, 1, padding=0.02)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.words)
        layout.addWidget(self.plot)
        self.show_separation(None)

    def show_separation(self, found: Separation | None, why_not: str = "") -> None:
        """Draw a separation; without one, show the reason, or hide the plot."""
        self.setVisible(found is not None or bool(why_not))
        self.plot.setVisible(found is not None)
        self.plot.clear()
        if found is None:
            self.words.setTextFormat(Qt.TextFormat.PlainText)
            self.words.setText(why_not)
            return
        self.words.setTextFormat(Qt.TextFormat.RichText)
        for shares, color in ((found.outside, OUTSIDE), (found.inside, INSIDE)):
            # the square root makes classes with few pixels visible beside large ones
            self.plot.plot(
                found.edges, np.sqrt(shares), stepMode="center", fillLevel=0,
                pen=pyqtgraph.mkPen(color, width=1.5), brush=f"{color}60",
            )  # fmt: skip
        self.words.setText(
            f"AUC <b>{found.auc:.3f}</b>: <span style='color:{INSIDE}'>labelled</span> "
            f"against <span style='color:{OUTSIDE}'>other</span> pixels of this frame"
        )
