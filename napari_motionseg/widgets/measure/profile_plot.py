"""Plot the diameters along a vessel, their reference and the lesions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyqtgraph
from numpy.typing import NDArray
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_motionseg.measurement import VesselMeasurement
from napari_motionseg.measurement.stenosis import MARKERS
from napari_motionseg.widgets.common.curve_plot import GRAY, STRONG, keep_height

HEIGHT = 190
BAND = STRONG + "40"
REFERENCE, LESION, LESION_EDGE = "#f08c4b", "#ff2d2d30", "#ff2d2d90"
ABOVE_LESIONS = 20
WITHIN = 1.96  # standard deviations of 95 %


class LesionRegion(pyqtgraph.LinearRegionItem):  # type: ignore[misc]
    """A shaded lesion whose borders can be dragged, and not the whole of it.

    A marker that lies within the lesion could not be taken otherwise.
    """

    def mouseDragEvent(self, ev: Any) -> None:  # noqa: N802 - pyqtgraph's name
        """Leave a drag to what lies below."""
        ev.ignore()

    def hoverEvent(self, ev: Any) -> None:  # noqa: N802 - pyqtgraph's name
        """Show no other shade, because nothing can be taken here."""


class ProfilePlot(QWidget):
    """Plot diameters along a vessel; lesions are shaded, noise is a band.

    Signals
    -------
    markers_moved
        Emitted with the arc lengths of both reference markers while one is dragged.
    borders_moved
        Emitted with the index of a lesion and the arc lengths of its borders while they
        are dragged.
    """

    markers_moved = Signal(float, float)
    borders_moved = Signal(int, float, float)

    def __init__(self) -> None:
        super().__init__()
        self.plot = pyqtgraph.PlotWidget(background=None)
        keep_height(self.plot, HEIGHT)
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
            "reference diameter (dashed) and lesions (red). Drag the borders of a "
            "lesion, and the reference markers where there are some"
        )
        self._add_curves()
        self.regions: list[LesionRegion] = []
        self.markers = [self._new_marker(), self._new_marker()]
        self._unit = ""
        self.setVisible(False)

    def _add_curves(self) -> None:
        """Add the curves once: what is dragged must outlive a new measurement."""
        self._edges = [pyqtgraph.PlotCurveItem(pen=None) for _ in range(2)]
        for edge in self._edges:
            self.plot.addItem(edge)
        self.plot.addItem(pyqtgraph.FillBetweenItem(*self._edges, brush=BAND))
        dashed = pyqtgraph.mkPen(REFERENCE, width=1.5, dash=[4, 4])
        self._reference = self.plot.plot(pen=dashed)
        self._diameters = self.plot.plot(pen=pyqtgraph.mkPen(STRONG, width=2))

    def show_measurement(
        self,
        measured: VesselMeasurement | None,
        markers: tuple[float, float] | None = None,
    ) -> None:
        """Draw a measurement; None hides the plot.

        Parameters
        ----------
        measured
            The measured vessel.
        markers
            Arc lengths of the reference markers; None for their usual places.
        """
        self.setVisible(measured is not None)
        if measured is None:
            return
        profile = measured.profile
        unit, length = profile.calibration.unit, profile.arc_length
        if unit != self._unit:  # a label is laid out anew, with its axis
            self._unit = unit
            self.plot.setLabel("bottom", f"arc length ({unit})", color=GRAY)
            self.plot.setLabel("left", f"diameter ({unit})", color=GRAY)
        noise = WITHIN * profile.uncertainty
        for edge, sign in zip(self._edges, (-1, 1), strict=True):
            edge.setData(length, profile.diameters + sign * noise)
        self._reference.setData(length, measured.reference)
        self._diameters.setData(length, profile.diameters)
        self._show_lesions(measured, length)
        self._show_markers(measured, length, markers)
        self.plot.setYRange(0, float(profile.diameters.max()) * 1.1)

    def _show_lesions(
        self, measured: VesselMeasurement, length: NDArray[np.float64]
    ) -> None:
        while len(self.regions) > len(measured.lesions):
            self.plot.removeItem(self.regions.pop())
        while len(self.regions) < len(measured.lesions):
            self.regions.append(self._new_region(len(self.regions)))
        for region, lesion in zip(self.regions, measured.lesions, strict=True):
            if region.moving or any(line.moving for line in region.lines):
                continue  # it is where the mouse has put it
            region.blockSignals(True)
            region.setBounds((length[0], length[-1]))
            region.setRegion((length[lesion.start], length[lesion.end]))
            region.blockSignals(False)

    def _show_markers(
        self,
        measured: VesselMeasurement,
        length: NDArray[np.float64],
        markers: tuple[float, float] | None,
    ) -> None:
        places = markers or tuple(share * length[-1] for share in MARKERS)
        for marker, place in zip(self.markers, places, strict=True):
            # the fitted curve uses no markers
            marker.setVisible(measured.reference_method != "curve fitted")
            if not marker.moving:
                marker.setBounds((length[0], length[-1]))
                marker.setValue(place)

    def _new_region(self, index: int) -> LesionRegion:
        region = LesionRegion(
            brush=pyqtgraph.mkBrush(LESION), pen=pyqtgraph.mkPen(LESION_EDGE)
        )
        region.sigRegionChanged.connect(
            lambda: self.borders_moved.emit(index, *map(float, region.getRegion()))
        )
        self.plot.addItem(region)
        return region

    def _new_marker(self) -> pyqtgraph.InfiniteLine:
        marker = pyqtgraph.InfiniteLine(
            angle=90, movable=True, pen=pyqtgraph.mkPen(REFERENCE, width=2)
        )
        marker.setVisible(False)
        marker.setZValue(ABOVE_LESIONS)
        marker.sigDragged.connect(
            lambda: self.markers_moved.emit(
                *(float(each.value()) for each in self.markers)
            )
        )
        self.plot.addItem(marker)
        return marker
