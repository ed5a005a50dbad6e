"""The child process of a job: ``python -m napari_motionseg.jobs.worker``.

The process is told what to import, imports it, waits for one job, runs it, and ends.
Messages arrive on its standard input and leave on its standard output; whatever a
library prints goes to standard error instead. The main module of the user's program is
never imported here.
"""

from __future__ import annotations

import importlib
import os
import queue
import shutil
import signal
import sys
import tempfile
import threading
import time
import traceback
from contextlib import suppress
from typing import Any

from napari_motionseg.errors import JobError, MotionSegError
from napari_motionseg.jobs.messages import CANCEL, Call, Hello, Kind
from napari_motionseg.jobs.processor_share import (
    THREADS,
    free_threads,
    lower_priority,
)
from napari_motionseg.jobs.progress import STOP, Job, Signal
from napari_motionseg.jobs.resident_memory import own_resident_bytes
from napari_motionseg.jobs.transport import decode, encode, read_frame, write_frame

REMOVALS, REMOVAL_S = 20, 0.05  # tries to remove a folder, and time between them
ORPHAN_GRACE_S = 5.0  # time for a job to close its files after its window has ended


class Worker:
    """The worker's side of the two pipes.

    Parameters
    ----------
    incoming, outgoing
        Descriptors of the pipes from and to the window.
    """

    def __init__(self, incoming: int, outgoing: int) -> None:
        self._incoming, self._outgoing = incoming, outgoing
        self._inbox: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._orphan = threading.Event()
        self._folder = tempfile.gettempdir()
        self._own_folder = False

    def serve(self) -> None:
        """Wait for one job and run it."""
        threading.Thread(target=self._listen, daemon=True).start()
        try:
            hello, call = self._inbox.get(), None
            if hello is not None:
                self._greet(decode(hello))
                call = self._receive_call()
            if call is not None:
                self._run(call)
        except OSError:
            # the window has ended; a message may fail before the listener hears of it
            self._orphan.set()
        finally:
            if self._orphan.is_set():
                self._remove_folder()

    def _listen(self) -> None:
        """Put messages into the inbox; end the process if its window has died."""
        try:
            while True:
                self._inbox.put(read_frame(self._incoming))
        except (EOFError, OSError):
            self._orphan.set()
            self._inbox.put(None)
            time.sleep(ORPHAN_GRACE_S)
            self._remove_folder()
            os._exit(1)

    def _remove_folder(self) -> None:
        """Remove the folder of the job, also if its last step still writes to it."""
        if not self._own_folder:
            return
        for _ in range(REMOVALS):
            shutil.rmtree(self._folder, ignore_errors=True)
            if not os.path.lexists(self._folder):
                return
            time.sleep(REMOVAL_S)

    def _greet(self, hello: Hello) -> None:
        """Import the modules that a job is likely to need."""
        sys.path[:] = hello.path
        _set_variable("PYTHONPATH", hello.python_path)
        self._folder, self._own_folder = hello.folder, True
        limit_threads()
        for index, name in enumerate(hello.preload):
            if index and not self._inbox.empty():
                break  # a job has arrived and imports what it needs itself
            if name not in sys.modules:
                self._send("phase", f"Loading {_shown(name)}…")
                # an error is raised later, if a job needs the module
                with suppress(Exception):
                    importlib.import_module(name)
        self._send("ready", own_resident_bytes())

    def _receive_call(self) -> Call | None:
        """Wait for the job; None if there will be none."""
        packed = self._inbox.get()
        if packed is None:
            return None
        self._send("phase", "Loading the job…")
        try:
            call = decode(packed)
        except MotionSegError as error:
            self._send("refused", error)
            return None
        except BaseException:  # noqa: BLE001 - the window must be told of any failure
            self._send("refused", JobError(_unreadable(traceback.format_exc())))
            return None
        return call if isinstance(call, Call) else None

    def _run(self, call: Call) -> None:
        self._adopt(call)
        self._send("begun", None)
        try:
            job = call.function(*call.args, **call.kwargs)
            del call
            result = self._drive(job)
            if not self._orphan.is_set():
                self._send("result", result)
        except OSError as error:
            if self._orphan.is_set():
                return
            self._send("failed", _described(error))
        except MotionSegError as error:
            self._send("refused", error)
        except BaseException as error:  # noqa: BLE001 - told to the window
            self._send("failed", _described(error))

    def _adopt(self, call: Call) -> None:
        """Use folder, import path and environment of the window."""
        sys.path[:] = call.path
        os.environ.clear()
        os.environ.update(call.environment)
        if call.folder is not None:
            with suppress(OSError):
                os.chdir(call.folder)
        limit_threads()
        # a job that is killed leaves its temporary files; the window removes the folder
        tempfile.tempdir = self._folder
        for name in ("TMPDIR", "TEMP", "TMP"):
            os.environ[name] = self._folder

    def _drive(self, job: Job[Any]) -> Any:
        signal_: Signal | None = None
        while True:
            try:
                progress = job.send(signal_)
            except StopIteration as end:
                return end.value
            self._send("progress", progress)
            signal_ = None
            for word in self._words():
                if word == CANCEL:
                    job.close()
                    return None
                # of several requested frames the last one counts; a stop is final
                signal_ = word if signal_ != STOP else STOP

    def _words(self) -> list[Any]:
        words = []
        with suppress(queue.Empty):
            while True:
                packed = self._inbox.get_nowait()
                words.append(CANCEL if packed is None else decode(packed))
        return words

    def _send(self, kind: Kind, value: Any) -> None:
        write_frame(self._outgoing, encode((kind, value), self._folder))


def limit_threads() -> None:
    """Use the free cores, unless the user has said how many to take.

    Torch reads the variable when it is imported; a job that does not need it starts at
    once.
    """
    if THREADS in os.environ:
        threads = _whole_number(os.environ[THREADS])
    else:
        threads = free_threads()
        os.environ[THREADS] = str(threads)
    torch = sys.modules.get("torch")
    if torch is not None and threads and torch.get_num_threads() != threads:
        torch.set_num_threads(threads)


def _whole_number(text: str) -> int:
    first = text.partition(",")[0].strip()
    return int(first) if first.isdigit() else 0


def _shown(module: str) -> str:
    """Return the displayed name of a module."""
    library = module.partition(".")[0]
    return "the networks" if library == "napari_motionseg" else library


def _set_variable(name: str, value: str | None) -> None:
    os.environ.pop(name, None)
    if value is not None:
        os.environ[name] = value


def _described(error: BaseException) -> str:
    return "".join(traceback.format_exception(error))


def _unreadable(trace: str) -> str:
    reason = trace.strip().splitlines()[-1]
    return (
        f"the worker cannot read the job ({reason}); functions and classes of a job "
        "must be defined in a module that can be imported, not in a script or notebook"
    )


def take_pipes() -> tuple[int, int]:
    """Return descriptors of standard input and output, and keep both from others.

    Printed text goes to standard error, and reading standard input gives nothing.
    """
    incoming, outgoing = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    try:
        os.dup2(2, 1)
    except OSError:  # a program without a console has no standard error
        os.dup2(nothing, 1)
    os.close(nothing)
    return incoming, outgoing


def main() -> None:
    """Serve one job."""
    # Ctrl-C in the terminal is meant for the window, which decides about the job
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    lower_priority()
    Worker(*take_pipes()).serve()


if __name__ == "__main__":
    main()
