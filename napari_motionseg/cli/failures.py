"""Exit codes of errors, and going on after a loop that fails."""

from __future__ import annotations

import typer

from napari_motionseg.cli.console import complain
from napari_motionseg.errors import (
    CheckpointError,
    LabelError,
    MissingDependencyError,
    MotionError,
    MotionSegError,
    OccupiedError,
    ReadError,
    SettingsError,
)

BAD_INPUT = (
    SettingsError,
    ReadError,
    LabelError,
    CheckpointError,
    MotionError,
    MissingDependencyError,
    OccupiedError,
)


def exit_code(error: MotionSegError) -> int:
    """Return 2 for what the user gave, 1 for what failed."""
    return 2 if isinstance(error, BAD_INPUT) else 1


class Failures:
    """What failed so far.

    Parameters
    ----------
    things
        What is gone through, in the plural.
    """

    def __init__(self, things: str) -> None:
        self._things = things
        self._errors: list[MotionSegError] = []
        self.unread = 0

    def add(self, error: MotionSegError, *, unread: bool = False) -> None:
        """Tell about one failure and remember it; `unread` ones are counted."""
        complain(str(error))
        self._errors.append(error)
        self.unread += unread

    def leave(self, count: int) -> None:
        """Leave with an exit code if anything of `count` failed."""
        if not self._errors:
            return
        if count > 1:
            complain(f"{len(self._errors)} of {count} {self._things} failed, see above")
        # a failure of the program outweighs bad input
        raise typer.Exit(min(exit_code(error) for error in self._errors))
