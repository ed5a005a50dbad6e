"""Drive a worker process from threads, so that its owner never waits.

Two threads belong to each process: one starts it and sends what is in the outbox, the
other receives. Both end with the process.
"""

from __future__ import annotations

import atexit
import os
import queue
import shutil
import subprocess
import tempfile
import threading
import traceback
import weakref
from pathlib import Path
from typing import Any, Final

from napari_motionseg.errors import JobError, MotionSegError
from napari_motionseg.jobs.interpreter import (
    import_path,
    worker_command,
    worker_environment,
)
from napari_motionseg.jobs.messages import CANCEL, Hello, Message
from napari_motionseg.jobs.processor_share import creation_flags
from napari_motionseg.jobs.resident_memory import resident_bytes
from napari_motionseg.jobs.transport import decode, encode, read_frame, write_frame

ENDED: Final = "ended"  # kind of the last message, whose value is the exit code
WAITING_MESSAGES = 32  # number of unread messages after which the worker waits
LOOK_EVERY_S = 0.2
END_GRACE_S = 5.0  # time after which a worker without a job ends by itself
_started: weakref.WeakSet[WorkerProcess] = weakref.WeakSet()


class WorkerProcess:
    """A worker process, which is being started when the constructor returns.

    Parameters
    ----------
    parent
        Path of the folder in which the worker's private folder is made; None for the
        system's temporary folder.
    preload
        Names of modules that the worker imports before it gets a job.

    Attributes
    ----------
    phase
        Description of the worker's activity before its job begins.
    ready
        Whether the worker has imported everything and can take a job.
    """

    def __init__(
        self, parent: Path | None = None, preload: tuple[str, ...] = ()
    ) -> None:
        self.phase = "Starting the worker…"
        self.ready = False
        self._parent, self._preload = parent, preload
        self._first_bytes = 0
        self._inbox: queue.Queue[Any] = queue.Queue(WAITING_MESSAGES)
        self._outbox: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._process: subprocess.Popen[bytes] | None = None
        # True once the process is to be ended; its messages are then dropped
        self._doomed = False
        self._ending = False  # whether the process ends now, finished or killed
        self._gone = threading.Event()
        _started.add(self)
        threading.Thread(
            target=self._talk, name="motionseg-worker-talk", daemon=True
        ).start()

    @property
    def alive(self) -> bool:
        """Whether the process has not ended, as far as is known."""
        return not self._gone.is_set() and not self._doomed

    @property
    def pid(self) -> int | None:
        """Number of the process, or None before it has started."""
        return None if self._process is None else self._process.pid

    @property
    def resident_bytes(self) -> int:
        """Memory that the process takes; 0 before it is known."""
        now = None if self.pid is None or not self.alive else resident_bytes(self.pid)
        return self._first_bytes if now is None else now

    def send(self, message: Any) -> None:
        """Send a message, in the order of the calls."""
        self._outbox.put(message)

    def receive(self) -> Message | tuple[str, Any] | None:
        """Return the next message, or None if none has arrived."""
        try:
            return self._inbox.get_nowait()  # type: ignore[no-any-return]
        except queue.Empty:
            return None

    def kill(self) -> None:
        """End the process at once."""
        self._doomed = self._ending = True
        process = self._process
        if process is not None:
            process.kill()
        self._outbox.put(None)

    def end(self, patience_s: float = END_GRACE_S, *, cancel: bool = False) -> None:
        """Let the process end by itself, and kill it if it does not.

        Parameters
        ----------
        patience_s
            Seconds that the process has.
        cancel
            Whether it is told to cancel its job.
        """
        self._doomed = True
        if cancel:
            self.send(CANCEL)
        self._outbox.put(None)
        threading.Thread(
            target=self._kill_later, args=(patience_s,), daemon=True
        ).start()

    def _kill_later(self, patience_s: float) -> None:
        if not self._gone.wait(patience_s):
            self.kill()

    def wait_gone(self, timeout_s: float | None = None) -> bool:
        """Wait until the process has ended and its folder is removed.

        Not for the thread of a window.

        Parameters
        ----------
        timeout_s
            Seconds to wait at most; None for ever.

        Returns
        -------
        bool
            Whether the process has ended.
        """
        return self._gone.wait(timeout_s)

    # the thread that starts the process and sends

    def _talk(self) -> None:
        folder = None
        try:
            folder = tempfile.mkdtemp(prefix="job-", dir=self._parent)
            process = self._start()
        except (OSError, MotionSegError) as error:
            self._deliver(("refused", _as_job_error(error)))
            process = None
        if process is None or folder is None:
            self._remove(folder)
            return
        threading.Thread(
            target=self._hear, args=(process, folder), name="motionseg-worker-hear",
            daemon=True,
        ).start()  # fmt: skip
        self._send_all(process, folder)

    def _start(self) -> subprocess.Popen[bytes] | None:
        if self._doomed:
            return None
        process = subprocess.Popen(
            worker_command(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=worker_environment(),
            creationflags=creation_flags(),
        )
        self._process = process
        if self._doomed:  # `kill` may have come too early to see the process
            process.kill()
        return process

    def _send_all(self, process: subprocess.Popen[bytes], folder: str) -> None:
        pipe: Any = process.stdin
        path = os.environ.get("PYTHONPATH")
        message: Any = Hello(import_path(), path, self._preload, folder)
        while message is not None:
            try:
                packed = encode(message, folder)
            except Exception as error:  # noqa: BLE001 - of pickle: told to the owner
                self._deliver(("refused", _unsendable(error)))
                process.kill()
                break
            try:
                write_frame(pipe.fileno(), packed)
            except OSError:
                break  # the process has ended; the other thread says how
            message = None  # not kept while waiting: it may hold a whole loop
            message = self._outbox.get()
        pipe.close()

    # the thread that receives

    def _hear(self, process: subprocess.Popen[bytes], folder: str) -> None:
        pipe: Any = process.stdout
        try:
            while True:
                self._take(decode(read_frame(pipe.fileno())))
        except (EOFError, OSError):
            pass
        except Exception:  # noqa: BLE001 - of pickle: told to the owner
            text = f"its answer cannot be read:\n{traceback.format_exc()}"
            self._deliver(("refused", JobError(text)))
            process.kill()
        pipe.close()
        code = process.wait()
        self._outbox.put(None)
        self._deliver((ENDED, code))
        self._remove(folder)

    def _take(self, message: Message) -> None:
        kind, value = message
        if kind == "phase":
            self.phase = value
        elif kind == "ready":
            self._first_bytes, self.ready = value, True
        elif kind == "begun":
            self.phase = "Working on the first step…"
        else:
            self._ending = kind != "progress"
            self._deliver(message)

    def wait_if_ending(self) -> None:
        """Wait until the folder of a finished or killed process is removed.

        Any other process sees the end of its owner, and removes its folder itself.
        """
        if self._ending:
            self._doomed = True  # nobody reads its last messages any more
            self.wait_gone(END_GRACE_S)

    def _deliver(self, message: Any) -> None:
        """Put a message into the inbox, unless the process was given up."""
        while not self._doomed:
            try:
                self._inbox.put(message, timeout=LOOK_EVERY_S)
            except queue.Full:
                continue
            return

    def _remove(self, folder: str | None) -> None:
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)
        self._gone.set()


def _as_job_error(error: Exception) -> MotionSegError:
    if isinstance(error, MotionSegError):
        return error
    return JobError(f"the job's process cannot be started or told its job: {error}")


def _unsendable(error: Exception) -> JobError:
    if isinstance(error, OSError):
        return JobError(f"the job cannot be handed over to its process: {error}")
    return JobError(
        f"the job cannot be sent to its process ({error}); its function and arguments "
        "must be picklable, and defined in modules that can be imported"
    )


@atexit.register
def _wait_for_ending() -> None:
    """Let threads remove the folders of ending processes; none runs after this."""
    for worker in list(_started):
        worker.wait_if_ending()
