"""Hold a project's folder for one window: its lock, its place and its manifest."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from napari_motionseg.errors import ReadError, WriteError
from napari_motionseg.io.locks import FileLock
from napari_motionseg.project.manifest import Manifest, write_manifest
from napari_motionseg.project.own_files import LOCK, note_closed
from napari_motionseg.project.window_lock import require_guarded


class HeldFolder:
    """A project's folder and manifest. Any thread may use it.

    Parameters
    ----------
    folder
        Path of the project.
    manifest
        Its manifest, as it was read.
    lock
        The lock that this window holds there; None if nothing can be written there.

    Attributes
    ----------
    folder
        Path of the project; another one after it was moved.
    writable
        Whether changes can be kept there.
    notes
        What was lost or repaired, in full sentences.
    """

    def __init__(self, folder: Path, manifest: Manifest, lock: FileLock | None) -> None:
        self.folder = folder
        self.writable = lock is not None
        self.notes: list[str] = []
        self._manifest = manifest
        self._lock = lock
        self._mutex = threading.RLock()
        self._placing = threading.Lock()  # held while files beside the journal change

    @property
    def name(self) -> str:
        """The folder's name without its suffix."""
        return self.folder.stem

    @property
    def manifest(self) -> Manifest:
        """The loops, layers and models of the project."""
        return self._manifest

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Let no other thread change the project meanwhile."""
        with self._mutex:
            yield

    def update(self, manifest: Manifest) -> None:
        """Take another manifest, and write it if it differs.

        Parameters
        ----------
        manifest
            The new manifest.

        Raises
        ------
        WriteError
            If the disk refuses; then the manifest before stays.
        """
        with self._mutex:
            if manifest == self._manifest:
                return
            self.require_writable()
            write_manifest(self.folder, manifest)
            self._manifest = manifest

    def close(self) -> None:
        """Release the lock and note that no window has the project open any more."""
        with self._placing, self._mutex:
            if self._lock is None:
                return
            if self._lock.guards(self.folder / LOCK):
                note_closed(self.folder)
            self._lock.release()
            self._lock, self.writable = None, False

    def require_there(self) -> None:
        """Refuse if the project's folder is gone, or another one is in its place.

        Raises
        ------
        ReadError
            The message says what to do.
        """
        require_guarded(self.folder, self._lock)

    def require_writable(self) -> None:
        """Refuse if changes cannot be kept in the folder.

        Raises
        ------
        WriteError
            The message says what to do.
        """
        if not self.writable:
            raise WriteError(
                f"{self.folder} cannot be written: save the project elsewhere"
            )
        try:
            self.require_there()
        except ReadError as error:
            raise WriteError(str(error)) from error
