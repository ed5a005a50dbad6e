"""Measure how long the thread of a window is blocked."""

from __future__ import annotations

import gc
import time

from qtpy.QtCore import QTimer

TICK_MS = 2


class Ticks:
    """Ticks in the window's thread, and the longest pause between two of them.

    Python's garbage collection, which any program meets now and then, is timed too.
    """

    def __init__(self) -> None:
        self.collected_ms, self._begun = 0.0, 0.0
        self._timer = QTimer()
        self._timer.setInterval(TICK_MS)
        self._timer.timeout.connect(self._tick)
        self._last = time.perf_counter()
        self.longest_ms = 0.0

    def start(self) -> None:
        self._last, self.longest_ms = time.perf_counter(), 0.0
        gc.callbacks.append(self._collection)
        self._timer.start()

    def stop(self) -> float:
        """Return the longest pause in ms."""
        self._tick()
        self._timer.stop()
        gc.callbacks.remove(self._collection)
        return self.longest_ms

    def _collection(self, phase: str, facts: dict) -> None:
        if phase == "start":
            self._begun = time.perf_counter()
        else:
            took = 1e3 * (time.perf_counter() - self._begun)
            self.collected_ms = max(self.collected_ms, took)

    def _tick(self) -> None:
        now = time.perf_counter()
        self.longest_ms = max(self.longest_ms, 1e3 * (now - self._last))
        self._last = now
