"""Mark done, labelled and running frames in a thin strip at the time slider."""

from __future__ import annotations

from qtpy.QtCore import QEvent, QPoint, QRectF, QSize, Qt
from qtpy.QtGui import QColor, QHelpEvent, QPainter, QPaintEvent
from qtpy.QtWidgets import QSizePolicy, QToolTip, QWidget

from napari_motionseg.viewmodel.frame_marks import FrameMarks
from napari_motionseg.widgets.common.listening import listen
from napari_motionseg.widgets.common.slider_strip import SliderStrip, sliders_of

NAME = "motionseg-frame-strip"
HEIGHT_PX = 8
# blue and orange are told apart by people of any colour vision
COLORS = {"done": "#4c9be8", "running": "#ff9f40"}
HOLLOW = "#8a8d93"
LABELLED, RIM = "#ffffff", "#202020"
LEGEND = "Blue: done. Orange: being computed. Hollow: not done yet. White: labelled."


class FrameStrip(SliderStrip):
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
        super().__init__(HEIGHT_PX, sliders)
        self.setObjectName(NAME)
        self._marks = marks
        policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        policy.setRetainSizeWhenHidden(True)  # the canvas does not jump with the marks
        self.setSizePolicy(policy)
        listen(self, marks.changed, self._changed)
        self._changed()

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Return a size of the height of the strip."""
        return QSize(80, HEIGHT_PX)

    def cells(self) -> list[QRectF]:
        """Return the place of each frame in the strip, in pixels."""
        left, right = self._ends(self._marks.count)
        width = (right - left) / max(1, self._marks.count - 1)
        gap = 1.0 if width > 4 else 0.0
        first = left - width / 2 + gap / 2
        size = max(1.0, width - gap), HEIGHT_PX - 2.0
        return [QRectF(first + t * width, 1.0, *size) for t in range(self._marks.count)]

    def frame_at(self, x: float) -> int | None:
        """Return the frame whose cell is at a horizontal position, or None."""
        for frame, cell in enumerate(self.cells()):
            if cell.left() <= x <= cell.right():
                return frame
        return None

    def paintEvent(self, event: QPaintEvent | None) -> None:  # noqa: N802 - Qt's name
        """Draw the cells."""
        painter = QPainter(self)
        for frame, cell in enumerate(self.cells()):
            self._paint_cell(painter, cell, frame)
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
    sliders = sliders_of(widget)
    center = None if sliders is None else sliders.window()
    known = None if center is None else center.findChild(FrameStrip, NAME)
    if known is not None:
        return known
    strip = FrameStrip(marks, sliders)
    return strip if strip.place(widget, below=False) else None
