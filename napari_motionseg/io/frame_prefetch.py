"""Frames decoded in other processes, ahead of the one that needs them.

The processes are plain ones behind two pipes, not multiprocessing's: those would run a
user's script a second time where it lacks a guard, may not be started by a job of the
window (its process is a daemon), and outlive a process that is killed. These read until
the pipe ends, which it does with the process that holds its other end.
"""

from __future__ import annotations

import contextlib
import pickle
import subprocess
import sys
from concurrent.futures import Future
from queue import SimpleQueue
from threading import Thread
from typing import Any

from numpy.typing import NDArray

from napari_motionseg.cine import FRAME_CACHE_BYTES
from napari_motionseg.errors import JobError
from napari_motionseg.io.prefetched_parts import Wanted

Answer = Future[NDArray[Any] | None]


class FramesAhead:
    """Processes that decode what is asked for, in turn.

    They start when something is asked for the first time. One that ends, or cannot be
    started, is not replaced.

    Parameters
    ----------
    workers
        How many. They share the memory that decoded frames may take in this process.
    """

    def __init__(self, workers: int) -> None:
        self._workers = workers
        self._started = False
        self._processes: list[subprocess.Popen[bytes]] = []
        self._threads: list[Thread] = []
        self._orders: SimpleQueue[tuple[Wanted, Answer] | None] = SimpleQueue()

    @property
    def alive(self) -> bool:
        """Whether somebody is there to answer, or may be when asked."""
        return not self._started or any(thread.is_alive() for thread in self._threads)

    @property
    def pids(self) -> list[int]:
        """Of the processes that were started."""
        return [process.pid for process in self._processes]

    def ask(self, wanted: Wanted) -> Answer:
        """Return at once what will hold the answer: values, or None, see `Decoder`.

        It can be cancelled while nobody has begun with it, and holds a `JobError` if
        the process has ended that had.
        """
        if not self._started:
            self._start()
        answer: Answer = Future()
        if self.alive:
            self._orders.put((wanted, answer))
        else:
            answer.cancel()
        return answer

    def close(self) -> None:
        """End the processes, whatever they do."""
        for process in self._processes:
            process.kill()  # they hold nothing that could be lost
        for _ in self._threads:
            self._orders.put(None)
        for thread in self._threads:
            thread.join()
        for process in self._processes:
            process.wait()
            for pipe in (process.stdin, process.stdout):
                with contextlib.suppress(OSError):  # half an order that nobody reads
                    pipe.close()  # type: ignore[union-attr]
        self._started, self._processes, self._threads = True, [], []

    def _start(self) -> None:
        self._started = True
        with contextlib.suppress(OSError):  # too many processes: fewer, or none
            for _ in range(self._workers):
                self._processes.append(_process(FRAME_CACHE_BYTES // self._workers))
        for process in self._processes:
            # a pipe holds less than an answer: somebody must read it
            thread = Thread(target=self._drive, args=(process,), daemon=True)
            thread.start()
            self._threads.append(thread)

    def _drive(self, process: subprocess.Popen[bytes]) -> None:
        """Hand one order after the other to a process, until either end."""
        with contextlib.suppress(JobError):
            _receive(process)  # ready; until then orders can be taken back
            while (order := self._orders.get()) is not None:
                wanted, answer = order
                if not answer.set_running_or_notify_cancel():
                    continue
                try:
                    answer.set_result(_exchange(process, wanted))
                except JobError as error:
                    answer.set_exception(error)
                    raise


def _process(frame_bytes: int) -> subprocess.Popen[bytes]:
    code = (
        f"import sys; sys.path[:] = {sys.path!r}; "
        f"from napari_motionseg.io.prefetched_parts import serve; serve({frame_bytes})"
    )
    return subprocess.Popen(
        [sys.executable or "python", "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
    )


def _exchange(process: subprocess.Popen[bytes], wanted: Wanted) -> NDArray[Any] | None:
    try:
        pickle.dump(wanted, process.stdin)  # type: ignore[arg-type]
        process.stdin.flush()  # type: ignore[union-attr]
    except OSError as error:
        raise JobError(f"a decoding process has ended: {error}") from error
    return _receive(process)


def _receive(process: subprocess.Popen[bytes]) -> NDArray[Any] | None:
    try:
        return pickle.load(process.stdout)  # type: ignore[arg-type, no-any-return]
    except (OSError, EOFError, pickle.UnpicklingError) as error:
        raise JobError(f"a decoding process has ended: {error!r}") from error
