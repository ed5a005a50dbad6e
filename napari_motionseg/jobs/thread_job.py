"""A job in a thread of this process, for short work on arrays that are in memory."""

from __future__ import annotations

import threading
import traceback
from typing import Any

from napari_motionseg.errors import JobError, MotionSegError
from napari_motionseg.jobs.inbox_job import InboxJob
from napari_motionseg.jobs.progress import STOP, Job, Signal


class ThreadJob(InboxJob):
    """A job in a thread; implements `RunningJob`.

    Nothing of Qt is touched in the thread, so it may outlive the window that polls it.

    Parameters
    ----------
    job
        The generator; it is run, and closed, in the thread.
    """

    phase = ""

    def __init__(self, job: Job[Any]) -> None:
        super().__init__()
        self._job = job
        self._cancelled = threading.Event()
        self._thread = threading.Thread(target=self._run, name="motionseg-job")
        self._thread.start()

    def cancel(self) -> None:
        """End the job after its step; its state is ``"cancelled"`` at once."""
        if self.running:
            self.state = "cancelled"
            self._cancelled.set()

    def wait_gone(self, timeout_s: float | None = None) -> bool:
        """Wait until the thread has ended; not for the thread of a window.

        Parameters
        ----------
        timeout_s
            Seconds to wait at most; None for ever.

        Returns
        -------
        bool
            Whether the thread has ended.
        """
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        try:
            self._inbox.put(("result", self._drive()))
        except MotionSegError as error:
            self._inbox.put(("failed", error))
        except BaseException:  # noqa: BLE001 - told to the owner
            words = f"the job failed unexpectedly:\n{traceback.format_exc()}"
            self._inbox.put(("failed", JobError(words)))

    def _drive(self) -> Any:
        signal: Signal | None = None
        while not self._cancelled.is_set():
            try:
                progress = self._job.send(signal)
            except StopIteration as end:
                return end.value
            self._inbox.put(("progress", progress))
            signal = self._last_word()
        self._job.close()
        return None

    def _last_word(self) -> Signal | None:
        signal: Signal | None = None
        while not self._words.empty():
            word = self._words.get()
            signal = word if signal != STOP else STOP
        return signal
