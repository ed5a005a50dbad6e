"""The window's side of a remote job: a thread that exchanges letters with it."""

from __future__ import annotations

import threading
import time
import traceback
import uuid
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_motionseg.errors import JobError, MotionSegError, SettingsError
from napari_motionseg.jobs import Job, Progress
from napari_motionseg.jobs.inbox_job import InboxJob
from napari_motionseg.remote.connection import Connection
from napari_motionseg.remote.hosted_job import exchange, host
from napari_motionseg.remote.letters import BYE, Letter, Reply
from napari_motionseg.remote.packing import Parcel, pack, unpack

if TYPE_CHECKING:
    from distributed import Client, Future

ASK_EVERY_S = 0.08
LOST_S = 120.0  # without a connection, after which the job has failed
MOST_BEGUN = 3  # how often a job begins; each time before, its worker has died
TRY_EVERY_S = 1.0
LEAVE_S = 10.0  # for a job to end after its result has arrived


class RemoteJob(InboxJob):
    """A job on a worker of a Dask cluster; implements `RunningJob`.

    Parameters
    ----------
    connection
        Connection to the scheduler.
    room
        Folder of the session, to which files of the job are written.
    preload
        Names of modules that jobs are likely to need.
    function, args, kwargs
        Generator function at the top level of a module, and its arguments.
    """

    def __init__(
        self,
        connection: Connection,
        room: Path,
        preload: tuple[str, ...],
        function: Callable[..., Job[Any]],
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
    ) -> None:
        super().__init__()
        self._connection, self._room, self._preload = connection, room, preload
        self._content = (function, args, dict(kwargs))
        self._phase = "Packing the job…"
        self._thread = threading.Thread(
            target=self._run, name="motionseg-remote-job", daemon=True
        )
        self._thread.start()

    @property
    def phase(self) -> str:
        """Description of the work before the first step; empty once steps arrive."""
        return "" if self._stepped or not self.running else self._phase

    def cancel(self) -> None:
        """End the job without a result; its state is ``"cancelled"`` at once."""
        if self.running:
            self.state = "cancelled"
            self._words.put(BYE)

    def wait_gone(self, timeout_s: float | None = None) -> bool:
        """Wait until the job has left its worker; not for the thread of a window.

        Parameters
        ----------
        timeout_s
            Seconds to wait at most; None for ever.

        Returns
        -------
        bool
            Whether it has.
        """
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        try:
            parcel, contents = pack(self._content, self._room)
            del self._content
            _Conversation(self, parcel, contents).hold()
        except MotionSegError as error:
            self._inbox.put(("failed", error))
        except BaseException:  # noqa: BLE001 - told to the owner
            words = f"the job failed unexpectedly:\n{traceback.format_exc()}"
            self._inbox.put(("failed", JobError(words)))

    def next_words(self) -> tuple[str | int, ...]:
        """Return what the user has asked for since the last call."""
        words = []
        while not self._words.empty():
            words.append(self._words.get())
        return tuple(words)


class _Conversation:
    """Begin a job on a worker, and exchange letters with it until its end."""

    def __init__(
        self, job: RemoteJob, call: Parcel, contents: Mapping[str, bytes]
    ) -> None:
        self.job, self.call, self.contents = job, call, contents
        self.key, self.worker, self.after = "", "", 0
        self.begun = 0
        self.future: Future | None = None
        self.unsent: tuple[str | int, ...] = ()
        self.last: Progress | None = None
        self.ended = False

    def hold(self) -> None:
        """Exchange letters until the job has ended, here or there."""
        lost_since: float | None = None
        while not self.ended:
            try:
                client = self.job._connection.client()
                if lost_since is not None:
                    self._say(f"connected to {self.job._connection.address} again")
                lost_since = None
                self._step(client)
            except (OSError, TimeoutError, SettingsError) as error:
                if self.future is None:
                    raise _of_connection(error) from error
                lost_since = lost_since or time.monotonic()
                self._lost(error, time.monotonic() - lost_since)
            time.sleep(ASK_EVERY_S)
            if self.job.state == "cancelled" and not self.worker:
                self._release()
                return

    def _step(self, client: Client) -> None:
        if not self.worker:
            self._find(client)
            return
        self.unsent += self.job.next_words()
        reply = self._write(client, Letter(self.after, self.unsent))
        self.unsent = ()
        if reply is None:
            self._again()
            return
        if reply.lacks is None:
            self._write(client, Letter(self.after, call=self.call))
        elif reply.lacks:
            self._send(client, reply.lacks)
        for message in reply.messages:
            self.after = message.number
            self._take(
                message.kind,
                unpack(message.value, message.contents, self.job._room),
            )
        if self.ended or self.job.state == "cancelled":
            self.ended = True
            self._write(client, Letter(self.after, (BYE,)))
            self._release()

    def _begin(self, client: Client) -> None:
        """Let Dask choose a worker."""
        self.key = f"motionseg-{uuid.uuid4().hex}"
        self.future = client.submit(
            host, self.key, self.job._preload, key=self.key, pure=False,
            resources=_resources(client),
        )  # fmt: skip
        self.job._phase = f"Waiting for a free worker of {client.scheduler.address}…"

    def _find(self, client: Client) -> None:
        """Find out where Dask has begun the job; it moves jobs of workers that die."""
        if self.future is None or self.future.client is not client:
            self._begin(client)
        elif self.future.status == "error":
            raise JobError(f"no worker could do the job: {self.future.exception()}")
        for worker, keys in client.processing().items():
            if self.key in keys:
                reply = self._write(client, Letter(0, call=self.call), worker)
                if reply is not None:
                    self._found(worker)

    def _found(self, worker: str) -> None:
        self.begun += 1
        if self.begun > MOST_BEGUN:
            raise JobError(
                f"the job began {MOST_BEGUN} times on workers of "
                f"{self.job._connection.address}, and each of them died; nothing that "
                "you have painted is lost"
            )
        self.worker, self.after = worker, 0
        self.job._phase = "Sending the job…"

    def _send(self, client: Client, lacks: frozenset[str]) -> None:
        wanted = {digest: self.contents[digest] for digest in lacks}
        size = sum(map(len, wanted.values())) / 2**20
        self.job._phase = f"Sending the job, {size:.0f} MiB…"
        self._write(client, Letter(self.after, contents=wanted))
        self.job._phase = "Starting the worker's process…"

    def _write(self, client: Client, letter: Letter, worker: str = "") -> Reply | None:
        """Send a letter; None if the job is not there any more."""
        address = worker or self.worker
        if address not in client.nthreads([address]):
            return None  # it has died
        told = client.run(
            exchange, self.key, letter, workers=[address], on_error="return"
        )
        reply: Reply | BaseException | None = told.get(address)
        if isinstance(reply, BaseException):
            raise OSError(f"{address} does not answer: {reply}")
        return reply

    def _take(self, kind: str, value: Any) -> None:
        if kind == "phase":
            self.job._phase = value or self.job._phase
            return
        if kind == "progress":
            self.last = value
        self.ended = kind in ("result", "failed")
        self.job._inbox.put((kind, value))

    def _again(self) -> None:
        """Look for the job on another worker, because its worker has died."""
        self.worker = ""
        self._say("the worker died; the job has begun again on another one")

    def _lost(self, error: Exception, since_s: float) -> None:
        """Say that the connection is lost; the job may go on meanwhile."""
        address = self.job._connection.address
        if self.job.state == "cancelled":
            self.ended = True  # a job without letters ends by itself
            return
        if since_s > LOST_S:
            raise JobError(
                f"the connection to {address} was lost and did not come back in "
                f"{LOST_S:.0f} s; nothing that you have painted is lost: start again, "
                "or choose to run on this computer"
            ) from error
        self._say(f"no connection to {address} for {since_s:.0f} s; trying again")
        time.sleep(TRY_EVERY_S)

    def _say(self, sentence: str) -> None:
        self.job._phase = sentence
        if self.last is not None:
            told = replace(self.last, message=sentence, preview=None, frames=())
            self.job._inbox.put(("progress", told))

    def _release(self) -> None:
        """Let Dask forget the job once it has ended; else Dask logs an error."""
        future, self.future = self.future, None
        if future is None:
            return
        deadline = time.monotonic() + LEAVE_S
        while self.worker and not future.done() and time.monotonic() < deadline:
            time.sleep(ASK_EVERY_S)
        future.release()


def _resources(client: Client) -> dict[str, float] | None:
    """Return what a job asks for: a GPU, if a worker has said that it has one."""
    workers = client.scheduler_info(n_workers=-1)["workers"].values()
    has_gpu = any(worker.get("resources", {}).get("GPU") for worker in workers)
    return {"GPU": 1} if has_gpu else None


def _of_connection(error: Exception) -> MotionSegError:
    if isinstance(error, MotionSegError):
        return error
    return JobError(f"the Dask scheduler does not answer: {error}")
