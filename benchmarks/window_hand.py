"""A hand for napari's window, which counts its clicks, and a clock of the event loop.

Imports nothing of this package: `window_convpaint.py` uses it in another environment.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from napari.viewer import Viewer
from qtpy.QtCore import QPoint, Qt, QTimer
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QComboBox, QPushButton, QScrollArea, QWidget

LEFT = Qt.MouseButton.LeftButton
TICK_MS = 2
PATIENCE_S = 1500.0


class LoopClock:
    """Measure for how long the event loop does not come back."""

    def __init__(self) -> None:
        self._timer = QTimer()
        self._timer.timeout.connect(self._tick)
        self.restart()
        self._timer.start(TICK_MS)

    def restart(self) -> None:
        """Begin to measure."""
        self._last, self._longest = time.perf_counter(), 0.0

    def longest_ms(self) -> float:
        """Return the longest block since the start, in ms."""
        self._tick()
        return 1e3 * self._longest

    def _tick(self) -> None:
        now = time.perf_counter()
        self._longest, self._last = max(self._longest, now - self._last), now


class Hand:
    """Press, drag and type in a window as a person does; each press is counted.

    Parameters
    ----------
    viewer
        The viewer whose window is used.

    Attributes
    ----------
    clicks
        Number of clicks and strokes so far; a key counts as one, too.
    """

    def __init__(self, viewer: Viewer) -> None:
        self.viewer = viewer
        self.window = viewer.window._qt_window
        self.canvas = viewer.window._qt_viewer.canvas
        self.clicks = 0

    def menu(self, *words: str) -> None:
        """Click through a menu of the window, by the beginnings of its entries."""
        bar = self.viewer.window.main_menu
        action = entry(bar, words[0])
        QTest.mouseClick(bar, LEFT, pos=bar.actionGeometry(action).center())
        menu = action.menu()
        for word in words[1:]:
            settle(0.1)
            action = entry(menu, word)
            QTest.mouseClick(menu, LEFT, pos=menu.actionGeometry(action).center())
            menu = action.menu() or menu
        self.clicks += len(words)
        settle(0.1)

    def press(self, widget: QWidget) -> None:
        """Click a button or a box, which is scrolled into view first."""
        parent = widget.parentWidget()
        while parent is not None and not isinstance(parent, QScrollArea):
            parent = parent.parentWidget()
        if parent is not None:
            parent.ensureWidgetVisible(widget, 0, 20)
            settle(0.02)
        if not widget.isEnabled():
            raise RuntimeError(f"{widget.text()!r} cannot be pressed")
        at = QPoint(min(12, widget.width() // 2), widget.height() // 2)
        self.clicks += 1
        QTest.mouseClick(widget, LEFT, pos=at)

    def choose(self, box: QComboBox, text: str) -> None:
        """Choose an entry of a combo box: one click opens it, one chooses."""
        self.clicks += 2
        box.setCurrentIndex(box.findText(text))
        settle(0.05)

    def key(self, key: Any, modifier: Any = Qt.KeyboardModifier.NoModifier) -> None:
        """Press a key over the canvas."""
        self.clicks += 1
        QTest.keyClick(self.canvas.native, key, modifier)
        settle(0.05)

    def stroke(self, points: Iterable[Any], at: Callable[[Any], QPoint]) -> None:
        """Draw over points with the button held; `at` maps a point to the canvas."""
        native, places = self.canvas.native, [at(point) for point in points]
        self.clicks += 1
        QTest.mousePress(native, LEFT, pos=places[0])
        for place in places[1:]:
            QTest.mouseMove(native, place)
            settle(0.01)
        QTest.mouseRelease(native, LEFT, pos=places[-1])
        settle(0.05)

    def on_canvas(self, layer: Any, row: float, column: float) -> QPoint:
        """Return where the canvas shows a pixel of a layer."""
        world = layer.data_to_world((0, row, column))
        x, y = self.canvas.view.scene.transform.map([world[-1], world[-2]])[:2]
        return QPoint(round(float(x)), round(float(y)))


def button(parent: QWidget, words: str) -> QPushButton:
    """Return the button whose text begins with some words, a visible one if any."""
    known = parent.findChildren(QPushButton)
    found = [one for one in known if one.text().startswith(words)]
    for one in sorted(found, key=lambda one: not one.isVisible()):
        return one
    raise LookupError(f"no button {words!r} among {[b.text() for b in known]}")


def entry(menu: Any, words: str) -> Any:
    """Return the entry of a menu whose text begins with some words."""
    for action in menu.actions():
        if action.text().replace("&", "").startswith(words):
            return action
    raise LookupError(f"no {words!r} in {[a.text() for a in menu.actions()]}")


def settle(seconds: float) -> None:
    """Let the window live for a while."""
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        QApplication.processEvents()
        time.sleep(0.001)


def wait(done: Callable[[], bool], patience: float = PATIENCE_S) -> None:
    """Let the window live until something is so."""
    until = time.perf_counter() + patience
    while not done():
        settle(0.01)
        if time.perf_counter() > until:
            raise TimeoutError("the window did not get there")


def dice(first: np.ndarray, second: np.ndarray) -> float:
    """Return the Dice of two masks; 1 where both are empty."""
    first, second = np.asarray(first) > 0, np.asarray(second) > 0
    both = int(first.sum() + second.sum())
    return 1.0 if not both else float(2 * (first & second).sum() / both)


def mean_dice(masks: np.ndarray, truth: np.ndarray) -> float:
    """Return the mean Dice of the frames ``(T, H, W)`` that hold vessel."""
    pairs = zip(masks, truth, strict=True)
    return float(np.mean([dice(mask, true) for mask, true in pairs if true.any()]))


def load_average() -> float:
    """Return the load of the last minute, or NaN where the system does not tell."""
    return round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else float("nan")
