"""Hold a project's folder for one window: lock, path and manifest."""

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
    """Folder and manifest of a project. Any thread may use it.

    Parameters
    ----------
    folder
        Path of the project.
    manifest
        Manifest as it was read.
    lock
        Lock that this window holds on the folder; None if the folder cannot be written.

    Attributes
    ----------
    folder
        Path of the project, which changes when the project is moved.
    writable
        Whether changes can be saved there.
    notes
        Full sentences about what was lost or repaired.
    """

    def __init__(self, folder: Path, manifest: Manifest, lock: FileLock | None) -> None:
        self.folder = folder
        self.writable = lock is not None
        self.notes: list[str] = []
        self._manifest = manifest
        self._lock = lock
        self._mutex = threading.RLock()
        # held while files other than the journal change
        self._placing = threading.Lock()

    @property
    def name(self) -> str:
        """Name of the folder without its suffix."""
        return self.folder.stem

    @property
    def manifest(self) -> Manifest:
        """Loops, layers and models of the project."""
        return self._manifest

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Prevent other threads from changing the project during the ``with`` block."""
        with self._mutex:
            yield

    def update(self, manifest: Manifest) -> None:
        """Replace the manifest, and write it if it differs.

        Parameters
        ----------
        manifest
            The new manifest.

        Raises
        ------
        WriteError
            If it cannot be written; the previous manifest then stays in force.
        """
        with self._mutex:
            if manifest == self._manifest:
                return
            self.require_writable()
            write_manifest(self.folder, manifest)
            self._manifest = manifest

    def close(self) -> None:
        """Release the lock, and record that no window has the project open any more."""
        with self._placing, self._mutex:
            if self._lock is None:
                return
            if self._lock.guards(self.folder / LOCK):
                note_closed(self.folder)
            self._lock.release()
            self._lock, self.writable = None, False

    def require_there(self) -> None:
        """Raise an error if the folder is gone or was replaced by another one.

        Raises
        ------
        ReadError
            If so; the message says what to do.
        """
        require_guarded(self.folder, self._lock)

    def require_writable(self) -> None:
        """Raise an error if changes cannot be saved in the folder.

        Raises
        ------
        WriteError
            If so; the message says what to do.
        """
        if not self.writable:
            raise WriteError(
                f"{self.folder} cannot be written; save the project elsewhere"
            )
        try:
            self.require_there()
        except ReadError as error:
            raise WriteError(str(error)) from error
