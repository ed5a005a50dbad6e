"""Plot curves: the loss of a training, and values of each frame.

A plot is made when it is drawn for the first time, and pyqtgraph is imported then. Many
docks are opened and closed without a curve, and open sooner without its plot.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QSizePolicy, QVBoxLayout, QWidget

if TYPE_CHECKING:
    import pyqtgraph

GRAY = "#8a8d93"  # readable in the dark and the light theme of napari
FAINT = "#5b7f9f80"
STRONG = "#4aa3df"
# colours that people with any kind of colour vision can distinguish
CURVES = (STRONG, "#f08c4b")
SMOOTHING = 0.9
HEIGHT = 150
# metrics of a pretraining, with the names that the plot shows
EXPLAINED_CURVES = {
    "held_out_explained": "motion",
    "shuffled_explained": "shuffled motion",
}
LEAST_EXPLAINED = -0.5
Values = Sequence[float] | NDArray[np.floating]


class TrainingCurves(QWidget):
    """Plot the loss of a training, and what an embedding explains of motion."""

    def __init__(self) -> None:
        super().__init__()
        self.loss, self.explained = LossCurve(), ExplainedCurve()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        # above the loss, whose fall proves little
        layout.addWidget(self.explained)
        layout.addWidget(self.loss)
        self.setVisible(False)

    def clear(self) -> None:
        """Remove the curves and hide the plots."""
        self.loss.clear()
        self.explained.clear()
        self.setVisible(False)

    def add(self, step: int, metrics: Mapping[str, float]) -> None:
        """Add the metrics of a step; `draw` shows them.

        Parameters
        ----------
        step
            Number of steps done.
        metrics
            Metrics of the step with its ``"loss"``.
        """
        self.loss.add(metrics["loss"])
        self.explained.add(step, metrics)

    def draw(self) -> None:
        """Draw what was added."""
        self.loss.draw()
        self.explained.draw()
        self.setVisible(bool(self.loss.losses))


class ExplainedCurve(QWidget):
    """Plot which share of held-out motion an embedding explains, and of shuffled."""

    def __init__(self) -> None:
        super().__init__()
        self.points: dict[str, list[tuple[int, float]]] = {}
        self.setToolTip(
            "Share of the information in the motion that the embedding tells, on "
            "frames that are not trained on: 1 is all, 0 is nothing. With the motion "
            "of other pictures (shuffled), it must stay at 0 or below."
        )
        self.setVisible(False)

    def clear(self) -> None:
        """Remove the curves and hide the plot."""
        self.points = {}
        self.setVisible(False)

    def add(self, step: int, metrics: Mapping[str, float]) -> None:
        """Add the metrics of a step that are plotted here, if there are any."""
        for name in EXPLAINED_CURVES:
            if name in metrics:
                self.points.setdefault(name, []).append((step, metrics[name]))

    def draw(self) -> None:
        """Draw the values that were added."""
        for name, points in self.points.items():
            steps = [step for step, _ in points]
            # far below 0 at the start, where a curve would hide all that follows
            values = [max(value, LEAST_EXPLAINED) for _, value in points]
            self._curves[name].setData(steps, values)
        if self.points:
            self.setVisible(True)

    @cached_property
    def _curves(self) -> dict[str, pyqtgraph.PlotDataItem]:
        """The curves by the names of their metrics, in a new plot."""
        from pyqtgraph import InfiniteLine, mkBrush, mkPen

        plot = _plot(self, "", "explained")  # the loss below it has the same steps
        legend = " &nbsp; ".join(
            f"<span style='color: {color}'>{name}</span>"
            for name, color in zip(EXPLAINED_CURVES.values(), CURVES, strict=True)
        )
        plot.setTitle(legend)
        plot.addItem(InfiniteLine(0, 0, pen=mkPen(GRAY, width=1)))
        return {
            name: plot.plot(
                pen=mkPen(color, width=2), symbol="o", symbolSize=4,
                symbolBrush=mkBrush(color), symbolPen=None,
            )
            for name, color in zip(EXPLAINED_CURVES, CURVES, strict=True)
        }  # fmt: skip


class LossCurve(QWidget):
    """Plot the loss of every step (faint) and its running mean (strong)."""

    def __init__(self) -> None:
        super().__init__()
        self.losses: list[float] = []
        self.smooth: list[float] = []
        self.setToolTip("Loss of each step (faint) and its running mean")
        self.setVisible(False)

    def clear(self) -> None:
        """Remove the curve and hide the plot."""
        self.losses, self.smooth = [], []
        self.setVisible(False)

    def add(self, loss: float) -> None:
        """Add the loss of the next step; `draw` shows it."""
        last = self.smooth[-1] if self.smooth else loss
        # fewer steps are averaged at the start, so that the first loss fades at once
        keep = min(SMOOTHING, len(self.losses) / (len(self.losses) + 1))
        self.losses.append(loss)
        self.smooth.append(keep * last + (1 - keep) * loss)

    def draw(self) -> None:
        """Draw the losses that were added."""
        if not self.losses:
            return
        steps = list(range(1, len(self.losses) + 1))
        raw, mean = self._lines
        raw.setData(steps, self.losses)
        mean.setData(steps, self.smooth)
        self.setVisible(True)

    @cached_property
    def _lines(self) -> tuple[pyqtgraph.PlotDataItem, pyqtgraph.PlotDataItem]:
        """The lines of the losses and of their running mean, in a new plot."""
        from pyqtgraph import mkPen

        plot = _plot(self, "step", "loss")
        faint, strong = mkPen(FAINT, width=1), mkPen(STRONG, width=2)
        return plot.plot(pen=faint), plot.plot(pen=strong)


class FrameCurve(QWidget):
    """Plot values of each frame, and a line at the current frame.

    Signals
    -------
    clicked
        Emitted with the index of the frame that the user has clicked in the plot.
    """

    clicked = Signal(int)

    def __init__(self) -> None:
        super().__init__()
        self.curves: Mapping[str, Values] = {}
        self._frame = 0
        self.setVisible(False)

    @cached_property
    def playhead(self) -> pyqtgraph.InfiniteLine:
        """The line at the current frame."""
        from pyqtgraph import InfiniteLine, mkPen

        return InfiniteLine(self._frame, pen=mkPen(GRAY, width=1))

    def move_playhead(self, frame: int) -> None:
        """Move the line to a frame; it appears there when curves are drawn."""
        self._frame = frame
        if self.curves:
            self.playhead.setValue(frame)

    @cached_property
    def _plot(self) -> pyqtgraph.PlotWidget:
        plot = _plot(self, "frame", "")
        plot.scene().sigMouseClicked.connect(self._pressed)
        return plot

    def show_curves(self, curves: Mapping[str, Values], unit: str = "") -> None:
        """Draw values of each frame; without a curve, hide the plot.

        Parameters
        ----------
        curves
            Values of each frame, NaN where there is none, by the name of the curve. The
            names are written above the plot if there are several.
        unit
            Unit of the values, which is written beside the axis.
        """
        self.curves = curves
        self.setVisible(bool(curves))
        if not curves:
            return
        from pyqtgraph import mkBrush, mkPen

        self._plot.clear()
        self._plot.addItem(self.playhead)
        self.playhead.setValue(self._frame)
        self._plot.setLabel("left", unit, color=GRAY)
        for values, color in zip(curves.values(), CURVES, strict=False):
            self._plot.plot(
                range(len(values)), values, connect="finite",
                pen=mkPen(color, width=2), symbol="o", symbolSize=4,
                symbolBrush=mkBrush(color), symbolPen=None,
            )  # fmt: skip
        names = [
            f"<span style='color: {color}'>{escape(name)}</span>"
            for name, color in zip(curves, CURVES, strict=False)
        ]
        self._plot.setTitle(" &nbsp; ".join(names) if len(curves) > 1 else None)

    def _pressed(self, event: Any) -> None:
        place = self._plot.getViewBox().mapSceneToView(event.scenePos())
        self.clicked.emit(max(0, round(place.x())))


def keep_height(plot: QWidget, height: int) -> None:
    """Give a plot a height in px that no dock stretches, however tall it is.

    A fixed height alone is not enough: pyqtgraph's plots ask for all the room there is,
    and a layout would put it around them.
    """
    plot.setFixedHeight(height)
    plot.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)


def _plot(widget: QWidget, below: str, beside: str) -> pyqtgraph.PlotWidget:
    """Fill a widget with a plot that cannot be moved or zoomed.

    The texts name the axes; an empty one takes no room.
    """
    from pyqtgraph import PlotWidget

    plot = PlotWidget(background=None)
    keep_height(plot, HEIGHT)
    plot.setMouseEnabled(x=False, y=False)
    plot.setMenuEnabled(False)
    plot.hideButtons()
    for side, text in (("bottom", below), ("left", beside)):
        if text:
            plot.setLabel(side, text, color=GRAY)
        axis = plot.getAxis(side)
        axis.setPen(GRAY)
        axis.setTextPen(GRAY)
        axis.enableAutoSIPrefix(False)  # "loss (x0.001)" is hard to read
    plot.showGrid(x=False, y=True, alpha=0.2)
    layout = QVBoxLayout(widget)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.addWidget(plot)
    return plot
