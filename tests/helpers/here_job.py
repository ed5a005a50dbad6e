"""Jobs of the window that run in the test's process, a step at each poll."""

from __future__ import annotations

import pickle
import traceback
from typing import Any

from napari_motionseg.errors import JobError, MotionSegError
from napari_motionseg.jobs import STOP
from napari_motionseg.jobs.child_job import require_importable


def travelled(value: Any) -> Any:
    """Return what arrives at the other end of a pipe."""
    return pickle.loads(pickle.dumps(value))


class HereJob:
    """A `RunningJob` without a process, which would take seconds to import torch.

    All that goes to the job or comes from it is pickled, as it is there.
    """

    phase = ""

    def __init__(self, function: Any, *args: Any, **kwargs: Any) -> None:
        function, args, kwargs = travelled((function, args, kwargs))
        self._job = function(*args, **kwargs)
        self._started = False
        self._signal: Any = None
        self.state = "running"
        self.error: MotionSegError | None = None
        self._result: Any = None

    @property
    def running(self) -> bool:
        return self.state == "running"

    @property
    def result(self) -> Any:
        if self.error is not None:
            raise self.error
        return self._result

    def poll(self):
        """Run one step and yield what it tells."""
        if not self.running:
            return
        signal = None
        if self._started:  # a generator that has not begun hears nothing yet
            signal, self._signal = self._signal, None
        self._started = True
        try:
            progress = self._job.send(signal)
        except StopIteration as end:
            self.state, self._result = "finished", travelled(end.value)
        except MotionSegError as error:
            self.state, self.error = "failed", travelled(error)
        except Exception:  # noqa: BLE001 - as in a child, whose parent is told of it
            words = f"the job failed unexpectedly:\n{traceback.format_exc()}"
            self.state, self.error = "failed", JobError(words)
        else:
            yield travelled(progress)

    def stop(self) -> None:
        self._tell(STOP)

    def prioritize(self, frame: int) -> None:
        self._tell(int(frame))

    def cancel(self) -> None:
        """Close the job, whose files then go."""
        if self.running:
            self.state = "cancelled"
            self._job.close()

    def _tell(self, word: Any) -> None:
        if self._signal != STOP:
            self._signal = word


class HereRunner:
    """A `JobRunner` of such jobs; nothing stands ready."""

    standby_bytes = None

    def __init__(self, *settings: Any) -> None:
        self.asked_to_be_ready = 0

    def start(self, function: Any, *args: Any, **kwargs: Any) -> HereJob:
        require_importable(function)
        return HereJob(function, *args, **kwargs)

    def keep_ready(self) -> None:
        self.asked_to_be_ready += 1

    def release(self) -> None:
        self.asked_to_be_ready = 0
