"""Run short work in a thread, where only the newest request counts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from napari.qt.threading import FunctionWorker
from napari.utils.notifications import show_error
from qtpy.QtCore import QObject

from napari_motionseg.errors import MotionSegError


class Latest:
    """Run one function at a time; of the requests that wait, only the newest is kept.

    Parameters
    ----------
    owner
        The widget that makes the requests; results that arrive after it is destroyed
        are dropped.
    show
        A function that is called with each result, in the thread of the window.
    """

    def __init__(self, owner: QObject, show: Callable[[Any], None]) -> None:
        self._show = show
        self._gone = False
        owner.destroyed.connect(self._owner_gone)
        self._worker: Any = None
        self._waiting: tuple[Callable[..., Any], tuple[Any, ...]] | None = None

    @property
    def busy(self) -> bool:
        """Whether a request is being computed."""
        return self._worker is not None

    @property
    def waiting(self) -> bool:
        """Whether a newer request waits for the one that runs."""
        return self._waiting is not None

    def ask(self, function: Callable[..., Any], *args: Any) -> None:
        """Run a function in a thread, now or after the one that runs."""
        if self._gone:
            return
        if self._worker is not None:
            self._waiting = (function, args)
            return
        # not by `create_worker`: napari keeps what that makes, and with it the request,
        # in the list of its tasks for as long as the window is open
        worker = FunctionWorker(_answer, function, args)
        worker.returned.connect(self._returned)
        worker.finished.connect(self._finished)
        self._worker = worker
        worker.start()

    def forget(self) -> None:
        """Drop the request that waits."""
        self._waiting = None

    def _owner_gone(self) -> None:
        self._gone = True
        self.forget()

    def _returned(self, answer: tuple[Any, MotionSegError | None]) -> None:
        result, error = answer
        if self._gone:
            return
        if error is not None:
            show_error(str(error))
        else:
            # overtaken or not, it is newer than what is shown: a loop that plays faster
            # than this can be computed would else show nothing at all
            self._show(result)

    def _finished(self) -> None:
        self._worker = None
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            self.ask(waiting[0], *waiting[1])


def _answer(
    function: Callable[..., Any], args: tuple[Any, ...]
) -> tuple[Any, MotionSegError | None]:
    # as a pair: a worker that returns a bare exception has it raised in the event loop
    try:
        return function(*args), None
    except MotionSegError as error:
        return None, error
