"""Undo and redo changes of a value that is replaced as a whole."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")

TOGETHER_S = 0.7  # changes of one kind that come faster than this are one drag
MOST_STEPS = 200


class UndoStack(Generic[T]):
    """A value, its earlier values, and those that were undone.

    Parameters
    ----------
    value
        The first value.
    clock
        Function that returns seconds; changes of one kind that follow each other within
        `TOGETHER_S` are undone together, as a drag is one change for a user.
    """

    def __init__(self, value: T, clock: Callable[[], float] = time.monotonic) -> None:
        self.value = value
        self._clock = clock
        self._earlier: list[T] = []
        self._undone: list[T] = []
        self._last: tuple[str, float] | None = None
        self._held: str | None = None

    def hold(self, held: bool) -> None:
        """Make all changes of one kind a single step until it is called with False.

        A drag on a busy computer has pauses that are longer than `TOGETHER_S`.
        """
        self._held = "" if held else None

    @property
    def can_undo(self) -> bool:
        """Whether there is an earlier value."""
        return bool(self._earlier)

    @property
    def can_redo(self) -> bool:
        """Whether a value was undone, and nothing has changed since."""
        return bool(self._undone)

    def change(self, value: T, kind: str = "") -> None:
        """Replace the value.

        Parameters
        ----------
        value
            The new value.
        kind
            What is changed; changes of one kind in quick succession are one step. An
            empty kind always makes a step of its own.
        """
        if value == self.value:
            return
        now, last = self._clock(), self._last
        soon = last is not None and last[0] == kind and now - last[1] < TOGETHER_S
        if not kind or not (soon or self._held == kind):
            self._earlier = [*self._earlier, self.value][-MOST_STEPS:]
        self._undone = []
        self.value, self._last = value, (kind, now)
        if self._held is not None:
            self._held = kind

    def undo(self) -> bool:
        """Return to the earlier value; return whether there was one."""
        if not self._earlier:
            return False
        self._undone.append(self.value)
        self.value, self._last = self._earlier.pop(), None
        return True

    def redo(self) -> bool:
        """Return to the value that was undone last; return whether there was one."""
        if not self._undone:
            return False
        self._earlier.append(self.value)
        self.value, self._last = self._undone.pop(), None
        return True
