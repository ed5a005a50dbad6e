"""Hold a project on disk: open in one window at a time, and always readable.

::

    NAME.motionseg/
      project.json          list of loops, layers and models; see `manifest`
      labels/000007.blocks  all pixels up to journal 7; see `journal`
      labels/000008.journal changes since then
      loops/1.npz           pixels of loops that do not come from a file
      models/               networks that were trained in the project
      probabilities/3.npz   what the masks of layer 3 were made of
      probabilities/3.corrections.npz   what the user has corrected in them
      open                  there while a window has it open, or one was killed

Only one window writes to a journal; the next window begins its own. The newest blocks
count, and the journals that are newer than these blocks. Older files that a crash left
behind are ignored.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from napari_motionseg.cine import Cine
from napari_motionseg.errors import WriteError
from napari_motionseg.io.locks import FileLock
from napari_motionseg.io.reading import MEMORY_BUDGET
from napari_motionseg.io.regular_files import is_regular
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
from napari_motionseg.project.mask_corrections_file import (
    MaskCorrections,
    corrections_file,
    store_corrections,
)
from napari_motionseg.project.mask_probabilities import (
    MaskProbabilities,
    file_of,
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
    """An open project. Any thread may use it; see `HeldFolder`.

    Use `Project.create` or `Project.open` to get one.
    """

    def __init__(self, folder: Path, manifest: Manifest, lock: FileLock | None) -> None:
        super().__init__(folder, manifest, lock)
        self._labels = LabelStore(folder)

    @classmethod
    def create(cls, folder: str | Path) -> Project:
        """Create an empty project.

        Parameters
        ----------
        folder
            Path of the new folder, to which ``.motionseg`` is added if it is missing.

        Raises
        ------
        WriteError
            If the path exists, or the folder cannot be created.
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
            Whether the project is only read, which several windows may do at once.

        Raises
        ------
        ReadError
            If it is not a project, is damaged, contains symbolic links in place of its
            files, was written by a newer version, or is open in another window.
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
            # only after locking: before that, another window may write the manifest
            project = cls(folder, read_manifest(folder), lock)
        except BaseException:
            if lock is not None:
                lock.release()
            raise
        if lock is None:
            project.notes.append(
                f"{folder} cannot be written, so changes stay in memory until you save "
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
        """Whether the disk may hold changes that were reported as failed.

        See `Journal`.
        """
        return self._labels.torn

    def read_layers(
        self, *, memory_budget: int = MEMORY_BUDGET
    ) -> dict[int, NDArray[Any]]:
        """Return the pixels ``(T, H, W)`` of every layer by its number.

        Parameters
        ----------
        memory_budget
            Number of bytes that the pixels of all layers, and the files that they are
            read from, may each take.

        Raises
        ------
        MemoryBudgetError
            If the layers need more than the budget; nothing is read then.
        ReadError
            If a file cannot be read.
        """
        pixels, notes = read_pixels(self.folder, self._manifest, memory_budget)
        self.notes += notes
        return pixels

    def add_model(self, path: Path, kind: str, title: str) -> ModelRecord:
        """Copy the file of a network into the project; existing copies are kept.

        Raises
        ------
        WriteError
            If the file cannot be copied.
        """
        with self._placing:  # or the copy lands in the old folder after a move
            self.require_writable()
            known = self._manifest.models
            record = keep_model(path, self.folder / MODELS, known, kind, title)
            with self._mutex:
                others = [m for m in self._manifest.models if m.file != record.file]
                changed = dataclasses.replace(self._manifest, models=(*others, record))
                self.update(changed)
        return record

    def add_loop_content(self, number: int, cine: Cine) -> None:
        """Store the hash of a loop, and its pixels if it does not come from a file.

        Parameters
        ----------
        number
            Number of the loop in the project.
        cine
            The loop whose hash is stored.

        Raises
        ------
        WriteError
            If the pixels cannot be written.
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
            If the project cannot be written.
        """
        with self._placing:
            self.require_writable()
            store_probabilities(self.folder, number, known)

    def keep_corrections(self, number: int, made: MaskCorrections) -> None:
        """Keep the user's corrections of masks, or raise a `WriteError`."""
        with self._mutex:
            self.require_writable()
            store_corrections(self.folder, number, made)

    def drop_probabilities(self, number: int) -> None:
        """Delete probabilities and corrections of masks that have left the project."""
        with self._placing:
            for of in (file_of, corrections_file):
                file = of(self.folder, number)
                if self.writable and is_regular(file, follow_links=False):
                    with suppress(OSError):
                        file.unlink()

    def model_path(self, record: ModelRecord) -> Path:
        """Return the path of a network's copy in the project."""
        return self.folder / MODELS / record.file

    def bytes_on_disk(self) -> int:
        """Return the size of the label files in bytes."""
        return self._labels.bytes_on_disk()

    def wants_compaction(self) -> bool:
        """Return whether the journals have outgrown the pixels themselves."""
        return self._labels.wants_compaction()

    def compact(self) -> None:
        """Rewrite the pixels with one record for each frame, and delete older files.

        Only files are read. Changes that are appended meanwhile go to the next journal,
        and a kill at any moment leaves either the old or the new files.

        Raises
        ------
        WriteError
            If the files cannot be written; everything is then as before.
        """
        with self._placing:
            self.require_writable()
            with self._mutex:
                upto = self._labels.next_journal()
                layers = self._manifest.layers
            rewrite_blocks(self.folder, upto, layers)

    def move(self, folder: str | Path) -> None:
        """Move the project to another folder and continue there.

        Files in the old folder that do not belong to the project stay there, and a note
        says so.
        A project whose folder cannot be written is copied, and the old one stays.

        Parameters
        ----------
        folder
            Path of the new folder, to which ``.motionseg`` is added if it is missing.

        Raises
        ------
        WriteError
            If the path exists or cannot be written; the project then stays where it is.
        ReadError
            If the old folder no longer exists.
        """
        folder = named(Path(folder))
        if os.path.lexists(folder):
            raise WriteError(f"{folder}: exists already; choose another name")
        with self._placing, self._mutex:
            before, old_lock, old_manifest = self.folder, self._lock, self._manifest
            self.require_there()
            # changes that were reported as failed are not copied
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
                        f"{before}: files there that do not belong to the project were "
                        "left where they are"
                    )
                old_lock.release()


def named(folder: Path) -> Path:
    """Return a path with ``.motionseg`` added if it is missing."""
    if folder.suffix == SUFFIX:
        return folder
    return folder.with_name(folder.name + SUFFIX)
