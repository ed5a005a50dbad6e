"""Show a followed vessel as pictures of length and time."""

from __future__ import annotations

import numpy as np
import pyqtgraph
from numpy.typing import NDArray
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_motionseg.measurement import FollowedVessel
from napari_motionseg.measurement.loop_numbers import LoopNumbers
from napari_motionseg.measurement.section_speed import section_speeds
from napari_motionseg.widgets.common.curve_plot import GRAY, keep_height

HEIGHT = 120
COLOURS = {"diameter": "viridis", "darkness": "magma", "speed": "cividis"}
CURSOR, END_DIASTOLE = "#ffffff", "#e0a030"  # the colour of R waves under the slider
LOW, HIGH = 2, 98  # percentiles that get the ends of the colours


class Kymograph(QWidget):
    """Show one quantity of each cross-section (up) in each frame (right).

    Parameters
    ----------
    name
        Name of the quantity, a key of `COLOURS`.

    Signals
    -------
    clicked
        Emitted with the index of the frame and of the cross-section.
    """

    clicked = Signal(int, int)

    def __init__(self, name: str) -> None:
        super().__init__()
        self._name, self._length = name, np.empty(0)
        self._frames = 0
        self.plot = pyqtgraph.PlotWidget(background=None)
        keep_height(self.plot, HEIGHT)
        self.plot.setMouseEnabled(x=False, y=False)
        self.plot.setMenuEnabled(False)
        self.plot.hideButtons()
        for side in ("bottom", "left"):
            axis = self.plot.getAxis(side)
            axis.setPen(GRAY)
            axis.setTextPen(GRAY)
            axis.enableAutoSIPrefix(False)
        self.image = pyqtgraph.ImageItem()
        self.image.setColorMap(pyqtgraph.colormap.get(COLOURS[name]))
        self.plot.addItem(self.image)
        pen = pyqtgraph.mkPen(CURSOR, width=1)
        self._frame = pyqtgraph.InfiniteLine(angle=90, pen=pen)
        self._section = pyqtgraph.InfiniteLine(angle=0, pen=pen)
        self.plot.addItem(self._frame)
        self.plot.addItem(self._section)
        self._beats: list[pyqtgraph.InfiniteLine] = []
        self.plot.scene().sigMouseClicked.connect(self._pressed)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.plot)
        self.setToolTip(
            f"The {name} along the vessel (up) in each frame (right). A click goes to "
            "the frame and the cross-section; orange lines are end diastole"
        )

    def show_values(
        self, values: NDArray[np.floating], length: NDArray[np.floating], unit: str
    ) -> None:
        """Draw a quantity ``(T, N)``; `length` ``(N,)`` is the vessel's arc length."""
        self._length, self._frames = np.asarray(length), len(values)
        known = values[np.isfinite(values)]
        levels = np.percentile(known, (LOW, HIGH)) if len(known) else (0, 1)
        self.image.setImage(np.asarray(values, np.float32), levels=tuple(levels))
        last = float(length[-1])
        self.image.setRect(-0.5, 0, self._frames, last)
        self.plot.setRange(
            xRange=(-0.5, self._frames - 0.5), yRange=(0, last), padding=0
        )
        self.plot.setLabel("bottom", "frame", color=GRAY)
        units = {"diameter": f", {unit}", "speed": f", {unit}/s"}
        label = f"{self._name}{units.get(self._name, '')}"
        self.plot.setLabel("left", f"length ({unit})", color=GRAY)
        self.plot.setTitle(label, color=GRAY, size="8pt")

    def mark_beats(self, frames: NDArray[np.floating]) -> None:
        """Draw a line at each end diastole, in frames with fractions."""
        for line in self._beats:
            self.plot.removeItem(line)
        pen = pyqtgraph.mkPen(END_DIASTOLE, width=1.5, dash=[3, 3])
        self._beats = [
            pyqtgraph.InfiniteLine(float(frame), angle=90, pen=pen) for frame in frames
        ]
        for line in self._beats:
            self.plot.addItem(line)

    def show_cursor(self, frame: int, section: int | None) -> None:
        """Move the cursor; None keeps its cross-section."""
        self._frame.setValue(frame)
        if section is not None and section < len(self._length):
            self._section.setValue(float(self._length[section]))

    def _pressed(self, event: object) -> None:
        if not self._frames:
            return
        place = self.plot.plotItem.vb.mapSceneToView(event.scenePos())  # type: ignore[attr-defined]
        frame = int(np.clip(round(place.x()), 0, self._frames - 1))
        section = int(np.abs(self._length - place.y()).argmin())
        self.clicked.emit(frame, section)


class Kymographs(QWidget):
    """Show the diameter, the darkness and the speed of a followed vessel.

    Signals
    -------
    clicked
        Emitted with the index of the frame and of the cross-section.
    """

    clicked = Signal(int, int)

    def __init__(self) -> None:
        super().__init__()
        self.parts = {name: Kymograph(name) for name in COLOURS}
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        for part in self.parts.values():
            layout.addWidget(part)
            part.clicked.connect(self.clicked)
        self._shown: FollowedVessel | None = None
        self.setVisible(False)

    def show_followed(
        self,
        followed: FollowedVessel | None,
        numbers: LoopNumbers | None,
        frame_times: NDArray[np.float64] | None,
    ) -> None:
        """Draw a followed vessel; None hides the pictures."""
        self.setVisible(followed is not None)
        if followed is self._shown:
            return
        self._shown = followed
        if followed is None:
            return
        unit, length = followed.calibration.unit, followed.arc_length
        self.parts["diameter"].show_values(followed.diameters, length, unit)
        self.parts["darkness"].show_values(followed.contrast, length, unit)
        self.parts["speed"].setVisible(frame_times is not None)
        if frame_times is not None:
            speeds = section_speeds(followed.points, frame_times, followed.calibration)
            self.parts["speed"].show_values(speeds, length, unit)
        beats = end_diastoles(numbers, frame_times)
        for part in self.parts.values():
            part.mark_beats(beats)

    def show_cursor(self, frame: int, section: int | None = None) -> None:
        """Move the cursor of all pictures; None keeps its cross-section."""
        for part in self.parts.values():
            part.show_cursor(frame, section)


def end_diastoles(
    numbers: LoopNumbers | None, frame_times: NDArray[np.float64] | None
) -> NDArray[np.float64]:
    """Return end diastoles in frames with fractions; none where they are unknown.

    Parameters
    ----------
    numbers
        What the whole loop says about a vessel, or None.
    frame_times
        ``(T,)`` milliseconds from the first frame, or None.
    """
    if numbers is None or numbers.phase is None or frame_times is None:
        return np.empty(0)
    times = numbers.phase.end_diastoles_ms
    found: NDArray[np.float64] = np.interp(
        times, frame_times, np.arange(len(frame_times))
    )
    return found
