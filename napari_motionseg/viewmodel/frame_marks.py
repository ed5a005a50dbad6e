"""Mark the frames of a loop as done, labelled, or being computed.

A frame without masks may be empty or not segmented yet. The marks tell the two apart.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, ClassVar
from weakref import ReferenceType, ref

from psygnal import Signal

from napari_motionseg.jobs import Progress


class FrameMarks:
    """Marks of the frames of one loop: the last one that a job or the user worked on.

    Attributes
    ----------
    changed
        Emitted after any change.
    count
        Number of frames of the loop; 0 if nothing is marked.
    title
        Description of the job, such as ``"Segmenting loop 1"``.
    running
        Whether a job works on the frames.
    done
        Indices of the frames that a job has completed.
    labelled
        Indices of the frames that the user has labelled.
    current
        Index of the frame that is being computed, or None.
    """

    changed: ClassVar[Signal] = Signal()

    def __init__(self) -> None:
        self._loop: ReferenceType[Any] | None = None
        self.clear()

    @property
    def loop(self) -> Any:
        """The layer of the loop, or None if nothing is marked or the layer is gone."""
        return None if self._loop is None else self._loop()

    def clear(self) -> None:
        """Remove all marks."""
        self._loop = None
        self.count, self.title, self.running = 0, "", False
        self.done: set[int] = set()
        self.labelled: frozenset[int] = frozenset()
        self.current: int | None = None
        self.changed.emit()

    def look_at(self, loop: Any, count: int) -> bool:
        """Mark another loop from now on, unless a job works on the present one.

        Parameters
        ----------
        loop
            The layer of the loop, which is held weakly.
        count
            Number of frames of the loop.

        Returns
        -------
        bool
            Whether the marks are those of this loop now.
        """
        if self.loop is loop and self.count == count:
            return True
        if self.running:
            return False
        self.clear()
        self._loop, self.count = ref(loop), count
        self.changed.emit()
        return True

    def begin(
        self,
        loop: Any,
        count: int,
        title: str,
        done: Collection[int] = (),
        current: int | None = None,
    ) -> None:
        """Record that a job starts to work on a loop.

        Parameters
        ----------
        loop
            The layer of the loop, which is held weakly.
        count
            Number of frames of the loop.
        title
            Description of the job, such as ``"Segmenting loop 1"``.
        done
            Indices of the frames that are done before the job begins.
        current
            Index of the frame that it begins with, or None.
        """
        self.running = False
        self.look_at(loop, count)
        self.title, self.running = title, True
        self.done, self.current = set(done), current
        self.changed.emit()

    def advance(self, progress: Progress) -> None:
        """Mark the frames that a step of the job has completed, and the next frame."""
        if self.running and (progress.frames or progress.next_frame != self.current):
            self.done.update(t for t in progress.frames if 0 <= t < self.count)
            self.current = progress.next_frame
            self.changed.emit()

    def expect(self, frame: int) -> None:
        """Mark a frame that the job was asked to do next."""
        if self.running and frame not in self.done and 0 <= frame < self.count:
            self.current = frame
            self.changed.emit()

    def end(self, *, keep: bool) -> None:
        """Mark that the job has ended.

        Parameters
        ----------
        keep
            Whether the result of the job is kept. If every frame is done, the marks
            say nothing and are removed.
        """
        self.running, self.current = False, None
        if not keep or len(self.done) >= self.count:
            self.done = set()
        self.changed.emit()

    def set_labelled(self, frames: Collection[int]) -> None:
        """Mark the frames that the user has labelled, and no others."""
        if self.labelled != frozenset(frames):
            self.labelled = frozenset(frames)
            self.changed.emit()

    def words(self) -> str:
        """Describe the marks in one or two sentences; empty without marks."""
        parts = []
        if self.running or self.done:
            parts.append(f"{self.title}: {len(self.done)} of {self.count} frames done")
        if self.labelled:
            number = len(self.labelled)
            parts.append(f"{number} labelled {'frame' if number == 1 else 'frames'}")
        return "; ".join(parts)

    def state(self, frame: int) -> str:
        """Return ``"running"``, ``"done"``, ``"waiting"`` or ``""`` of a frame."""
        if self.running and frame == self.current:
            return "running"
        if frame in self.done:
            return "done"
        return "waiting" if self.running or self.done else ""
