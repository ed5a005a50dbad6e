"""Order the pairs of a loop from the displayed frame outward."""

from __future__ import annotations

from collections.abc import Iterable


class Outward:
    """Waiting frames, nearest to the wanted one first; later before earlier ones.

    Parameters
    ----------
    frames
        Indices of the waiting frames.
    wanted
        Index of the frame to start with.
    """

    def __init__(self, frames: Iterable[int], wanted: int = 0) -> None:
        self._waiting = set(frames)
        self.wanted = wanted

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def next_frame(self) -> int | None:
        """The frame that is taken next, or None if none waits."""
        if not self._waiting:
            return None
        return min(self._waiting, key=lambda t: (abs(t - self.wanted), -t))

    def take(self) -> int | None:
        """Take the next frame out; None if there is none."""
        nearest = self.next_frame
        if nearest is not None:
            self._waiting.remove(nearest)
        return nearest

    def clear(self) -> None:
        """Remove all waiting frames."""
        self._waiting.clear()
