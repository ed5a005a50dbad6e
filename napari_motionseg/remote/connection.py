"""Keep one connection to a scheduler for the jobs of a window."""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import TYPE_CHECKING

from napari_motionseg.remote.dask_client import connected, state_of_workers

if TYPE_CHECKING:
    from distributed import Client


class Connection:
    """A connection to a scheduler, which is made when it is first needed.

    Parameters
    ----------
    address
        Address of the scheduler.
    """

    def __init__(self, address: str) -> None:
        self.address = address
        self._client: Client | None = None
        self._lock = threading.Lock()

    def client(self) -> Client:
        """Return the connection; this may wait for seconds.

        Raises
        ------
        SettingsError
            If no scheduler answers, it has no workers, or they have other versions.
        """
        with self._lock:
            if self._client is None or self._client.status != "running":
                self._drop()
                client = connected(self.address)
                try:
                    state_of_workers(client)
                except BaseException:
                    client.close()
                    raise
                self._client = client
            return self._client

    def close(self) -> None:
        """End the connection; the next use makes another one."""
        with self._lock:
            self._drop()

    def _drop(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            with suppress(Exception):  # it may be broken already
                client.close(timeout=2)
