"""The real window, driven as a person does: by mouse, on a screen or a virtual one.

What `screenshots.py`, `screenshots_explorer.py`, `walk_path.py` and `path_gif.py` have
in common.
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from napari._qt.dialogs.qt_reader_dialog import QtReaderDialog
from napari.viewer import Viewer
from PIL import Image
from qtpy.QtCore import QMimeData, QPoint, QPointF, Qt, QTimer, QUrl
from qtpy.QtGui import QDropEvent, QImage
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QSlider, QStyle, QStyleOptionSlider, QWidget

from napari_motionseg.widgets.common.viewers import show_frame

SIZE = (1440, 900)
PATIENCE_S = 900
READER = "MotionSeg"  # as napari lists it
COLORFUL = 90  # difference of the largest and smallest of red, green and blue
SWATCHES = 52  # colours for what is colourful
LEFT = Qt.MouseButton.LeftButton


class RealWindow:
    """A viewer, and hands for it.

    Parameters
    ----------
    size
        Of the window, px.

    Attributes
    ----------
    pointer
        Where the mouse was used last, in the window, or None.
    """

    def __init__(self, size: tuple[int, int] = SIZE) -> None:
        use_own_state()
        self.viewer = Viewer(title="MotionSeg")
        self.viewer.theme = "dark"
        self.window = self.viewer.window._qt_window
        self.window.resize(*size)
        self.pointer: QPoint | None = None
        self.docks: dict[str, Any] = {}

    @property
    def loop(self):
        return self.viewer.layers[0]

    @property
    def canvas(self):
        return self.viewer.window._qt_viewer.canvas

    def drop(self, path: Path) -> list[Image.Image]:
        """Let a file fall into the window; where napari asks for a reader, take ours.

        Returns
        -------
        list of Image
            The question, if there was one.
        """
        data = QMimeData()
        data.setUrls([QUrl.fromLocalFile(str(path))])
        event = QDropEvent(
            QPointF(50, 50), Qt.DropAction.CopyAction, data, LEFT,
            Qt.KeyboardModifier.NoModifier,
        )  # fmt: skip
        asked: list[Image.Image] = []
        timer = QTimer()
        timer.timeout.connect(lambda: self._choose_reader(asked))
        timer.start(200)
        self.viewer.window._qt_viewer.dropEvent(event)
        timer.stop()
        self.wait(lambda: len(self.viewer.layers) > 0)
        return asked

    def _choose_reader(self, asked: list[Image.Image]) -> None:
        dialog = QApplication.activeModalWidget()
        if not isinstance(dialog, QtReaderDialog):
            return
        ours = [b for b in dialog.reader_btn_group.buttons() if b.text() == READER]
        self.click(ours[0])
        picture = self.grab()
        shown = dialog.grab().toImage()
        top = (
            (picture.width - shown.width()) // 2,
            (picture.height - shown.height()) // 2,
        )
        picture.paste(as_picture(shown), top)
        asked.append(picture)
        self.click(dialog.btn_box.button(dialog.btn_box.StandardButton.Ok))

    def grab(self) -> Image.Image:
        """Return a picture of the whole window."""
        shot = self.viewer.window.screenshot(canvas_only=False, flash=False)
        return Image.fromarray(shot[..., :3])

    def shoot(self, path: Path) -> None:
        """Write a picture of the whole window."""
        self.settle(0.5)
        with_few_colors(self.grab()).save(path, optimize=True)
        print(path)

    def front(self, name: str) -> Any:
        """Bring a dock to the front."""
        self.holder(name).raise_()
        self.settle(0.2)
        return self.docks[name]

    def make_room(self, dock_px: int) -> None:
        """Hide napari's layer list and controls, and give the docks this width."""
        qt_viewer = self.viewer.window._qt_viewer
        for holder in (qt_viewer.dockLayerControls, qt_viewer.dockLayerList):
            holder.hide()
        holders = [self.holder(name) for name in self.docks]
        widths = [dock_px] * len(holders)
        self.window.resizeDocks(holders, widths, Qt.Orientation.Horizontal)
        self.settle(0.5)

    def holder(self, name: str) -> QWidget:
        """Return what napari has put a dock into."""
        widget = self.docks[name]
        while widget.metaObject().className() != "QtViewerDockWidget":
            widget = widget.parentWidget()
        return widget

    def home(self) -> None:
        """Press napari's house, which fits the loop into the window."""
        self.click(self.viewer.window._qt_viewer.viewerButtons.resetViewButton)

    def show(self, t: int) -> None:
        """Go to a frame of the loop."""
        show_frame(self.viewer, self.loop, t)
        self.settle(0.2)

    def click(self, widget: QWidget) -> None:
        """Press a button as a person does; check boxes are hit at their left."""
        self.bring_into_view(widget)
        at = QPoint(min(12, widget.width() // 2), widget.height() // 2)
        self.point(widget, at)
        QTest.mouseClick(widget, LEFT, pos=at)
        self.settle(0.1)

    def bring_into_view(self, widget: QWidget) -> None:
        """Scroll the dock so that a widget is seen."""
        for dock in self.docks.values():
            if dock.isAncestorOf(widget):
                dock.ensureWidgetVisible(widget, 0, 40)
                self.settle(0.05)

    def slide(self, slider: QSlider, values: Sequence[int]) -> Iterator[int]:
        """Drag a slider's handle from its value over others, telling each."""
        self.bring_into_view(slider)
        QTest.mousePress(slider, LEFT, pos=handle_at(slider, slider.value()))
        for value in values:
            at = handle_at(slider, value)
            self.point(slider, at)
            QTest.mouseMove(slider, at)
            self.settle(0.1)
            yield value
        QTest.mouseRelease(slider, LEFT, pos=handle_at(slider, values[-1]))
        self.settle(0.1)

    def click_pixel(self, row: float, column: float) -> None:
        """Click a pixel of the loop in the canvas."""
        at = self.on_canvas(row, column)
        self.point(self.canvas.native, at)
        QTest.mouseClick(self.canvas.native, LEFT, pos=at)
        self.settle(0.3)

    def drag(self, points: np.ndarray) -> Iterator[float]:
        """Draw over pixels ``(N, 2)`` with the left button held, telling how far."""
        native = self.canvas.native
        QTest.mousePress(native, LEFT, pos=self.on_canvas(*points[0]))
        for number, point in enumerate(points):
            at = self.on_canvas(*point)
            self.point(native, at)
            QTest.mouseMove(native, at)
            self.settle(0.02)
            yield (number + 1) / len(points)
        QTest.mouseRelease(native, LEFT, pos=self.on_canvas(*points[-1]))
        self.settle(0.2)

    def on_canvas(self, row: float, column: float) -> QPoint:
        """Return where the canvas shows a pixel of the loop."""
        world = self.loop.data_to_world((0, row, column))
        x, y = self.canvas.view.scene.transform.map([world[2], world[1]])[:2]
        return QPoint(round(x), round(y))

    def point(self, widget: QWidget, at: QPoint) -> None:
        """Take note of where the mouse is."""
        if self.window.isAncestorOf(widget):
            self.pointer = widget.mapTo(self.window, at)

    def wait(self, done: Callable[[], bool]) -> None:
        """Let the window live until something is so."""
        begun = time.perf_counter()
        while not done():
            self.settle(0.05)
            if time.perf_counter() - begun > PATIENCE_S:
                raise TimeoutError("the window did not get there")

    def settle(self, seconds: float) -> None:
        """Let the window live for a while."""
        until = time.perf_counter() + seconds
        while time.perf_counter() < until:
            QApplication.processEvents()
            time.sleep(0.005)


def use_own_state() -> None:
    """Keep projects apart from the user's own, whose recovery docks would offer."""
    if "MOTIONSEG_STATE" not in os.environ:
        folder = tempfile.mkdtemp(prefix="motionseg-pictures-")
        os.environ["MOTIONSEG_STATE"] = folder
        atexit.register(shutil.rmtree, folder, ignore_errors=True)


def with_few_colors(picture: Image.Image) -> Image.Image:
    """Return a picture of 256 colours, a fifth of which are for what is colourful.

    A window is mostly gray, and the few pixels of its swatches would be given the
    colours of something else.
    """
    pixels = np.asarray(picture.convert("RGB")).reshape(-1, 3)
    colorful = pixels[np.ptp(pixels.astype(int), axis=1) > COLORFUL]
    palette = picture.quantize(256 - SWATCHES).getpalette()[: 3 * (256 - SWATCHES)]
    if len(colorful):
        palette += most_distinct(np.unique(colorful, axis=0), SWATCHES).ravel().tolist()
    known = Image.new("P", (1, 1))
    known.putpalette(palette[: 3 * 256])
    return picture.quantize(palette=known, dither=Image.Dither.NONE)


def most_distinct(colors: np.ndarray, count: int) -> np.ndarray:
    """Return colours of ``(N, 3)`` of which each next one is farthest from the others.

    A colour that nothing else resembles is among the first, however rare it is.
    """
    known = colors.astype(int)
    chosen = [0]
    apart = ((known - known[0]) ** 2).sum(axis=1)
    while len(chosen) < count and apart.any():
        chosen.append(int(apart.argmax()))
        apart = np.minimum(apart, ((known - known[chosen[-1]]) ** 2).sum(axis=1))
    return colors[chosen]


def as_picture(image: QImage) -> Image.Image:
    """Return a picture of Qt's."""
    image = image.convertToFormat(QImage.Format.Format_RGBA8888)
    pixels = np.frombuffer(image.constBits().asstring(image.sizeInBytes()), np.uint8)
    shape = image.height(), image.width(), 4
    return Image.fromarray(pixels.reshape(shape)[..., :3].copy())


def handle_at(slider: QSlider, value: int) -> QPoint:
    """Return where a slider's handle is at a value."""
    option = QStyleOptionSlider()
    slider.initStyleOption(option)
    handle = slider.style().subControlRect(
        QStyle.ComplexControl.CC_Slider, option,
        QStyle.SubControl.SC_SliderHandle, slider,
    )  # fmt: skip
    room = slider.width() - handle.width()
    x = QStyle.sliderPositionFromValue(
        slider.minimum(), slider.maximum(), value, room, slider.invertedAppearance()
    )
    return QPoint(x + handle.width() // 2, slider.height() // 2)
