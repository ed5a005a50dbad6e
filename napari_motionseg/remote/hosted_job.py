"""The worker's side of a remote job.

`host` is a task of Dask, so that a worker does one job at a time and Dask chooses the
worker. While it runs, the window calls `exchange` on that worker. A window that is
silent for too long has gone, and its job ends.
"""

from __future__ import annotations

import queue
import tempfile
import threading
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from napari_motionseg.errors import JobError, MotionSegError
from napari_motionseg.io.temporary import temporary_folder
from napari_motionseg.jobs import ChildJob, LocalRunner, Progress
from napari_motionseg.jobs.local_runner import IDLE_S
from napari_motionseg.jobs.progress import STOP
from napari_motionseg.remote.letters import BYE, Kind, Letter, Message, Reply
from napari_motionseg.remote.packing import ContentStore, Parcel, pack, unpack

SILENCE_S = 600.0  # without a letter, after which a job ends
LOOK_S = 0.01
UNREAD_BYTES = 2**26  # of messages that have not arrived, after which the job waits
HOSTED: dict[str, HostedJob] = {}  # jobs of this worker by their keys
CONTENTS = ContentStore()
_RUNNERS: dict[tuple[str, ...], LocalRunner] = {}


def host(key: str, preload: tuple[str, ...] = (), silence_s: float = SILENCE_S) -> None:
    """Run a job for a window, until the window has its result or has gone.

    Parameters
    ----------
    key
        Name of the job, which no other job has.
    preload
        Names of modules that jobs are likely to need.
    silence_s
        Seconds without a letter after which the window has gone.
    """
    # this also removes what a killed worker has left
    with temporary_folder(tempfile.gettempdir()) as room:
        HOSTED[key] = job = HostedJob(room, runner(preload), silence_s)
        try:
            job.serve()
        finally:
            del HOSTED[key]
            job.close()


def runner(preload: tuple[str, ...], idle_s: float = IDLE_S) -> LocalRunner:
    """Return what starts the processes of this worker; it keeps one ready.

    Parameters
    ----------
    preload
        Names of modules that the processes import.
    idle_s
        Seconds after which the process that stands ready is ended.
    """
    if preload not in _RUNNERS:
        _RUNNERS[preload] = LocalRunner(None, preload, idle_s)
    return _RUNNERS[preload]


def exchange(key: str, letter: Letter) -> Reply | None:
    """Give a letter to a job and return the reply; None if there is no such job.

    Parameters
    ----------
    key
        Name of the job.
    letter
        What the window sends.
    """
    job = HOSTED.get(key)
    return None if job is None else job.answer(letter)


class HostedJob:
    """A job of a window on this worker.

    Parameters
    ----------
    room
        Folder for the job's files.
    runner
        What starts the job's process.
    silence_s
        Seconds without a letter after which the window has gone.
    """

    def __init__(self, room: Path, runner: LocalRunner, silence_s: float) -> None:
        self._room, self._runner, self._silence_s = room, runner, silence_s
        self._heard = time.monotonic()
        self._letters: queue.SimpleQueue[Letter] = queue.SimpleQueue()
        self._unread: deque[Message] = deque()
        self._count = 0
        self._call: Parcel | None = None
        self._lacks: frozenset[str] | None = None
        self._given: dict[str, bytes] = {}
        self._job: ChildJob[Any] | None = None
        self._phase = ""
        self._left = False
        self._lock = threading.Lock()  # `answer` and `serve` are in different threads

    def answer(self, letter: Letter) -> Reply:
        """Take a letter; this waits for nothing, because Dask's own loop calls it."""
        self._heard = time.monotonic()
        self._letters.put(letter)
        with self._lock:
            unread = tuple(one for one in self._unread if one.number > letter.after)
        return Reply(unread, self._lacks)

    def serve(self) -> None:
        """Run the job, and wait until its result has arrived or nobody wants it."""
        while not self._left and time.monotonic() - self._heard < self._silence_s:
            self._read()
            if self._job is not None:
                self._listen(self._job)
            time.sleep(LOOK_S)

    def close(self) -> None:
        """End the job's process, and keep another one ready."""
        if self._job is not None:
            self._job.cancel()
            self._job.wait_gone(SILENCE_S)
            self._runner.keep_ready()

    def _read(self) -> None:
        while not self._letters.empty():
            letter = self._letters.get()
            with self._lock:
                while self._unread and self._unread[0].number <= letter.after:
                    self._unread.popleft()
            self._collect(letter)
            for word in letter.words:
                self._obey(word)

    def _collect(self, letter: Letter) -> None:
        """Take call and contents, and begin once nothing is missing."""
        if self._job is not None or self._count:
            return  # it has begun, or could not
        self._given.update(letter.contents)
        self._call = self._call or letter.call
        if self._call is None:
            return
        for digest in self._call.digests:
            known = CONTENTS.get(digest)
            if digest not in self._given and known is not None:
                self._given[digest] = known
        self._lacks = self._call.digests - self._given.keys()
        if not self._lacks:
            self._begin(self._call)

    def _begin(self, call: Parcel) -> None:
        for digest, content in self._given.items():
            CONTENTS.put(digest, content)
        try:
            function, args, kwargs = unpack(call, self._given, self._room)
            self._job = self._runner.start(function, *args, **kwargs)
        except MotionSegError as error:
            self._say("failed", error)
        except Exception as error:  # noqa: BLE001 - of pickle: told to the window
            self._say("failed", JobError(f"the worker cannot read the job: {error}"))
        self._given.clear()

    def _obey(self, word: str | int) -> None:
        if word == BYE:
            self._left = True
        elif self._job is not None and word == STOP:
            self._job.stop()
        elif self._job is not None:
            self._job.prioritize(int(word))

    def _listen(self, job: ChildJob[Any]) -> None:
        """Take what the job's process says, unless too much is unread."""
        if job.phase != self._phase:
            self._phase = job.phase
            self._say("phase", self._phase)
        if not job.running:
            return
        for progress in self._some_progress(job):
            self._say("progress", progress)
        if job.state == "finished":
            self._say("result", job.result)
        elif job.state == "failed":
            self._say("failed", job.error)

    def _some_progress(self, job: ChildJob[Any]) -> Iterator[Progress]:
        for progress in job.poll():
            yield progress
            if sum(map(_size, self._unread)) > UNREAD_BYTES:
                return

    def _say(self, kind: Kind, value: Any) -> None:
        try:
            parcel, contents = pack(value, self._room)
        except JobError as error:
            kind = "failed"
            parcel, contents = pack(error, self._room)
        self._count += 1
        with self._lock:
            self._unread.append(Message(self._count, kind, parcel, contents))


def _size(message: Message) -> int:
    return len(message.value.body) + sum(map(len, message.contents.values()))
