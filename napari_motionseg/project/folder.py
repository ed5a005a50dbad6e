"""A project on disk: opened by one window at a time, always readable, never half.

::

    NAME.motionseg/
      project.json          which loops, layers, models; see `manifest`
      labels/000007.blocks  all pixels up to journal 7; see `journal`
      labels/000008.journal what has changed since
      loops/1.npz           pixels of loops that came from no file
      models/               networks that were trained in the project
      open                  there while a window has it open, or one was killed

A journal is written to by one window only; the next one begins its own. Of blocks the
newest count, and of journals those that are newer than they are: whatever a crash
leaves behind of older ones is not looked at.
"""

from __future__ import annotations

import dataclasses
import datetime
import os
import shutil
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock, Timeout
from numpy.typing import NDArray

from napari_motionseg.errors import ReadError, WriteError
from napari_motionseg.io.atomic import new_folder, replacing
from napari_motionseg.project.compaction import rewrite_blocks, sizes
from napari_motionseg.project.journal import Delta, Journal, replay
from napari_motionseg.project.label_files import (
    JOURNAL,
    LABELS,
    current_files,
    label_files,
    read_records,
)
from napari_motionseg.project.manifest import (
    LoopRecord,
    Manifest,
    ModelRecord,
    read_manifest,
    write_manifest,
)
from napari_motionseg.project.references import moved

SUFFIX, GONE = ".motionseg", ".gone"
MODELS, OPEN, LOCK = "models", "open", ".lock"
LEAST_TO_COMPACT = 2**20  # bytes; a smaller journal is read in no time


class Project:
    """A project that is open. Any thread may use it.

    Made by `Project.create` and `Project.open`.

    Attributes
    ----------
    folder
        Where it is.
    writable
        Whether changes can be kept there.
    notes
        What was lost or repaired, in words.
    """

    def __init__(self, folder: Path, manifest: Manifest, lock: FileLock | None) -> None:
        self.folder = folder
        self.writable = lock is not None
        self.notes: list[str] = []
        self._manifest = manifest
        self._lock = lock
        self._mutex = threading.RLock()
        self._compacting = threading.Lock()
        self._number = max((int(f.stem) for f in label_files(folder)), default=0)
        self._begin_journal()

    @classmethod
    def create(cls, folder: str | Path) -> Project:
        """Make an empty project.

        Parameters
        ----------
        folder
            Ends in ``.motionseg``, or is given that end; must not be there.

        Raises
        ------
        WriteError
            If something is there, or the disk refuses.
        """
        folder = named(Path(folder))
        if folder.exists():
            raise WriteError(f"{folder}: is there already; choose another name")
        try:
            (folder / LABELS).mkdir(parents=True)
        except OSError as error:
            raise WriteError(f"cannot make {folder}: {error.strerror}") from error
        write_manifest(folder, Manifest())
        return cls._opened(folder, Manifest())

    @classmethod
    def open(cls, folder: str | Path, *, read_only: bool = False) -> Project:
        """Open a project.

        Parameters
        ----------
        folder
            The project's folder.
        read_only
            Whether it is only looked at, which many may do at once.

        Raises
        ------
        ReadError
            If it is none, is damaged, was written by a newer version, or another
            window has it open.
        """
        folder = Path(folder)
        manifest = read_manifest(folder)
        if read_only:
            return cls(folder, manifest, None)
        return cls._opened(folder, manifest)

    @classmethod
    def _opened(cls, folder: Path, manifest: Manifest) -> Project:
        lock = _locked(folder)
        project = cls(folder, manifest, lock)
        if lock is None:
            project.notes.append(
                f"{folder} cannot be written: changes stay in memory until you save "
                "the project elsewhere"
            )
            return project
        _tidy(folder)
        with suppress(OSError):
            now = datetime.datetime.now().isoformat(timespec="seconds")
            (folder / OPEN).write_text(now + "\n")
        return project

    @property
    def name(self) -> str:
        """The folder's name without its end."""
        return self.folder.stem

    @property
    def manifest(self) -> Manifest:
        """Which loops, layers and models it has."""
        return self._manifest

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Let no other thread change the project meanwhile."""
        with self._mutex:
            yield

    def update(self, manifest: Manifest) -> None:
        """Take another manifest, and write it if it is another.

        Raises
        ------
        WriteError
            If the disk refuses; the one before stays.
        """
        with self._mutex:
            if manifest == self._manifest:
                return
            self._require_writable()
            write_manifest(self.folder, manifest)
            self._manifest = manifest

    def append(self, deltas: Iterable[Delta]) -> int:
        """Keep changed pixels; return the bytes that they took.

        Raises
        ------
        WriteError
            If the disk refuses; nothing of them counts as kept.
        """
        with self._mutex:
            self._require_writable()
            try:
                (self.folder / LABELS).mkdir(exist_ok=True)
                return self._journal.append(deltas)
            except OSError as error:
                raise WriteError(
                    f"cannot write to {self.folder}: {error.strerror or error}"
                ) from error

    def read_layers(self) -> dict[int, NDArray[Any]]:
        """Return the pixels ``(T, H, W)`` of every layer, by its number."""
        records, lost = read_records(current_files(self.folder, None))
        pixels = {}
        for layer in self._manifest.layers:
            pixels[layer.number], left_out = replay(
                records.get(layer.number, []), layer.shape, np.dtype(layer.dtype)
            )
            if left_out:
                self.notes.append(f"{layer.name}: {left_out} changes did not fit")
        if lost:
            self.notes.append(
                f"the last {lost} bytes were not written to their end, and left out"
            )
        return pixels

    def add_model(self, path: Path, kind: str, title: str) -> ModelRecord:
        """Keep a copy of a network's file.

        Raises
        ------
        WriteError
            If it cannot be copied.
        """
        self._require_writable()
        with replacing(self.folder / MODELS / path.name) as temporary:
            shutil.copyfile(path, temporary)
        record = ModelRecord(path.name, kind, title)
        with self._mutex:
            others = [m for m in self._manifest.models if m.file != record.file]
            changed = dataclasses.replace(self._manifest, models=(*others, record))
            self.update(changed)
        return record

    def model_path(self, record: ModelRecord) -> Path:
        """Return the file of a network."""
        return self.folder / MODELS / record.file

    def set_loop(self, record: LoopRecord) -> None:
        """Take another record of a loop.

        Raises
        ------
        WriteError
            If the disk refuses.
        """
        with self._mutex:
            self.update(self._manifest.with_loop(record))

    def bytes_on_disk(self) -> int:
        """Return the size of the labels' files."""
        return sum(sizes(self.folder))

    def wants_compaction(self) -> bool:
        """Return whether the journals have outgrown the pixels themselves."""
        blocks, journals = sizes(self.folder)
        return journals > max(LEAST_TO_COMPACT, blocks)

    def compact(self) -> None:
        """Write the pixels anew, one record a frame, and drop what led to them.

        Reads the disk alone: changes that are appended meanwhile go to the next
        journal, and a kill at any moment leaves either the old files or the new.

        Raises
        ------
        WriteError
            If the disk refuses; then all stays as it was.
        """
        self._require_writable()
        with self._compacting:
            with self._mutex:
                upto = self._number
                self._begin_journal()
                layers = self._manifest.layers
            rewrite_blocks(self.folder, upto, layers)

    def move(self, folder: str | Path) -> None:
        """Put the project elsewhere; it goes on there.

        A project that cannot be written stays where it is too.

        Raises
        ------
        WriteError
            If something is there already, or the disk refuses; then it stays.
        """
        folder = named(Path(folder))
        if folder.exists():
            raise WriteError(f"{folder}: is there already; choose another name")
        with self._compacting, self._mutex:
            before = self.folder
            loops = tuple(moved(loop, before, folder) for loop in self._manifest.loops)
            manifest = dataclasses.replace(self._manifest, loops=loops)
            with new_folder(folder) as temporary:
                shutil.copytree(before, temporary, ignore=_not_copied)
                write_manifest(temporary, manifest)
            was_writable, old_lock = self.writable, self._lock
            self.folder, self._manifest = folder, manifest
            self._lock = _locked(folder)
            self.writable = self._lock is not None
            self._begin_journal()
            with suppress(OSError):
                (folder / OPEN).touch()
            if old_lock is not None:
                old_lock.release()
            if was_writable:
                remove_folder(before)

    def close(self) -> None:
        """Say that nothing is open here any more; what was appended is on disk."""
        with self._compacting, self._mutex:
            if self._lock is None:
                return
            with suppress(OSError):
                (self.folder / OPEN).unlink(missing_ok=True)
            self._lock.release()
            with suppress(OSError):
                (self.folder / LOCK).unlink(missing_ok=True)
            self._lock, self.writable = None, False

    def _begin_journal(self) -> None:
        self._number += 1
        name = f"{self._number:06d}{JOURNAL}"
        self._journal = Journal(self.folder / LABELS / name)

    def _require_writable(self) -> None:
        if not self.writable:
            raise WriteError(
                f"{self.folder} cannot be written: save the project elsewhere"
            )


def named(folder: Path) -> Path:
    """Return a path that ends as projects do."""
    if folder.suffix == SUFFIX:
        return folder
    return folder.with_name(folder.name + SUFFIX)


def remove_folder(folder: Path) -> None:
    """Delete a project at one stroke: a kill on the way leaves no half of one."""
    gone = folder.with_suffix(GONE)
    with suppress(OSError):
        os.replace(folder, gone)
    shutil.rmtree(gone, ignore_errors=True)


def was_killed(folder: Path) -> bool:
    """Return whether a window had a project open and did not close it."""
    return (folder / OPEN).exists() and not is_open(folder)


def is_open(folder: Path) -> bool:
    """Return whether a window that lives has a project open."""
    if not (folder / LOCK).exists():
        return False
    try:
        lock = _locked(folder)
    except ReadError:
        return True
    if lock is not None:
        lock.release()
    return False


def _locked(folder: Path) -> FileLock | None:
    """Take the lock of a project, which ends with the process; None if not writable."""
    if not os.access(folder, os.W_OK):
        return None
    lock = FileLock(folder / LOCK, timeout=0, thread_local=False)
    try:
        lock.acquire()
    except Timeout as error:
        raise ReadError(
            f"{folder}: is open in another window; close it there first"
        ) from error
    except OSError:
        return None
    return lock


def _tidy(folder: Path) -> None:
    """Remove what a kill has left of files that were being written."""
    for place in (folder, folder / LABELS, folder / MODELS):
        for room in place.glob(".*"):
            if room.is_dir():
                shutil.rmtree(room, ignore_errors=True)


def _not_copied(folder: str, names: list[str]) -> list[str]:
    return [name for name in names if name.startswith(".") or name == OPEN]
