"""Save painted pixels within two seconds, as small changes, from a thread."""

from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from napari_motionseg.errors import MotionSegError
from napari_motionseg.project.background_work import Chores
from napari_motionseg.project.folder import Project
from napari_motionseg.project.manifest import Manifest
from napari_motionseg.project.mask_corrections_file import MaskCorrections
from napari_motionseg.project.mask_probabilities import MaskProbabilities
from napari_motionseg.project.references import moved
from napari_motionseg.project.watch_list import WatchList
from napari_motionseg.project.watched import WatchedLayer, WatchedLoop

SETTLE_S = 0.3  # seconds to wait after a change, so that strokes are written together
LOOK_EVERY_S = 1.0  # seconds between two comparisons of all layers with the disk
LOOK_SHARE = 0.05  # largest share of the time that comparisons may take


@dataclass(frozen=True)
class SaveStatus:
    """Outcome of the last automatic save.

    Parameters
    ----------
    state
        ``"nothing"`` if there was nothing to save yet, ``"saved"``, or ``"failing"``
        while saving fails and is tried again.
    message
        Cause of the failure in words; empty if saving works.
    at
        Time of the last saved change, in seconds since 1970; None before the first.
    bytes
        Number of bytes of the last saved change.
    seconds
        Duration of the last save in seconds.
    """

    state: str = "nothing"
    message: str = ""
    at: float = 0.0
    bytes: int = 0
    seconds: float = 0.0


class Autosaver(WatchList):
    """Compare layers with the disk, and append the differences to a project.

    Parameters
    ----------
    project
        The project, or a function that creates one when there is something to save.

    Notes
    -----
    Changes are found by comparison with the saved pixels, so undo, a network's masks
    and the changes of a script are saved like strokes. A layer that is painted on
    during the comparison is compared again.
    """

    def __init__(self, project: Project | Callable[[], Project]) -> None:
        super().__init__()
        self._made = project if isinstance(project, Project) else None
        self._make = None if isinstance(project, Project) else project
        self._settings: dict[str, Any] = {}
        self._settings_given = False
        self._settings_are_work = False
        self._saving = threading.Lock()  # held during one comparison of all layers
        self._wake = threading.Condition()
        self._asked = self._answered = 0
        self._touched = self._closing = False
        # a loop that was closed is released as soon as its hash is known
        self._chores = Chores(self.touch)
        self.status = SaveStatus()
        self._thread = threading.Thread(
            target=self._go, name="motionseg autosave", daemon=True
        )
        self._thread.start()

    @property
    def project(self) -> Project | None:
        """The project; None before there is something to save."""
        return self._made

    def keep_settings(self, settings: dict[str, Any]) -> None:
        """Save the settings of the docks, which are JSON values."""
        with self._mutex:
            self._settings, self._settings_given = settings, True

    def keep_work_in_settings(self) -> None:
        """Note that the settings hold a user's work, for which a project is made."""
        with self._mutex:
            self._settings_are_work = True
        self.touch()

    def keep_model(self, path: Path, kind: str, title: str) -> None:
        """Save a copy of a network in the project, as soon as the project exists."""
        self._chores.add_model(path, kind, title)
        self.touch()

    def keep_probabilities(self, key: Hashable, known: MaskProbabilities) -> None:
        """Keep what the masks of a watched layer were made of; see `MaskProbabilities`.

        Nothing happens if the layer is not watched.
        """
        layer = self.layer_of(key)
        if layer is not None:
            self._chores.add_probabilities(layer, known)
            self.touch()

    def keep_corrections(self, key: Hashable, made: MaskCorrections) -> None:
        """Keep the user's corrections of the masks of a watched layer.

        They are written before the corrected masks. Nothing happens if the layer is not
        watched.
        """
        layer = self.layer_of(key)
        if layer is not None:
            layer.corrections = made
            self.touch()

    def start_anew(self, project: Project) -> None:
        """Write all that is watched to another, empty project, and continue there.

        Use it for a project whose folder is gone, because the painted pixels are still
        in memory.

        Parameters
        ----------
        project
            An empty project.
        """
        with self._saving, self._mutex:
            before, self._made = self._made, project
            if before is not None:
                project.update(_loops_alone(before, project))
                before.close()
            for layer in self._layers.values():
                layer.forget()
        self.touch()

    def touch(self) -> None:
        """Report that something has changed."""
        with self._wake:
            self._touched = True
            self._wake.notify_all()

    def flush(self, patience_s: float = 10.0, *, chores_too: bool = True) -> bool:
        """Save now, and return whether everything is on the disk.

        Parameters
        ----------
        patience_s
            Longest time to wait, in seconds.
        chores_too
            Whether to wait also for hashes and networks, which take seconds.
        """
        with self._wake:
            self._asked += 1
            mine = self._asked
            self._wake.notify_all()
            self._wake.wait_for(lambda: self._answered >= mine, patience_s)
            done = self._answered >= mine
        done = done and (not chores_too or self._chores.wait(patience_s))
        return done and self.status.state != "failing"

    def close(self, patience_s: float = 10.0) -> None:
        """Save a last time, end the thread and close the project."""
        if self._closing:
            return
        self.flush(patience_s)
        with self._wake:
            self._closing = True
            self._wake.notify_all()
        self._thread.join(patience_s)
        self._chores.close(patience_s)
        if self._made is not None:
            self._made.close()

    def _go(self) -> None:
        took = 0.0
        while not self._closing:
            pause = max(LOOK_EVERY_S, took / LOOK_SHARE)
            with self._wake:
                self._wake.wait_for(self._wanted, pause)
                asked = self._asked
                hurried = self._closing or asked > self._answered
                if self._touched and not hurried:
                    # a flush ends the wait early
                    self._wake.wait_for(self._hurried, SETTLE_S)
                    asked = self._asked
                self._touched = False
            started = time.perf_counter()
            self._try()
            took = time.perf_counter() - started
            with self._wake:
                self._answered = asked
                self._wake.notify_all()

    def _wanted(self) -> bool:
        return self._touched or self._hurried()

    def _hurried(self) -> bool:
        return self._closing or self._asked > self._answered

    def _try(self) -> None:
        try:
            with self._saving:
                self._save()
        except MotionSegError as error:
            self.status = SaveStatus("failing", str(error), self.status.at)
        except Exception as error:  # noqa: BLE001 - later strokes must still be saved
            words = f"unexpected failure: {type(error).__name__}: {error}"
            self.status = SaveStatus("failing", words, self.status.at)

    def _save(self) -> None:
        started = time.perf_counter()
        with self._mutex:
            layers = list(self._layers.values())
            loops = list(self._loops.values())
            gone = [layer for layer in layers if layer.gone]
        stacks = [(layer, *layer.pixels()) for layer in layers]
        if self._made is None:
            painted = any(layer.is_new_work(stack) for layer, stack, _ in stacks)
            if not painted and not self._settings_are_work:
                self._forget(gone)
                self._chores.forget(gone)
                return
            self._made = self._make() if self._make is not None else None
        project = self._made
        if project is None:
            return
        with project.exclusive():
            project.update(self._entered(project, loops, stacks))
        _keep_new_corrections(project, layers)
        changes = [
            (layer, stack.shape, layer.changes(stack)) for layer, stack, _ in stacks
        ]
        deltas = [delta for _, _, some in changes for delta in some]
        written = project.append(deltas) if deltas or project.torn else 0
        for layer, shape, some in changes:
            layer.kept(some, shape)
        self._forget_gone(project, gone)
        self._chores.do(project, loops)
        if self._chores.error:
            self.status = SaveStatus("failing", self._chores.error, self.status.at)
        elif written or self.status.state != "saved":
            took = time.perf_counter() - started
            at = time.time() if written or not self.status.at else self.status.at
            self.status = SaveStatus("saved", "", at, written, took)

    def _entered(
        self, project: Project, loops: list[WatchedLoop], stacks: list[Any]
    ) -> Manifest:
        """Return the manifest with all watched loops and layers."""
        manifest = project.manifest
        for one in (*loops, *(layer for layer, _, _ in stacks)):
            # the number was given in a pass whose manifest could not be written
            one.forget_number_unless_in(manifest)
        for loop in loops:
            manifest = loop.enter(manifest, project.folder)
        for layer, stack, flat in stacks:
            manifest = layer.enter(manifest, stack, flat)
        if self._settings_given:
            manifest = manifest.with_settings(self._settings)
        return manifest

    def _forget_gone(self, project: Project, gone: list[WatchedLayer]) -> None:
        """Forget layers after their last save; drop pixels that are not needed."""
        self._forget(gone)
        self._chores.forget(gone)
        with project.exclusive():
            manifest = project.manifest
            for layer in gone:
                if layer.number is not None and not layer.detached:
                    manifest = manifest.without_layer(layer.number)
            project.update(manifest)
            for loop in list(self._loops.values()):
                if loop.gone:
                    loop.let_go(manifest)
        left = {layer.number for layer in manifest.layers}
        for layer in gone:
            if layer.number is not None and layer.number not in left:
                project.drop_probabilities(layer.number)


def _keep_new_corrections(project: Project, layers: list[WatchedLayer]) -> None:
    for layer in layers:
        made = layer.new_corrections()
        if made is not None and layer.number is not None:
            project.keep_corrections(layer.number, made)
            layer.corrections_kept(made)


def _loops_alone(before: Project, project: Project) -> Manifest:
    """Return a manifest with only the loops of a project whose other files are gone."""
    loops = tuple(
        dataclasses.replace(
            moved(loop, before.folder, project.folder), stored="",
            content="" if loop.stored else loop.content,
        )
        for loop in before.manifest.loops
    )  # fmt: skip
    return dataclasses.replace(before.manifest, loops=loops, layers=(), models=())
