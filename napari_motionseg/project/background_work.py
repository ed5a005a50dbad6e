"""What a project does beside saving strokes: hashes, pixels, networks, compaction.

Each takes seconds, so that none may stand between a stroke and the disk.
"""

from __future__ import annotations

import threading
from contextlib import suppress
from pathlib import Path

from napari_motionseg.errors import MotionSegError
from napari_motionseg.project.folder import Project
from napari_motionseg.project.mask_probabilities import MaskProbabilities
from napari_motionseg.project.watched import WatchedLayer, WatchedLoop


class Chores:
    """One at a time, in a thread; what fails is tried again.

    Attributes
    ----------
    error
        What the last ones failed with, in words; empty if they did not.
    """

    def __init__(self) -> None:
        self._running: threading.Thread | None = None
        self._models: list[tuple[Path, str, str]] = []
        self._probabilities: dict[WatchedLayer, MaskProbabilities] = {}
        self._mutex = threading.Lock()
        self._closing = False
        self.error = ""

    def add_model(self, path: Path, kind: str, title: str) -> None:
        """Have a network kept the next time that chores are done."""
        with self._mutex:
            self._models.append((path, kind, title))

    def add_probabilities(self, layer: WatchedLayer, known: MaskProbabilities) -> None:
        """Have the probabilities of masks kept once the project has their layer."""
        with self._mutex:
            self._probabilities[layer] = known

    def do(self, project: Project, loops: list[WatchedLoop]) -> None:
        """Do what there is to do, unless it is being done."""
        if self._closing or (self._running is not None and self._running.is_alive()):
            return
        some = self._models or self._storable() or _unfinished(project, loops)
        if some or project.wants_compaction():
            thread = threading.Thread(
                target=self._try, args=(project, loops), name="motionseg chores",
                daemon=True,
            )  # fmt: skip
            # refused when Python ends: what is left is done when it is opened again
            with suppress(RuntimeError):
                thread.start()
                self._running = thread

    def wait(self, patience_s: float) -> bool:
        """Wait for what runs; return whether it came to its end."""
        if self._running is not None:
            self._running.join(patience_s)
        return self._running is None or not self._running.is_alive()

    def close(self, patience_s: float) -> None:
        """Do nothing more, and let what runs come to its end."""
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
        except (MotionSegError, OSError) as error:
            self.error = str(error)

    def _storable(self) -> list[tuple[WatchedLayer, int]]:
        with self._mutex:
            waiting = list(self._probabilities)
        return [(x, x.number) for x in waiting if x.number is not None]

    def _store(self, project: Project, layer: WatchedLayer, number: int) -> None:
        known = self._probabilities[layer]
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
    cine = loop.cine  # another thread may let it go
    if loop.number is not None and cine is not None:
        project.add_loop_content(loop.number, cine)
