"""Keep clicks and arrows on the frames of all loops, with undo."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from napari_motionseg.viewmodel.frame_guidance import (
    FrameGuidance,
    ObjectClicks,
    from_json,
    to_json,
)

MOST_UNDONE = 200
Frames = dict[int, FrameGuidance]


class GuidanceBook:
    """Guidance of the frames of loops, which a project stores by the loops' names."""

    def __init__(self) -> None:
        self._loops: dict[str, Frames] = {}
        self._name: str | None = None
        self._undo: list[Callable[[], None]] = []

    def turn_to(self, name: str | None) -> None:
        """Use the frames of another loop; what was changed before cannot be undone."""
        if name != self._name:
            self._name = name
            self._undo.clear()

    @property
    def frames(self) -> Frames:
        """Guidance on each frame of the loop that was turned to."""
        return self._loops.get(self._name or "", {})

    @property
    def can_undo(self) -> bool:
        """Whether there is a change to undo."""
        return bool(self._undo)

    def at(self, t: int) -> FrameGuidance:
        """Return the guidance on a frame of the loop."""
        return self.frames.get(t, FrameGuidance())

    def put(self, t: int, guidance: FrameGuidance) -> None:
        """Replace the guidance on a frame, without a step of undo."""
        self._put_all({**self.frames, t: guidance})

    def change(self, t: int, guidance: FrameGuidance) -> bool:
        """Replace the guidance on a frame, and return whether it differs."""
        before = self.at(t)
        if self._name is None or guidance == before:
            return False
        self.remember(lambda: self.put(t, before))
        self.put(t, guidance)
        return True

    def propose(self, frames: Mapping[int, tuple[ObjectClicks, ...]]) -> None:
        """Add carried objects to their frames, as one step of undo."""
        before = self.frames
        for t, objects in frames.items():
            self.put(t, self.at(t).proposing(objects))
        if frames:
            self.remember(lambda: self._put_all(before))

    def remember(self, take_back: Callable[[], None]) -> None:
        """Add a function that undoes a change which was just made."""
        self._undo.append(take_back)
        del self._undo[:-MOST_UNDONE]

    def undo(self) -> bool:
        """Undo the last change, and return whether there was one."""
        if not self._undo:
            return False
        self._undo.pop()()
        return True

    def _put_all(self, frames: Frames) -> None:
        if self._name is not None:
            empty = FrameGuidance()
            kept = {t: one for t, one in frames.items() if one != empty}
            self._loops = {**self._loops, self._name: kept}

    def values(self) -> dict[str, Any]:
        """Return all guidance as JSON values, by the names of the loops."""
        return {n: to_json(frames) for n, frames in self._loops.items() if frames}

    def read(self, values: Any) -> None:
        """Replace all guidance by that of JSON values; what is invalid is left out."""
        found = values if isinstance(values, dict) else {}
        self._loops = {str(name): from_json(frames) for name, frames in found.items()}
        self._undo.clear()
