"""Run short computations in a thread, and keep only the newest request.

The thread does not use Qt. If the window is closed meanwhile, its signals are
destroyed, and a thread that emitted one would end in a traceback. A timer fetches the
results instead.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import Any

from napari.utils.notifications import show_error
from qtpy.QtCore import QObject, QTimer

from napari_motionseg.errors import MotionSegError
from napari_motionseg.short_turns import short_turns

FETCH_EVERY_MS = 8
Answer = tuple[Any, BaseException | None]


class Latest:
    """Run one function at a time; of the requests that wait, only the newest is kept.

    Parameters
    ----------
    owner
        Widget that makes the requests; results that arrive after it is destroyed are
        dropped.
    show
        Function that is called with each result, in the thread of the window.
    """

    def __init__(self, owner: QObject, show: Callable[[Any], None]) -> None:
        self._show = show
        self._gone = False
        self._busy = False
        self._answers: queue.SimpleQueue[Answer] = queue.SimpleQueue()
        self._waiting: tuple[Callable[..., Any], tuple[Any, ...]] | None = None
        self._timer = QTimer(owner)
        self._timer.setInterval(FETCH_EVERY_MS)
        self._timer.timeout.connect(self._fetch)
        owner.destroyed.connect(self._owner_gone)

    @property
    def busy(self) -> bool:
        """Whether a request is being computed."""
        return self._busy

    @property
    def waiting(self) -> bool:
        """Whether a newer request waits until the present one is computed."""
        return self._waiting is not None

    def ask(self, function: Callable[..., Any], *args: Any) -> None:
        """Run a function in a thread, now or after the present request."""
        if self._gone:
            return
        if self._busy:
            self._waiting = (function, args)
            return
        self._busy = True
        # not a daemon: the interpreter must not end while torch computes in a thread
        threading.Thread(
            target=_answer, args=(self._answers, function, args), name="motionseg-short"
        ).start()
        self._timer.start()

    def forget(self) -> None:
        """Drop the waiting request."""
        self._waiting = None

    def _owner_gone(self) -> None:
        self._gone = True
        # the owner was destroyed with its timer, so the result is dropped
        self._busy = False
        self.forget()

    def _fetch(self) -> None:
        """Show the result if it is ready, and start the waiting request."""
        try:
            result, error = self._answers.get_nowait()
        except queue.Empty:
            return
        self._timer.stop()
        try:
            self._show_answer(result, error)
        finally:
            self._busy = False
            waiting, self._waiting = self._waiting, None
            if waiting is not None:
                self.ask(waiting[0], *waiting[1])

    def _show_answer(self, result: Any, error: BaseException | None) -> None:
        if self._gone:
            return
        if isinstance(error, MotionSegError):
            show_error(str(error))
        elif error is not None:
            raise error
        else:
            # shown even if a newer request waits: otherwise nothing would be shown
            # while a loop plays faster than results are computed
            self._show(result)


def _answer(
    answers: queue.SimpleQueue[Answer],
    function: Callable[..., Any],
    args: tuple[Any, ...],
) -> None:
    try:
        with short_turns():
            found = function(*args)
        answers.put((found, None))
    except BaseException as error:  # noqa: BLE001 - raised again in the window's thread
        answers.put((None, error))
