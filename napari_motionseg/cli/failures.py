"""Choose exit codes of errors, and continue after an input that fails."""

from __future__ import annotations

import typer

from napari_motionseg.cli.console import print_error
from napari_motionseg.errors import (
    CheckpointError,
    LabelError,
    MeasurementError,
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
    MeasurementError,
    MissingDependencyError,
    OccupiedError,
)


def exit_code(error: MotionSegError) -> int:
    """Return 2 for bad input and 1 for any other failure."""
    return 2 if isinstance(error, BAD_INPUT) else 1


class Failures:
    """Failures of a command that continues with its other inputs.

    Parameters
    ----------
    things
        Name of the inputs in the plural, such as ``"loops"``.
    """

    def __init__(self, things: str) -> None:
        self._things = things
        self._errors: list[MotionSegError] = []
        self.unread = 0

    def add(self, error: MotionSegError, *, unread: bool = False) -> None:
        """Print an error and record it.

        Parameters
        ----------
        error
            Error of one input.
        unread
            Whether the input could not be read, so that it was not counted before.
        """
        print_error(str(error))
        self._errors.append(error)
        self.unread += unread

    def exit_if_any(self, count: int) -> None:
        """Exit with a code if any of `count` inputs has failed."""
        if not self._errors:
            return
        if count > 1:
            print_error(
                f"{len(self._errors)} of {count} {self._things} failed, see above"
            )
        # a failure of the program takes precedence over bad input
        raise typer.Exit(min(exit_code(error) for error in self._errors))
