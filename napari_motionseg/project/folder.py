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
import os
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from napari_motionseg.cine import Cine
from napari_motionseg.errors import ReadError, WriteError
from napari_motionseg.io.locks import FileLock
from napari_motionseg.io.reading import MEMORY_BUDGET
from napari_motionseg.project.compaction import rewrite_blocks, sizes
from napari_motionseg.project.journal import Delta, Journal
from napari_motionseg.project.label_files import (
    JOURNAL,
    LABELS,
    next_number,
)
from napari_motionseg.project.layer_pixels import read_pixels
from napari_motionseg.project.manifest import (
    Manifest,
    ModelRecord,
    read_manifest,
    write_manifest,
)
from napari_motionseg.project.model_files import keep_model
from napari_motionseg.project.own_files import (
    LOCK,
    MODELS,
    OPEN,
    note_closed,
    note_open,
    remove_project,
    require_own_places,
    tidy,
)
from napari_motionseg.project.relocation import copy_project, make_project_folder
from napari_motionseg.project.stored_pixels import store_pixels
from napari_motionseg.project.window_lock import (
    is_open,
    locked,
    require_guarded,
    was_killed,
)

__all__ = ["OPEN", "SUFFIX", "Project", "is_open", "named", "was_killed"]
SUFFIX = ".motionseg"
LEAST_TO_COMPACT = 2**20  # bytes; a smaller journal is read in no time
_TRIES = 8  # where other windows write or delete at the same moment


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
        self._placing = threading.Lock()  # held while files beside the journal change
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
        make_project_folder(folder)
        write_manifest(folder, Manifest())
        return cls._opened(folder)

    @classmethod
    def open(cls, folder: str | Path, *, read_only: bool = False) -> Project:
        """Open a project.

        Parameters
        ----------
        folder
            Path of the project.
        read_only
            Whether it is only looked at, which many may do at once.

        Raises
        ------
        ReadError
            If it is no project, is damaged, holds symbolic links where its own files
            belong, was written by a newer version, or is open in another window.
        """
        folder = Path(folder)
        manifest = read_manifest(folder)
        require_own_places(folder)
        if read_only:
            return cls(folder, manifest, None)
        return cls._opened(folder)

    @classmethod
    def _opened(cls, folder: Path) -> Project:
        lock = locked(folder)
        try:
            # not before the lock is held: until then another window may write it
            project = cls(folder, read_manifest(folder), lock)
        except BaseException:
            if lock is not None:
                lock.release()
            raise
        if lock is None:
            project.notes.append(
                f"{folder} cannot be written: changes stay in memory until you save "
                "the project elsewhere"
            )
            return project
        tidy(folder)
        note_open(folder)
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
            with _refusals_named(self.folder):
                (self.folder / LABELS).mkdir(exist_ok=True)
                return self._append(list(deltas))

    @property
    def torn(self) -> bool:
        """Whether the disk may hold changes that it has refused; see `Journal`."""
        return self._journal.torn

    def _append(self, deltas: list[Delta]) -> int:
        for _ in range(_TRIES):
            try:
                return self._journal.append(deltas)
            except FileExistsError:  # not ours: made by somebody else since we looked
                self._begin_journal()
        raise OSError(None, "other programs write to its folder 'labels'")

    def read_layers(
        self, *, memory_budget: int = MEMORY_BUDGET
    ) -> dict[int, NDArray[Any]]:
        """Return the pixels ``(T, H, W)`` of every layer, by its number.

        Parameters
        ----------
        memory_budget
            Bytes that the pixels of all layers, and the files that they are read from,
            may each take.

        Raises
        ------
        MemoryBudgetError
            If the layers are larger; then nothing is read.
        ReadError
            If a file cannot be read.
        """
        pixels, notes = read_pixels(self.folder, self._manifest, memory_budget)
        self.notes += notes
        return pixels

    def add_model(self, path: Path, kind: str, title: str) -> ModelRecord:
        """Keep a copy of a network's file; none takes the place of another.

        Raises
        ------
        WriteError
            If it cannot be copied.
        """
        with self._placing:  # or it lies in the old folder after a move
            self._require_writable()
            known = self._manifest.models
            record = keep_model(path, self.folder / MODELS, known, kind, title)
            with self._mutex:
                others = [m for m in self._manifest.models if m.file != record.file]
                changed = dataclasses.replace(self._manifest, models=(*others, record))
                self.update(changed)
        return record

    def add_loop_content(self, number: int, cine: Cine) -> None:
        """Keep what tells a loop from others, and its pixels if it is from no file.

        Parameters
        ----------
        number
            Number of the loop in the project.
        cine
            The loop.

        Raises
        ------
        WriteError
            If the disk refuses.
        """
        content = cine.content_hash()
        with self._placing:
            self._require_writable()
            stored = ""
            if cine.source is None:
                stored = store_pixels(cine, self.folder, number)
            with self._mutex:
                record = self._manifest.loop(number)
                record = dataclasses.replace(record, content=content, stored=stored)
                self.update(self._manifest.with_loop(record))

    def model_path(self, record: ModelRecord) -> Path:
        """Return the file of a network."""
        return self.folder / MODELS / record.file

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
        with self._placing:
            self._require_writable()
            with self._mutex:
                upto = self._next_journal()
                layers = self._manifest.layers
            rewrite_blocks(self.folder, upto, layers)

    def move(self, folder: str | Path) -> None:
        """Put the project elsewhere; it goes on there.

        Files in the old folder that are not the program's own stay there, and a note
        says so. A project that cannot be written stays where it is too.

        Parameters
        ----------
        folder
            Path of the new folder; ends in ``.motionseg``, or is given that end.

        Raises
        ------
        WriteError
            If something is there already, or the disk refuses; then it stays.
        ReadError
            If the old folder is not there any more.
        """
        folder = named(Path(folder))
        if os.path.lexists(folder):
            raise WriteError(f"{folder}: is there already; choose another name")
        with self._placing, self._mutex:
            before, old_lock, old_manifest = self.folder, self._lock, self._manifest
            self.require_there()
            journal = self._journal
            with suppress(OSError):
                journal.heal()
            # what the disk refused, and would not take back, is not copied
            cut = {journal.path: journal.size} if journal.torn else {}
            manifest = copy_project(before, old_manifest, folder, cut)
            lock = locked(folder)
            self.folder, self._manifest, self._lock = folder, manifest, lock
            self.writable = lock is not None
            self._begin_journal()
            note_open(folder)
            if old_lock is not None:
                if not remove_project(before, old_manifest):
                    self.notes.append(
                        f"{before}: the files there that are not the project's were "
                        "left where they are"
                    )
                old_lock.release()

    def close(self) -> None:
        """Say that nothing is open here any more; what was appended is on disk."""
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

    def _next_journal(self) -> int:
        """Begin a journal; return the number of the one before, which is complete."""
        with _refusals_named(self.folder):
            self._journal.heal()
        before = int(self._journal.path.stem)
        self._begin_journal(before)
        return before

    def _begin_journal(self, after: int = 0) -> None:
        number = max(next_number(self.folder), after + 1)
        name = f"{number:06d}{JOURNAL}"
        self._journal = Journal(self.folder / LABELS / name)

    def _require_writable(self) -> None:
        if not self.writable:
            raise WriteError(
                f"{self.folder} cannot be written: save the project elsewhere"
            )
        try:
            self.require_there()
        except ReadError as error:
            raise WriteError(str(error)) from error


@contextmanager
def _refusals_named(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = error.strerror or error
        raise WriteError(f"cannot write to {folder}: {reason}") from error


def named(folder: Path) -> Path:
    """Return a path that ends as projects do."""
    if folder.suffix == SUFFIX:
        return folder
    return folder.with_name(folder.name + SUFFIX)
