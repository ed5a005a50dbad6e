"""Order the remaining frames of a job, which the user may change."""

from __future__ import annotations

from collections.abc import Iterable

from napari_motionseg.jobs.progress import Signal


class FrameQueue:
    """Frames in a given order; after a request, outward from the requested frame.

    Parameters
    ----------
    frames
        Indices of the frames in their initial order.
    """

    def __init__(self, frames: Iterable[int]) -> None:
        self._waiting = list(frames)

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def next_frame(self) -> int | None:
        """Index of the frame that is taken next, or None if none waits."""
        return self._waiting[0] if self._waiting else None

    def take(self, count: int = 1) -> list[int]:
        """Remove and return the next frames; fewer or none at the end."""
        taken, self._waiting = self._waiting[:count], self._waiting[count:]
        return taken

    def prioritize(self, frame: int) -> None:
        """Continue with the frames nearest to `frame`, later ones before earlier."""
        self._waiting.sort(key=lambda t: (abs(t - frame), -t))

    def hear(self, signal: Signal | None) -> None:
        """Prioritize the frame that was sent to the job, if one was."""
        if isinstance(signal, int):
            self.prioritize(signal)
