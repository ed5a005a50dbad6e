"""Do slow work of a project in the background: hashes, pixels, networks, compaction.

Each task takes seconds, so none of them may delay the saving of strokes.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

from napari_motionseg.errors import MotionSegError
from napari_motionseg.project.folder import Project
from napari_motionseg.project.mask_probabilities import MaskProbabilities
from napari_motionseg.project.watched import WatchedLayer, WatchedLoop


class Chores:
    """Background tasks of a project, one at a time in a thread.

    A task that fails is repeated.

    Parameters
    ----------
    done
        Function that is called, in the thread, when tasks have succeeded.

    Attributes
    ----------
    error
        Cause of the last failure in words; empty if the last tasks succeeded.
    """

    def __init__(self, done: Callable[[], None] = lambda: None) -> None:
        self._done = done
        self._running: threading.Thread | None = None
        self._models: list[tuple[Path, str, str]] = []
        self._probabilities: dict[WatchedLayer, MaskProbabilities] = {}
        self._mutex = threading.Lock()
        self._closing = False
        self.error = ""

    def add_model(self, path: Path, kind: str, title: str) -> None:
        """Register a network, whose file the next run copies into the project."""
        with self._mutex:
            self._models.append((path, kind, title))

    def add_probabilities(self, layer: WatchedLayer, known: MaskProbabilities) -> None:
        """Have the probabilities of masks kept once the project has their layer."""
        with self._mutex:
            self._probabilities[layer] = known

    def forget(self, layers: Iterable[WatchedLayer]) -> None:
        """Drop what is to be kept of layers that are no longer watched.

        It would hold the layer and its loop in memory.
        """
        with self._mutex:
            for layer in layers:
                self._probabilities.pop(layer, None)

    def do(self, project: Project, loops: list[WatchedLoop]) -> None:
        """Start the pending tasks, unless they are running already."""
        if self._closing or (self._running is not None and self._running.is_alive()):
            return
        some = self._models or self._storable() or _unfinished(project, loops)
        if some or project.wants_compaction():
            thread = threading.Thread(
                target=self._try, args=(project, loops), name="motionseg chores",
                daemon=True,
            )  # fmt: skip
            # raised while Python exits; the remaining tasks are done at the next
            # opening
            with suppress(RuntimeError):
                thread.start()
                self._running = thread

    def wait(self, patience_s: float) -> bool:
        """Wait for running tasks, and return whether they have finished."""
        if self._running is not None:
            self._running.join(patience_s)
        return self._running is None or not self._running.is_alive()

    def close(self, patience_s: float) -> None:
        """Start no further tasks, and wait for running ones."""
        self._closing = True
        self.wait(patience_s)

    def _try(self, project: Project, loops: list[WatchedLoop]) -> None:
        try:
            for loop in _unfinished(project, loops):
                if not self._closing:
                    _finish(project, loop)
            while self._models and not self._closing:
                project.add_model(*self._models[0])
                with self._mutex:
                    self._models.pop(0)
            for layer, number in self._storable():
                if not self._closing:
                    self._store(project, layer, number)
            if project.wants_compaction() and not self._closing:
                project.compact()
            self.error = ""
            self._done()
        except (MotionSegError, OSError) as error:
            self.error = str(error)

    def _storable(self) -> list[tuple[WatchedLayer, int]]:
        with self._mutex:
            waiting = list(self._probabilities)
        return [(x, x.number) for x in waiting if x.number is not None and not x.gone]

    def _store(self, project: Project, layer: WatchedLayer, number: int) -> None:
        known = self._probabilities.get(layer)
        if known is None:  # the layer was deleted in the meantime
            return
        project.add_probabilities(number, known)
        with self._mutex:
            if self._probabilities.get(layer) is known:
                del self._probabilities[layer]


def _unfinished(project: Project, loops: list[WatchedLoop]) -> list[WatchedLoop]:
    return [
        loop
        for loop in loops
        if loop.number is not None
        and loop.cine is not None
        and not project.manifest.loop(loop.number).content
    ]


def _finish(project: Project, loop: WatchedLoop) -> None:
    cine = loop.cine  # another thread may set it to None
    if loop.number is not None and cine is not None:
        project.add_loop_content(loop.number, cine)
