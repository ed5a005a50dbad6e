"""Show which frames are done, labelled or being computed, above the time slider."""

from __future__ import annotations

from qtpy.QtCore import QEvent, QPoint, QRectF, QSize, Qt
from qtpy.QtGui import QColor, QHelpEvent, QPainter, QPaintEvent
from qtpy.QtWidgets import QSizePolicy, QToolTip, QWidget

from napari_motionseg.viewmodel.frame_marks import FrameMarks
from napari_motionseg.widgets.common.listening import listen
from napari_motionseg.widgets.common.slider_strip import SliderStrip, sliders_of

NAME = "motionseg-frame-strip"
HEIGHT_PX = 8
# blue and orange can be distinguished by people with any kind of colour vision
COLORS = {"done": "#4c9be8", "running": "#ff9f40"}
HOLLOW = "#8a8d93"
LABELLED, RIM = "#ffffff", "#202020"
LEGEND = "Blue: done. Orange: being computed. Hollow: not done yet. White: labelled."


class FrameStrip(SliderStrip):
    """A strip with one cell for each frame, aligned with the time slider.

    Parameters
    ----------
    marks
        The states of the frames.
    sliders
        The widget that contains the sliders of the viewer. None uses the whole width
        of the strip.
    """

    def __init__(self, marks: FrameMarks, sliders: QWidget | None = None) -> None:
        super().__init__(HEIGHT_PX, sliders)
        self.setObjectName(NAME)
        self._marks = marks
        policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        policy.setRetainSizeWhenHidden(True)  # so that the canvas keeps its size
        self.setSizePolicy(policy)
        listen(self, marks.changed, self._changed)
        self._changed()

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Return the preferred size: the width is free, the height is fixed."""
        return QSize(80, HEIGHT_PX)

    def cells(self) -> list[QRectF]:
        """Return the rectangle of each frame in the strip, in pixels."""
        left, right = self._ends(self._marks.count)
        width = (right - left) / max(1, self._marks.count - 1)
        gap = 1.0 if width > 4 else 0.0
        first = left - width / 2 + gap / 2
        size = max(1.0, width - gap), HEIGHT_PX - 2.0
        return [QRectF(first + t * width, 1.0, *size) for t in range(self._marks.count)]

    def frame_at(self, x: float) -> int | None:
        """Return the frame at a horizontal position in px; None outside the cells."""
        for frame, cell in enumerate(self.cells()):
            if cell.left() <= x <= cell.right():
                return frame
        return None

    def paintEvent(self, event: QPaintEvent | None) -> None:  # noqa: N802 - Qt's name
        """Draw the cells of all frames."""
        painter = QPainter(self)
        for frame, cell in enumerate(self.cells()):
            self._paint_cell(painter, cell, frame)
        painter.end()

    def event(self, event: QEvent | None) -> bool:
        """Show a tooltip that explains the marks and the frame under the mouse."""
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
    """Add the strip above the sliders of a window, unless the window has it already.

    napari has no public place for such a strip, so its sliders are found by the name of
    their class. If a later version of napari has another class or layout, no strip is
    added.

    Parameters
    ----------
    widget
        Any widget in a dock of the window.
    marks
        The states of the frames.

    Returns
    -------
    FrameStrip or None
        The strip of the window, or None if the sliders were not found.
    """
    sliders = sliders_of(widget)
    center = None if sliders is None else sliders.window()
    known = None if center is None else center.findChild(FrameStrip, NAME)
    if known is not None:
        return known
    strip = FrameStrip(marks, sliders)
    return strip if strip.place(widget, below=False) else None
