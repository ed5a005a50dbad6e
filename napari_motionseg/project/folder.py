"""A project on disk: opened by one window at a time, always readable, never half.

::

    NAME.motionseg/
      project.json          which loops, layers, models; see `manifest`
      labels/000007.blocks  all pixels up to journal 7; see `journal`
      labels/000008.journal what has changed since
      loops/1.npz           pixels of loops that came from no file
      models/               networks that were trained in the project
      probabilities/3.npz   what the masks of layer 3 were made of
      open                  there while a window has it open, or one was killed

A journal is written to by one window only; the next one begins its own. Of blocks the
newest count, and of journals those that are newer than they are: whatever a crash
leaves behind of older ones is not looked at.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from napari_motionseg.cine import Cine
from napari_motionseg.errors import WriteError
from napari_motionseg.io.locks import FileLock
from napari_motionseg.io.reading import MEMORY_BUDGET
from napari_motionseg.project.compaction import rewrite_blocks
from napari_motionseg.project.held_folder import HeldFolder
from napari_motionseg.project.journal import Delta
from napari_motionseg.project.label_store import LabelStore
from napari_motionseg.project.layer_pixels import read_pixels
from napari_motionseg.project.manifest import (
    Manifest,
    ModelRecord,
    read_manifest,
    write_manifest,
)
from napari_motionseg.project.mask_probabilities import (
    MaskProbabilities,
    store_probabilities,
)
from napari_motionseg.project.model_files import keep_model
from napari_motionseg.project.own_files import (
    MODELS,
    OPEN,
    note_open,
    remove_project,
    require_own_places,
    tidy,
)
from napari_motionseg.project.relocation import copy_project, make_project_folder
from napari_motionseg.project.stored_pixels import store_pixels
from napari_motionseg.project.window_lock import is_open, locked, was_killed

__all__ = ["OPEN", "SUFFIX", "Project", "is_open", "named", "was_killed"]
SUFFIX = ".motionseg"


class Project(HeldFolder):
    """A project that is open. Any thread may use it; see `HeldFolder`.

    Made by `Project.create` and `Project.open`.
    """

    def __init__(self, folder: Path, manifest: Manifest, lock: FileLock | None) -> None:
        super().__init__(folder, manifest, lock)
        self._labels = LabelStore(folder)

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

    def append(self, deltas: Iterable[Delta]) -> int:
        """Append changed pixels to the labels on disk; see `LabelStore.append`."""
        with self._mutex:
            self.require_writable()
            return self._labels.append(deltas)

    @property
    def torn(self) -> bool:
        """Whether the disk may hold changes that it has refused; see `Journal`."""
        return self._labels.torn

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
            self.require_writable()
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
            self.require_writable()
            stored = ""
            if cine.source is None:
                stored = store_pixels(cine, self.folder, number)
            with self._mutex:
                record = self._manifest.loop(number)
                record = dataclasses.replace(record, content=content, stored=stored)
                self.update(self._manifest.with_loop(record))

    def add_probabilities(self, number: int, known: MaskProbabilities) -> None:
        """Keep the probabilities that the masks of a layer were made of.

        Raises
        ------
        WriteError
            If the disk refuses.
        """
        with self._placing:
            self.require_writable()
            store_probabilities(self.folder, number, known)

    def model_path(self, record: ModelRecord) -> Path:
        """Return the file of a network."""
        return self.folder / MODELS / record.file

    def bytes_on_disk(self) -> int:
        """Return the size of the label files in bytes."""
        return self._labels.bytes_on_disk()

    def wants_compaction(self) -> bool:
        """Return whether the journals have outgrown the pixels themselves."""
        return self._labels.wants_compaction()

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
            self.require_writable()
            with self._mutex:
                upto = self._labels.next_journal()
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
            # what the disk refused, and would not take back, is not copied
            cuts = self._labels.cuts()
            manifest = copy_project(before, old_manifest, folder, cuts)
            lock = locked(folder)
            self.folder, self._manifest, self._lock = folder, manifest, lock
            self.writable = lock is not None
            self._labels = LabelStore(folder)
            note_open(folder)
            if old_lock is not None:
                if not remove_project(before, old_manifest):
                    self.notes.append(
                        f"{before}: the files there that are not the project's were "
                        "left where they are"
                    )
                old_lock.release()


def named(folder: Path) -> Path:
    """Return a path that ends as projects do."""
    if folder.suffix == SUFFIX:
        return folder
    return folder.with_name(folder.name + SUFFIX)
