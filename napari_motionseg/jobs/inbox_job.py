"""The owner's side of a job whose messages a thread puts into an inbox."""

from __future__ import annotations

import queue
from collections.abc import Iterator
from typing import Any

from napari_motionseg.errors import MotionSegError
from napari_motionseg.jobs.progress import STOP, Progress
from napari_motionseg.jobs.running_job import JobState, require_finished


class InboxJob:
    """A job that a thread drives; a base of classes that implement `RunningJob`.

    The thread puts ``("progress", value)``, ``("result", value)`` and ``("failed",
    error)`` into `_inbox`, and takes what the user asks for from `_words`.
    """

    def __init__(self) -> None:
        self.state: JobState = "running"
        self.error: MotionSegError | None = None
        self._result: Any = None
        self._stepped = False
        self._words: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._inbox: queue.SimpleQueue[tuple[str, Any]] = queue.SimpleQueue()

    @property
    def running(self) -> bool:
        """Whether the job has not ended yet."""
        return self.state == "running"

    @property
    def result(self) -> Any:
        """The job's result.

        Raises
        ------
        MotionSegError
            The job's own error; `JobError` if it crashed or is not finished.
        """
        require_finished(self.state, self.error)
        return self._result

    def poll(self) -> Iterator[Progress]:
        """Yield the progress that has arrived since the last call; never wait."""
        while self.running:
            try:
                kind, value = self._inbox.get_nowait()
            except queue.Empty:
                return
            if kind == "progress":
                self._stepped = True
                yield value
            elif kind == "result":
                self.state, self._result = "finished", value
            else:
                self.state, self.error = "failed", value

    def stop(self) -> None:
        """Ask the job to finish early and keep its results; continue to call `poll`."""
        self._words.put(STOP)

    def prioritize(self, frame: int) -> None:
        """Ask the job to do `frame` next, if it can change the order of frames."""
        self._words.put(int(frame))
