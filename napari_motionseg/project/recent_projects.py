"""List recently opened projects, and unsaved work that can be recovered."""

from __future__ import annotations

import datetime
import json
import os
import uuid
from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from platformdirs import user_data_dir

from napari_motionseg.errors import MotionSegError, ReadError, WriteError
from napari_motionseg.io.atomic import replacing
from napari_motionseg.io.json_files import read_json
from napari_motionseg.io.regular_files import is_regular
from napari_motionseg.io.temporary import clear_leftovers
from napari_motionseg.project.folder import SUFFIX, Project
from napari_motionseg.project.label_files import label_files
from napari_motionseg.project.manifest import FILE, read_manifest
from napari_motionseg.project.own_files import remove_project
from napari_motionseg.project.window_lock import is_open, locked, was_killed

VARIABLE = "MOTIONSEG_STATE"
MOST = 12  # projects that the list keeps
LARGEST_LIST = 2**20  # bytes of the file with the list
UNSAVED = "unsaved"  # folder of projects without a name


@dataclass(frozen=True)
class Recoverable:
    """Work that was not closed properly, or was never saved under a name.

    Parameters
    ----------
    folder
        Path of the project.
    when
        Time of its last change.
    layers
        Names of the painted layers.
    unsaved
        Whether it never got a name.
    loops
        Paths of the files of the loops that were painted on.
    """

    folder: Path
    when: datetime.datetime
    layers: tuple[str, ...]
    unsaved: bool
    loops: tuple[Path, ...] = ()

    def is_about(self, sources: Collection[Path]) -> bool:
        """Return whether one of the loops was read from one of these paths."""
        mine = {os.path.normpath(path) for path in self.loops}
        return any(os.path.normpath(path.resolve()) in mine for path in sources)

    def words(self) -> str:
        """Describe the work in a sentence for the user."""
        day = self.when.strftime("%d %B, %H:%M").lstrip("0")
        what = ", ".join(self.layers)
        if self.unsaved:
            return f"{what}: painted until {day} and not saved as a project yet."
        name = self.folder.stem
        return f"{what}: project {name!r} was not closed properly on {day}."


class RecentProjects:
    """The list of recently opened projects.

    Parameters
    ----------
    folder
        Folder with the list, and with the work that has no name yet.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)

    @classmethod
    def default(cls) -> RecentProjects:
        """Return the user's list; ``MOTIONSEG_STATE`` may name another folder."""
        wanted = os.environ.get(VARIABLE, "").strip()
        return cls(wanted or user_data_dir("napari-motionseg", appauthor=False))

    def paths(self) -> list[Path]:
        """Return the existing projects, the latest first."""
        return [path for path in self._listed() if is_regular(path / FILE)]

    def add(self, folder: Path) -> None:
        """Put a project first in the list.

        A list that cannot be written is left as it is.
        """
        if self.is_unsaved(folder):
            return
        folder = folder.resolve()
        others = [path for path in self._listed() if path != folder]
        names = [str(path) for path in (folder, *others)][:MOST]
        try:
            with replacing(self.folder / "recent.json") as temporary:
                temporary.write_text(json.dumps(names, indent=1), encoding="utf-8")
        except WriteError:
            return  # the list is a convenience, and not worth an interruption

    def new_unsaved(self) -> Project:
        """Create a project for work that has no name yet.

        Raises
        ------
        WriteError
            If it cannot be created.
        """
        clear_leftovers(self.folder / UNSAVED)
        today = datetime.datetime.now().strftime("%Y-%m-%d")
        name = f"{today}-{uuid.uuid4().hex[:8]}{SUFFIX}"
        return Project.create(self.folder / UNSAVED / name)

    def is_unsaved(self, folder: Path) -> bool:
        """Return whether a project has no name yet."""
        return folder.resolve().parent == (self.folder / UNSAVED).resolve()

    def recoverable(self) -> list[Recoverable]:
        """Return recoverable work that no window has open, the latest first."""
        unsaved = [f for f in self._unsaved() if not is_open(f)]
        killed = [path for path in self.paths() if was_killed(path)]
        found = [self._described(folder) for folder in (*unsaved, *killed)]
        waiting = [item for item in found if item is not None and item.layers]
        return sorted(waiting, key=lambda item: item.when, reverse=True)

    def discard(self, folder: Path) -> None:
        """Delete work that never got a name; nothing else is ever deleted.

        Files in its folder that this program did not write stay.

        Raises
        ------
        WriteError
            If the project has a name, or cannot be written.
        ReadError
            If it is open in another window, or is no longer a project.
        """
        if not self.is_unsaved(folder):
            raise WriteError(f"{folder}: is a saved project; delete its folder by hand")
        lock = locked(folder)
        if lock is None:
            raise WriteError(f"{folder}: cannot be written, so it is not deleted")
        try:
            remove_project(folder, read_manifest(folder))
        finally:
            lock.release()

    def _described(self, folder: Path) -> Recoverable | None:
        try:
            manifest = read_manifest(folder)
        except MotionSegError:
            return None
        layers = tuple(layer.name for layer in manifest.layers if not layer.removed)
        painted_on = {layer.loop for layer in manifest.layers if not layer.removed}
        loops = tuple(
            folder.resolve() / loop.path
            for loop in manifest.loops
            if loop.path and loop.number in painted_on
        )
        return Recoverable(
            folder, _changed(folder), layers, self.is_unsaved(folder), loops
        )

    def _listed(self) -> list[Path]:
        try:
            names = read_json(self.folder / "recent.json", LARGEST_LIST)
        except ReadError:
            return []
        if not isinstance(names, list):
            return []
        return [Path(name) for name in names if isinstance(name, str)]

    def _unsaved(self) -> Iterator[Path]:
        folder = self.folder / UNSAVED
        found = folder.glob(f"*{SUFFIX}")
        return (path for path in found if is_regular(path / FILE, follow_links=False))


def _changed(folder: Path) -> datetime.datetime:
    times = [0.0]
    for file in (folder / FILE, *label_files(folder)):
        with suppress(OSError):  # compacted or discarded meanwhile
            times.append(file.lstat().st_mtime)
    latest = max(times)
    return datetime.datetime.fromtimestamp(latest)
