"""Curves: a live loss, and a value of each frame with the playhead."""

from __future__ import annotations

from collections.abc import Sequence

import pyqtgraph
from qtpy.QtWidgets import QVBoxLayout, QWidget

GRAY = "#8a8d93"  # readable on napari's dark and on its light theme
FAINT = "#5b7f9f80"
STRONG = "#4aa3df"
SMOOTHING = 0.9
HEIGHT = 150


class LossCurve(QWidget):
    """Loss of every step, faint, and its running mean, strong."""

    def __init__(self) -> None:
        super().__init__()
        self.losses: list[float] = []
        self.smooth: list[float] = []
        plot = _plot(self, "step", "loss")
        self._raw = plot.plot(pen=pyqtgraph.mkPen(FAINT, width=1))
        self._mean = plot.plot(pen=pyqtgraph.mkPen(STRONG, width=2))
        self.setToolTip("Loss of each step (faint) and its running mean")
        self.setVisible(False)

    def clear(self) -> None:
        """Start anew; an empty curve is not shown."""
        self.losses, self.smooth = [], []
        self.setVisible(False)

    def add(self, loss: float) -> None:
        """Take the loss of the next step; `draw` shows it."""
        last = self.smooth[-1] if self.smooth else loss
        # a running mean that is not held back by where it started
        keep = min(SMOOTHING, len(self.losses) / (len(self.losses) + 1))
        self.losses.append(loss)
        self.smooth.append(keep * last + (1 - keep) * loss)

    def draw(self) -> None:
        """Show what was added."""
        if not self.losses:
            return
        steps = list(range(1, len(self.losses) + 1))
        self._raw.setData(steps, self.losses)
        self._mean.setData(steps, self.smooth)
        self.setVisible(True)


class FrameCurve(QWidget):
    """A value of each frame, and a line at the frame that is shown.

    Parameters
    ----------
    unit
        Written beside the axis.
    """

    def __init__(self, unit: str) -> None:
        super().__init__()
        self.values: Sequence[float] = ()
        plot = _plot(self, "frame", unit)
        self._curve = plot.plot(pen=pyqtgraph.mkPen(STRONG, width=2), connect="finite")
        self.playhead = pyqtgraph.InfiniteLine(pen=pyqtgraph.mkPen(GRAY, width=1))
        plot.addItem(self.playhead)
        self.setVisible(False)

    def show_values(self, values: Sequence[float]) -> None:
        """Draw a value for each frame; none hides the curve."""
        self.values = values
        self._curve.setData(range(len(values)), values)
        self.setVisible(len(values) > 0)


def _plot(widget: QWidget, below: str, beside: str) -> pyqtgraph.PlotWidget:
    """Fill a widget with a plot that is only looked at."""
    plot = pyqtgraph.PlotWidget(background=None)
    plot.setFixedHeight(HEIGHT)
    plot.setMouseEnabled(x=False, y=False)
    plot.setMenuEnabled(False)
    plot.hideButtons()
    for side, text in (("bottom", below), ("left", beside)):
        plot.setLabel(side, text, color=GRAY)
        axis = plot.getAxis(side)
        axis.setPen(GRAY)
        axis.setTextPen(GRAY)
    plot.showGrid(x=False, y=True, alpha=0.2)
    layout = QVBoxLayout(widget)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.addWidget(plot)
    return plot
