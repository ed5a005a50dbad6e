"""A job of the window that runs in the test's process, a step at each poll."""

from __future__ import annotations

import pickle
import traceback
from typing import Any

from napari_motionseg.errors import MotionSegError
from napari_motionseg.jobs import STOP, ChildJob


def travelled(value: Any) -> Any:
    """Return what arrives at the other end of a pipe."""
    return pickle.loads(pickle.dumps(value))


class HereJob(ChildJob[Any]):
    """Do as `ChildJob` without a child, which takes seconds to import torch.

    All that goes to the job or comes from it is pickled, as it is there.
    """

    def __init__(self, function: Any, *args: Any, **kwargs: Any) -> None:
        function, args, kwargs = travelled((function, args, kwargs))
        self._job = function(*args, **kwargs)
        self._started = False
        self._signal: Any = None
        self.state = "running"
        self.error = None
        self._result = None

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
            self._finish("result", travelled(end.value))
        except MotionSegError as error:
            self._finish("refused", travelled(error))
        except Exception:  # noqa: BLE001 - as in a child, whose parent is told of it
            self._finish("failed", traceback.format_exc())
        else:
            yield travelled(progress)

    def cancel(self, patience_s: float = 0.0) -> None:
        """Close the job, whose files then go."""
        if self.running:
            self._end("cancelled", None)

    def _tell(self, word: Any) -> None:
        if self._signal != STOP:
            self._signal = word

    def _end(self, state: str, error: MotionSegError | None) -> None:
        self.state, self.error = state, error
        self._job.close()
