"""In which order the pairs of a loop are estimated: what is looked at comes first."""

from __future__ import annotations

from collections.abc import Iterable


class Outward:
    """Frames that wait, nearest to the wanted one first; later before earlier.

    Parameters
    ----------
    frames
        What waits.
    wanted
        Where to begin.
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
        """Forget what waits."""
        self._waiting.clear()
