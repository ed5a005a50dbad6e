"""Let a thread that computes and the thread of a window take short turns."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

TURN_S = 0.0005  # after which a waiting thread gets the interpreter


class _Turns:
    """The number of threads that want short turns, and the interval before the first.

    The interval belongs to the process. A thread that set back what it had found would
    end the short turns of others, or leave those of others for ever.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._users = 0
        self._usual = 0.0

    def shorten(self) -> None:
        """Shorten the turns, if nobody else has done so."""
        with self._lock:
            if not self._users:
                self._usual = sys.getswitchinterval()
                sys.setswitchinterval(min(TURN_S, self._usual))
            self._users += 1

    def restore(self) -> None:
        """Restore the usual turns, if nobody else wants short ones."""
        with self._lock:
            self._users -= 1
            if not self._users:
                sys.setswitchinterval(self._usual)


_TURNS = _Turns()


@contextmanager
def short_turns() -> Iterator[None]:
    """Shorten the turns of all threads in this block, which several threads may enter.

    Python's interpreter lets another thread wait for 5 ms. The window's thread gives
    the interpreter up hundreds of times while it draws, and so do torch and NumPy at
    each larger call; each of them would wait so long. Beside a window that draws, 30 ms
    of work then take 900.
    """
    _TURNS.shorten()
    try:
        yield
    finally:
        _TURNS.restore()
