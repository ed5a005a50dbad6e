"""Mark done, labelled and running frames in a thin strip at the time slider."""

from __future__ import annotations

from qtpy.QtCore import QEvent, QObject, QPoint, QRectF, QSize, Qt
from qtpy.QtGui import QColor, QHelpEvent, QPainter, QPaintEvent
from qtpy.QtWidgets import (
    QAbstractSlider,
    QBoxLayout,
    QMainWindow,
    QSizePolicy,
    QStyle,
    QStyleOptionSlider,
    QToolTip,
    QWidget,
)

from napari_motionseg.viewmodel.frame_marks import FrameMarks
from napari_motionseg.widgets.common.listening import listen

NAME = "motionseg-frame-strip"
SLIDERS = "QtDims"  # class name of napari's widget that holds the sliders
HEIGHT_PX = 8
# blue and orange are told apart by people of any colour vision
COLORS = {"done": "#4c9be8", "running": "#ff9f40"}
HOLLOW = "#8a8d93"
LABELLED, RIM = "#ffffff", "#202020"
LEGEND = "Blue: done. Orange: being computed. Hollow: not done yet. White: labelled."


class FrameStrip(QWidget):
    """Draws a cell for each frame, in line with the handle of the time slider.

    Parameters
    ----------
    marks
        The marks to draw.
    sliders
        The widget that holds the sliders of the viewer; None draws over the whole
        width.
    """

    def __init__(self, marks: FrameMarks, sliders: QWidget | None = None) -> None:
        super().__init__()
        self.setObjectName(NAME)
        self._marks = marks
        self._sliders = sliders
        self.setFixedHeight(HEIGHT_PX)
        policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        policy.setRetainSizeWhenHidden(True)  # the canvas does not jump with the marks
        self.setSizePolicy(policy)
        listen(self, marks.changed, self._changed)
        self._changed()

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Return a size of the height of the strip."""
        return QSize(80, HEIGHT_PX)

    def cell(self, frame: int) -> QRectF:
        """Return the place of a frame in the strip, in pixels."""
        left, right = self._ends()
        steps = max(1, self._marks.count - 1)
        width = (right - left) / steps
        middle = left + frame * width
        gap = 1.0 if width > 4 else 0.0
        return QRectF(
            middle - width / 2 + gap / 2, 1.0, max(1.0, width - gap), HEIGHT_PX - 2.0
        )

    def frame_at(self, x: float) -> int | None:
        """Return the frame whose cell is at a horizontal position, or None."""
        for frame in range(self._marks.count):
            cell = self.cell(frame)
            if cell.left() <= x <= cell.right():
                return frame
        return None

    def paintEvent(self, event: QPaintEvent | None) -> None:  # noqa: N802 - Qt's name
        """Draw the cells."""
        painter = QPainter(self)
        for frame in range(self._marks.count):
            self._paint_cell(painter, self.cell(frame), frame)
        painter.end()

    def event(self, event: QEvent | None) -> bool:
        """Say in the tooltip what the marks mean."""
        if isinstance(event, QHelpEvent):
            QToolTip.showText(event.globalPos(), self._words(event.pos()), self)
            return True
        return super().event(event)

    def _changed(self) -> None:
        self.setVisible(bool(self._marks.words()))
        self.update()

    def _words(self, place: QPoint) -> str:
        lines = [self._marks.words(), LEGEND]
        frame = self.frame_at(place.x())
        if frame is not None:
            state = self._marks.state(frame)
            said = {"waiting": "not done yet", "running": "being computed"}
            states = [said.get(state, state)]
            if frame in self._marks.labelled:
                states.append("labelled")
            lines.insert(0, f"Frame {frame}: {', '.join(filter(None, states))}")
        return "\n".join(lines)

    def _paint_cell(self, painter: QPainter, cell: QRectF, frame: int) -> None:
        state = self._marks.state(frame)
        if state in COLORS:
            painter.fillRect(cell, QColor(COLORS[state]))
        elif state == "waiting":
            painter.setPen(QColor(HOLLOW))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRect(cell.adjusted(0.5, 0.5, -0.5, -0.5))
        if frame in self._marks.labelled:
            side = HEIGHT_PX - 3.0
            middle = cell.center()
            mark = QRectF(middle.x() - side / 2, middle.y() - side / 2, side, side)
            painter.setPen(QColor(RIM))
            painter.setBrush(QColor(LABELLED))
            painter.drawEllipse(mark)

    def _ends(self) -> tuple[float, float]:
        """Return where the middle of the handle is at the first and the last frame."""
        slider = self._slider()
        if slider is None:
            half = self.width() / max(1, self._marks.count) / 2
            return half, self.width() - half
        origin = self.mapToGlobal(QPoint(0, 0)).x()
        left = slider.mapToGlobal(QPoint(0, 0)).x() - origin
        first, last = _handle_ends(slider)
        return left + first, left + last

    def _slider(self) -> QAbstractSlider | None:
        """Return the slider of the loop's frames."""
        if self._sliders is None:
            return None
        shown = [
            s for s in self._sliders.findChildren(QAbstractSlider) if s.isVisible()
        ]
        fitting = [s for s in shown if s.maximum() == self._marks.count - 1]
        return next(iter([*fitting, *shown]), None)


def _handle_ends(slider: QAbstractSlider) -> tuple[float, float]:
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


def place_strip(widget: QWidget, marks: FrameMarks) -> FrameStrip | None:
    """Place a strip above the sliders of the window of a widget; once is enough.

    napari has no place of its own for it. Its sliders are found by their class; where a
    later version has no such class or another layout, nothing is placed.

    Parameters
    ----------
    widget
        A widget in a dock of the window.
    marks
        The marks to draw.

    Returns
    -------
    FrameStrip or None
        The strip of the window, or None if there is no place for one.
    """
    window: QObject | None = widget
    while window is not None and not isinstance(window, QMainWindow):
        window = window.parent()
    center = window.centralWidget() if isinstance(window, QMainWindow) else None
    if center is None:
        return None
    known = center.findChild(FrameStrip, NAME)
    if known is not None:
        return known
    for child in center.findChildren(QWidget):
        parent = child.parentWidget()
        layout = None if parent is None else parent.layout()
        if type(child).__name__ == SLIDERS and isinstance(layout, QBoxLayout):
            strip = FrameStrip(marks, child)
            layout.insertWidget(layout.indexOf(child), strip)
            return strip
    return None
