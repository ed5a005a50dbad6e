"""Play a loop at its recorded rate, and report the rate that is reached."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

from qtpy.QtCore import QObject, Qt, QTimer, Signal

RATE_WINDOW_S = 1.0
FASTEST_TICK_MS = 5


class Player(QObject):
    """Show each frame at its time, and skip frames if the window is too slow.

    Parameters
    ----------
    show
        Function that displays the frame with a given index.

    Signals
    -------
    rate_changed
        Emitted with the number of frames that were shown during the last second.
    """

    rate_changed = Signal(float)

    def __init__(self, show: Callable[[int], None]) -> None:
        super().__init__()
        self._show = show
        self._count, self._rate = 1, 1.0
        self._began, self._first, self._last = 0.0, 0, -1
        self._shown: deque[float] = deque()
        self._timer = QTimer(self)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._tick)

    @property
    def playing(self) -> bool:
        """Whether frames are advancing."""
        return self._timer.isActive()

    def play(self, count: int, rate: float, first: int = 0) -> None:
        """Play `count` frames repeatedly at `rate` frames per second."""
        self._count, self._rate = count, rate
        self._began, self._first, self._last = time.perf_counter(), first, first
        self._shown.clear()
        # tick twice per frame, so that a frame is at most half a frame time late
        self._timer.start(max(FASTEST_TICK_MS, int(500 / rate)))

    def stop(self) -> None:
        """Stop at the displayed frame."""
        self._timer.stop()

    def _tick(self) -> None:
        now = time.perf_counter()
        due = (self._first + int((now - self._began) * self._rate)) % self._count
        if due == self._last:
            return
        self._last = due
        self._show(due)
        self._shown.append(now)
        while now - self._shown[0] > RATE_WINDOW_S:
            self._shown.popleft()
        passed = now - self._shown[0]
        if len(self._shown) > 1 and passed > 0:
            self.rate_changed.emit((len(self._shown) - 1) / passed)
