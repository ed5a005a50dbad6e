"""Mark end diastole, as the vessel's motion shows it, under the time slider."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QPointF, Qt
from qtpy.QtGui import QColor, QPainter, QPaintEvent, QPen

from napari_motionseg.widgets.common.slider_strip import SliderStrip

HEIGHT_PX = 14
FROM_MOTION = "#4aa3df"  # not the colour of R waves, which come from the file


class BeatStrip(SliderStrip):
    """Draw a line at each end diastole; hidden while none is known."""

    def __init__(self) -> None:
        super().__init__(HEIGHT_PX)
        self.beats: NDArray[np.float64] = np.empty(0)
        self.setToolTip(
            "End diastole, from the vessel's motion. A click goes to a frame."
        )
        self.hide()

    def show_beats(self, beats: NDArray[np.float64], count: int) -> None:
        """Show end diastoles, in frames with fractions, of a loop of `count` frames."""
        self.beats, self._count = beats, count
        self.setVisible(self.parentWidget() is not None and len(beats) > 0)
        self.update()

    def paintEvent(self, event: QPaintEvent | None) -> None:  # noqa: N802 - Qt's name
        """Draw the lines."""
        painter = QPainter(self)
        painter.setPen(QPen(QColor(FROM_MOTION), 2, Qt.PenStyle.SolidLine))
        for beat in self.beats:
            x = self.x_of(float(beat), self._count)
            painter.drawLine(QPointF(x, 1), QPointF(x, self.height() - 1))
        painter.end()
