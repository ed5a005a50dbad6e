"""Show the ECG of a loop under the time slider, with R waves and the current frame."""

from __future__ import annotations

import numpy as np
from qtpy.QtCore import QPointF, Qt
from qtpy.QtGui import QColor, QPainter, QPaintEvent, QPen, QPolygonF

from napari_motionseg.cine import Cine
from napari_motionseg.cine.ecg import FrameTrace, trace_over_frames
from napari_motionseg.widgets.common.slider_strip import SliderStrip

HEIGHT_PX, MARGIN_PX = 40, 4
# colours that people with any kind of colour vision can distinguish
TRACE, R_WAVE = "#4caf7d", "#e0a030"
TIMED = "ECG. The line shows the frame; a click goes to a frame."
UNTIMED = (
    "ECG. The file does not say when its samples were taken: they are laid evenly over "
    "the loop. A click goes to a frame."
)
R_WAVES_ALONE = "R waves, as the file names them. A click goes to a frame."


class EcgStrip(SliderStrip):
    """Draw the ECG and the R waves of the loop that is chosen."""

    def __init__(self) -> None:
        super().__init__(HEIGHT_PX)
        self.trace: FrameTrace | None = None
        self.r_waves: tuple[int, ...] = ()
        self._frame = 0
        self.hide()

    def show_loop(self, cine: Cine | None) -> None:
        """Show the ECG of a loop; hide the strip if the file has none."""
        self.trace, self.r_waves = None, ()
        if cine is not None and len(cine) > 1:
            self.trace = trace_over_frames(cine.ecg, len(cine), cine.frame_times)
            self.r_waves, self._count = cine.r_waves, len(cine)
        if self.trace is None:
            self.setToolTip(R_WAVES_ALONE)
        else:
            self.setToolTip(TIMED if self.trace.timed else UNTIMED)
        self.setVisible(self.trace is not None or bool(self.r_waves))
        self.update()

    def show_frame(self, frame: int) -> None:
        """Draw the line of the shown frame."""
        self._frame = frame
        self.update()

    def paintEvent(self, event: QPaintEvent | None) -> None:  # noqa: N802 - Qt's name
        """Draw R waves, the trace, and the line of the shown frame."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        for frame in self.r_waves:
            self._draw_line(painter, frame, QPen(QColor(R_WAVE), 2))
        if self.trace is not None:
            painter.setPen(QPen(QColor(TRACE), 1.2))
            painter.drawPolyline(QPolygonF(self.points(self.trace)))
        text = self.palette().color(self.foregroundRole())
        self._draw_line(painter, self._frame, QPen(text, 1, Qt.PenStyle.DashLine))
        painter.end()

    def points(self, trace: FrameTrace) -> list[QPointF]:
        """Return the trace in pixels of the strip, at most two points a column."""
        left, right = self.x_of(0, self._count), self.x_of(1, self._count)
        xs = left + (right - left) * trace.frames
        inside = (xs >= 0) & (xs <= self.width())
        xs, values = xs[inside], trace.values[inside]
        height = self.height() - 2 * MARGIN_PX
        chosen = _extremes(xs, values)
        return [
            QPointF(float(xs[i]), MARGIN_PX + height * (1 - float(values[i])))
            for i in chosen
        ]

    def _draw_line(self, painter: QPainter, frame: int, pen: QPen) -> None:
        x = self.x_of(frame, self._count)
        painter.setPen(pen)
        painter.drawLine(QPointF(x, 0), QPointF(x, self.height()))


def _extremes(xs: np.ndarray, values: np.ndarray) -> list[int]:
    """Return the samples to draw: the least and the greatest of each pixel column."""
    if not len(xs):
        return []
    starts = np.flatnonzero(np.diff(np.floor(xs), prepend=-np.inf))
    chosen: list[int] = []
    for part in np.split(np.arange(len(xs)), starts[1:]):
        pair = {int(part[values[part].argmin()]), int(part[values[part].argmax()])}
        chosen += sorted(pair)
    return chosen
