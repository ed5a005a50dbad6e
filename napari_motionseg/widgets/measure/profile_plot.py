"""Plot the diameters along a vessel, their reference and the lesions."""

from __future__ import annotations

import pyqtgraph
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_motionseg.measurement import VesselMeasurement
from napari_motionseg.widgets.common.curve_plot import GRAY, STRONG

HEIGHT = 190
BAND = STRONG + "40"
REFERENCE, LESION = "#f08c4b", "#ff2d2d30"
WITHIN = 1.96  # standard deviations of 95 %


class ProfilePlot(QWidget):
    """Plot diameters along a vessel; lesions are shaded, noise is a band."""

    def __init__(self) -> None:
        super().__init__()
        self.plot = pyqtgraph.PlotWidget(background=None)
        self.plot.setFixedHeight(HEIGHT)
        self.plot.setMouseEnabled(x=False, y=False)
        self.plot.setMenuEnabled(False)
        self.plot.hideButtons()
        self.plot.showGrid(x=False, y=True, alpha=0.2)
        for side in ("bottom", "left"):
            axis = self.plot.getAxis(side)
            axis.setPen(GRAY)
            axis.setTextPen(GRAY)
            axis.enableAutoSIPrefix(False)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.plot)
        self.setToolTip(
            "Diameter along the vessel (line), what noise may change (band, 95 %), "
            "reference diameter (dashed) and lesions (red)"
        )
        self.setVisible(False)

    def show_measurement(self, measured: VesselMeasurement | None) -> None:
        """Draw a measurement; None hides the plot."""
        self.plot.clear()
        self.setVisible(measured is not None)
        if measured is None:
            return
        profile = measured.profile
        unit, length = profile.calibration.unit, profile.arc_length
        self.plot.setLabel("bottom", f"arc length ({unit})", color=GRAY)
        self.plot.setLabel("left", f"diameter ({unit})", color=GRAY)
        for lesion in measured.lesions:
            region = pyqtgraph.LinearRegionItem(
                (length[lesion.start], length[lesion.end]),
                movable=False, brush=pyqtgraph.mkBrush(LESION), pen=None,
            )  # fmt: skip
            self.plot.addItem(region)
        noise = WITHIN * profile.uncertainty
        edges = [
            pyqtgraph.PlotCurveItem(length, profile.diameters + sign * noise, pen=None)
            for sign in (-1, 1)
        ]
        for edge in edges:
            self.plot.addItem(edge)
        self.plot.addItem(pyqtgraph.FillBetweenItem(*edges, brush=BAND))
        dashed = pyqtgraph.mkPen(REFERENCE, width=1.5, dash=[4, 4])
        self.plot.plot(length, measured.reference, pen=dashed)
        self.plot.plot(length, profile.diameters, pen=pyqtgraph.mkPen(STRONG, width=2))
        self.plot.setYRange(0, float(profile.diameters.max()) * 1.1)
