"""Decode frames ahead of time in worker processes.

The workers are plain processes behind two pipes, not those of multiprocessing. Workers
of multiprocessing would run a user's script again if it lacks a guard, cannot be
started from a job of the window (a daemon process), and survive if their parent is
killed. These workers end when their pipe closes, which happens when the parent ends.
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
    """Worker processes that decode the requested frames one after another.

    They start at the first request. A worker that ends or cannot be started is not
    replaced.

    Parameters
    ----------
    workers
        Number of workers. They share the memory that decoded frames may take here.
    """

    def __init__(self, workers: int) -> None:
        self._workers = workers
        self._started = False
        self._processes: list[subprocess.Popen[bytes]] = []
        self._threads: list[Thread] = []
        self._orders: SimpleQueue[tuple[Wanted, Answer] | None] = SimpleQueue()

    @property
    def alive(self) -> bool:
        """Whether a worker is running, or may be started by the next request."""
        return not self._started or any(thread.is_alive() for thread in self._threads)

    @property
    def pids(self) -> list[int]:
        """Process numbers of the workers that were started."""
        return [process.pid for process in self._processes]

    def ask(self, wanted: Wanted) -> Answer:
        """Return a future of the decoded values, or of None; see `Decoder`.

        The future can be cancelled until a worker begins with it. It holds a `JobError`
        if its worker has ended.
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
        """Kill the workers, whatever they are doing."""
        for process in self._processes:
            process.kill()  # workers hold nothing that could be lost
        for _ in self._threads:
            self._orders.put(None)
        for thread in self._threads:
            thread.join()
        for process in self._processes:
            process.wait()
            for pipe in (process.stdin, process.stdout):
                # a request may be written only in part
                with contextlib.suppress(OSError):
                    pipe.close()  # type: ignore[union-attr]
        self._started, self._processes, self._threads = True, [], []

    def _start(self) -> None:
        self._started = True
        # too many processes: use fewer workers or none
        with contextlib.suppress(OSError):
            for _ in range(self._workers):
                self._processes.append(_process(FRAME_CACHE_BYTES // self._workers))
        for process in self._processes:
            # a pipe holds less than one result, so a thread must read it
            thread = Thread(target=self._drive, args=(process,), daemon=True)
            thread.start()
            self._threads.append(thread)

    def _drive(self, process: subprocess.Popen[bytes]) -> None:
        """Send requests to a worker one after another, until they or it end."""
        with contextlib.suppress(JobError):
            # wait until it is ready; requests can be cancelled until then
            _receive(process)
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
        raise JobError(f"a worker process for decoding has ended: {error}") from error
    return _receive(process)


def _receive(process: subprocess.Popen[bytes]) -> NDArray[Any] | None:
    try:
        return pickle.load(process.stdout)  # type: ignore[arg-type, no-any-return]
    except (OSError, EOFError, pickle.UnpicklingError) as error:
        raise JobError(f"a worker process for decoding has ended: {error!r}") from error
