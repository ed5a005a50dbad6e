"""Show end diastole from motion, R waves and ECG of the loop under the time slider."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QPointF, Qt
from qtpy.QtGui import QColor, QPainter, QPaintEvent, QPen

from napari_motionseg.cine import Cine
from napari_motionseg.widgets.cine.ecg_strip import HEIGHT_PX as ECG_PX
from napari_motionseg.widgets.cine.ecg_strip import EcgStrip

HEIGHT_PX = 14
FROM_MOTION = "#4aa3df"  # not the colour of R waves, which come from the file
MOTION_TIP = "Blue: end diastole, from the vessel's motion. A click goes to a frame."
WAVES_TIP = "Orange: R waves, as the file names them. "


class BeatStrip(EcgStrip):
    """Draw a line at each end diastole; hidden while nothing of the heart is known.

    R waves and ECG of the file are drawn too, unless another strip shows them.
    """

    def __init__(self) -> None:
        super().__init__()
        self.beats: NDArray[np.float64] = np.empty(0)
        self._cine: Cine | None = None

    def show_heart(self, cine: Cine | None, beats: NDArray[np.float64]) -> None:
        """Show what is known of the heart.

        Parameters
        ----------
        cine
            The loop, with its ECG and R waves, or None.
        beats
            ``(E,)`` end diastoles from motion in frames with fractions.
        """
        self.beats = beats
        if cine is not self._cine:
            self._cine = cine
            super().show_loop(cine)
        self._count = 0 if cine is None else len(cine)
        self.setFixedHeight(HEIGHT_PX if self.trace is None else ECG_PX)
        self.setToolTip((WAVES_TIP if self.r_waves else "") + MOTION_TIP)
        self.setVisible(self.wanted and self.parentWidget() is not None)
        self.update()

    @property
    def wanted(self) -> bool:
        """Whether there is something to show that no other strip shows."""
        if len(self.beats):
            return True
        known = self.trace is not None or bool(self.r_waves)
        return known and not self._shown_elsewhere()

    def _shown_elsewhere(self) -> bool:
        parent = self.parentWidget()
        others = [] if parent is None else parent.findChildren(EcgStrip)
        return any(one is not self and one.isVisible() for one in others)

    def paintEvent(self, event: QPaintEvent | None) -> None:  # noqa: N802 - Qt's name
        """Draw R waves and ECG, and the end diastoles above them."""
        super().paintEvent(event)
        painter = QPainter(self)
        painter.setPen(QPen(QColor(FROM_MOTION), 2, Qt.PenStyle.SolidLine))
        for beat in self.beats:
            x = self.x_of(float(beat), self._count)
            painter.drawLine(QPointF(x, 1), QPointF(x, self.height() - 1))
        painter.end()
