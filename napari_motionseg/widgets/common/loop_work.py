"""Connect a job with the loop that it works on: order of frames and marks."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any

from napari.layers import Layer
from napari.viewer import Viewer
from qtpy.QtCore import QObject

from napari_motionseg.jobs import Progress
from napari_motionseg.viewmodel.frame_marks import FrameMarks
from napari_motionseg.widgets.common.viewers import frame_shown


@dataclass(frozen=True, eq=False)
class LoopWork:
    """Work of a job on the frames of a loop.

    Parameters
    ----------
    viewer
        The viewer that shows the loop.
    loop
        Image layer of the loop. The job is cancelled if the layer is removed or gets
        other pixels.
    count
        Number of frames, or of pairs of frames, to work on.
    done
        Indices of the frames that an earlier run has completed.
    """

    viewer: Viewer
    loop: Layer
    count: int
    done: Collection[int] = field(default=())


class LoopFollower(QObject):
    """Connect the running job of a panel with the loop that it works on.

    Parameters
    ----------
    owner
        The panel of the job.
    marks
        Marks of frames, which are updated with the progress.
    prioritize
        Function that is called with the index of the frame that the viewer shows.
    cancel
        Function that is called with the reason if the result can no longer be shown.
    """

    def __init__(
        self,
        owner: QObject,
        marks: FrameMarks,
        prioritize: Callable[[int], None],
        cancel: Callable[[str], None],
    ) -> None:
        super().__init__(owner)
        self._marks = marks
        self._prioritize = prioritize
        self._cancel = cancel
        self._work: LoopWork | None = None
        self._needed: list[Layer] = []
        self._heard: list[tuple[Any, Callable[..., Any]]] = []
        leave = self._forget
        owner.destroyed.connect(lambda: leave())

    @property
    def amount(self) -> tuple[int, int] | None:
        """Numbers of completed frames and of all frames; None without a loop.

        Frames of earlier runs count too.
        """
        work = self._work
        return None if work is None else (len(self._marks.done), work.count)

    def follow(self, work: LoopWork | None, title: str) -> None:
        """Follow the work of a job that has just started.

        Parameters
        ----------
        work
            Loop and frames of the job; None if it does not work on frames of a loop.
        title
            Title of the job.
        """
        self._forget()
        self._work = work
        if work is None:
            return
        self._needed = [work.loop]
        shown = min(frame_shown(work.viewer, work.loop), work.count - 1)
        self._marks.begin(work.loop, work.count, title, work.done, shown)
        self._hear(work.viewer.dims.events.current_step, self._scrubbed)
        self._hear(work.viewer.layers.events.removed, self._removed)
        self._hear(work.loop.events.data, self._replaced)

    def need(self, layer: Layer) -> None:
        """Cancel the job also if the layer that shows its result is removed."""
        self._needed.append(layer)

    def advance(self, progress: Progress) -> None:
        """Mark the frames that a step has completed."""
        if self._work is not None:
            self._marks.advance(progress)

    def leave(self, *, keep: bool) -> None:
        """Record that the job has ended, and whether its result is kept."""
        if self._work is not None:
            self._marks.end(keep=keep)
        self._forget()

    def _hear(self, source: Any, callback: Callable[..., Any]) -> None:
        source.connect(callback)
        self._heard.append((source, callback))

    def _forget(self) -> None:
        for source, callback in self._heard:
            source.disconnect(callback)
        self._heard, self._needed, self._work = [], [], None

    def _scrubbed(self, event: object = None) -> None:
        work = self._work
        if work is not None and work.loop in work.viewer.layers:
            shown = min(frame_shown(work.viewer, work.loop), work.count - 1)
            if shown not in self._marks.done:
                self._prioritize(shown)
                self._marks.expect(shown)

    def _removed(self, event: Any) -> None:
        if any(event.value is layer for layer in self._needed):
            self._cancel(f"layer {event.value.name!r} was removed")

    def _replaced(self, event: Any) -> None:
        if self._work is not None:
            self._cancel(f"layer {self._work.loop.name!r} got other pixels")
