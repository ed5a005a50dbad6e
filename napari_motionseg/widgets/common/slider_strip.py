"""Provide a strip at napari's time slider, aligned with the slider's handle.

napari has no interface for this. Its sliders are found by their class; if a later
version has no such class or another layout, no strip is added.
"""

from __future__ import annotations

from qtpy.QtCore import QObject, QPoint, Signal
from qtpy.QtGui import QMouseEvent
from qtpy.QtWidgets import (
    QAbstractSlider,
    QBoxLayout,
    QMainWindow,
    QSizePolicy,
    QStyle,
    QStyleOptionSlider,
    QWidget,
)

SLIDERS = "QtDims"  # class name of napari's widget that holds the sliders


class SliderStrip(QWidget):
    """Widget of fixed height whose frames are aligned with the handle of the slider.

    Subclasses draw its content, and say how many frames there are.

    Parameters
    ----------
    height
        Height of the strip in pixels.
    sliders
        The widget that holds the sliders of the viewer; None until the strip is placed,
        and to draw over the whole width.

    Signals
    -------
    clicked
        Emitted with the index of the frame that was clicked.
    """

    clicked = Signal(int)

    def __init__(self, height: int, sliders: QWidget | None = None) -> None:
        super().__init__()
        self._sliders = sliders
        self._count = 0
        self.setFixedHeight(height)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def place(self, widget: QWidget, *, below: bool = True) -> bool:
        """Put the strip at the sliders of the window of a widget.

        Parameters
        ----------
        widget
            A widget in a dock of the window.
        below
            Whether the strip lies below the sliders, or above them.

        Returns
        -------
        bool
            Whether sliders were found and the strip was added.
        """
        sliders = sliders_of(widget)
        parent = None if sliders is None else sliders.parentWidget()
        layout = None if parent is None else parent.layout()
        if sliders is None or not isinstance(layout, QBoxLayout):
            return False
        self._sliders = sliders
        layout.insertWidget(layout.indexOf(sliders) + below, self)
        return True

    def x_of(self, frame: float, count: int) -> float:
        """Return the horizontal position of a frame, in pixels of the strip.

        Parameters
        ----------
        frame
            Position in frames from 0, with fractions; beyond the ends too.
        count
            Number of frames of the loop.
        """
        left, right = self._ends(count)
        return left + (right - left) * frame / max(1, count - 1)

    def nearest_frame(self, x: float, count: int) -> int:
        """Return the frame nearest to a horizontal position."""
        left, right = self._ends(count)
        frame = (x - left) / max(1.0, right - left) * (count - 1)
        return min(max(round(frame), 0), count - 1)

    def mousePressEvent(  # noqa: N802 - Qt's name
        self, event: QMouseEvent | None
    ) -> None:
        """Tell which frame lies below the mouse."""
        if event is not None and self._count:
            self.clicked.emit(self.nearest_frame(event.position().x(), self._count))

    def _ends(self, count: int) -> tuple[float, float]:
        """Return the middle of the handle at the first and at the last frame."""
        slider = self._slider(count)
        if slider is None:
            half = self.width() / max(1, count) / 2
            return half, self.width() - half
        left = slider.mapToGlobal(QPoint(0, 0)).x() - self.mapToGlobal(QPoint(0, 0)).x()
        first, last = handle_ends(slider)
        share = (count - 1) / max(1, slider.maximum())
        return left + first, left + first + (last - first) * share

    def _slider(self, count: int) -> QAbstractSlider | None:
        """Return the slider of the frames, whose range covers all loops."""
        if self._sliders is None:
            return None
        shown = [
            one for one in self._sliders.findChildren(QAbstractSlider)
            if one.isVisible()
        ]  # fmt: skip
        fitting = [slider for slider in shown if slider.maximum() >= count - 1]
        return next(iter(fitting), None)


def sliders_of(widget: QWidget) -> QWidget | None:
    """Return napari's widget of sliders in the window of a widget, or None."""
    window: QObject | None = widget
    while window is not None and not isinstance(window, QMainWindow):
        window = window.parent()
    center = window.centralWidget() if isinstance(window, QMainWindow) else None
    children = () if center is None else center.findChildren(QWidget)
    return next((x for x in children if type(x).__name__ == SLIDERS), None)


def handle_ends(slider: QAbstractSlider) -> tuple[float, float]:
    """Return where the middle of a slider's handle is at its two ends, in pixels."""
    style = slider.style()
    option = QStyleOptionSlider()
    try:
        slider.initStyleOption(option)  # type: ignore[attr-defined]
        handle, groove = (
            style.subControlRect(  # type: ignore[union-attr]
                QStyle.ComplexControl.CC_ScrollBar, option, part, slider
            )
            for part in (
                QStyle.SubControl.SC_ScrollBarSlider,
                QStyle.SubControl.SC_ScrollBarGroove,
            )
        )
    except (AttributeError, RuntimeError, TypeError):
        return 0.0, float(slider.width())  # of another class: some pixels off
    half = handle.width() / 2 if handle.width() < groove.width() / 2 else 0.0
    return groove.left() + half, groove.left() + groove.width() - half
