"""The error family: whatever goes wrong on purpose derives from `MotionSegError`.

The message says what is wrong, in which file, layer or parameter, and what to do.
"""

from __future__ import annotations

from napari_motionseg.text import printable


class MotionSegError(Exception):
    """Root of every error that this package raises on purpose.

    Messages hold names from files; they are shown as `printable` text.
    """

    def __str__(self) -> str:
        """Return the message as one line that commands no terminal and no label."""
        return printable(super().__str__())


class SettingsError(MotionSegError, ValueError):
    """A setting, option or argument is outside what it may be."""


class ReadError(MotionSegError):
    """A file or folder cannot be read as what it should be."""


class DamagedFrameError(ReadError):
    """One frame of a loop cannot be decoded; the other frames are not concerned.

    Parameters
    ----------
    message : str
        One sentence that names the file, the frame and the reason.
    frame : int
        Index of the frame in its loop, counted from 0.
    """

    def __init__(self, message: str, frame: int) -> None:
        super().__init__(message)
        self.frame = frame

    def __reduce__(self) -> tuple[type[DamagedFrameError], tuple[str, int]]:
        """Keep the frame's index when the error travels to another process."""
        return type(self), (str(self), self.frame)


class MissingDecoderError(ReadError):
    """A file needs an optional decoder; the message names what to install."""


class MissingDependencyError(MotionSegError):
    """An optional library is absent; the message names what to install."""


class MemoryBudgetError(ReadError):
    """A header promises more pixels than the file holds or the budget allows."""


class WriteError(MotionSegError):
    """A file cannot be written."""


class OccupiedError(WriteError):
    """The place of a result is taken by something that must not be replaced."""


class LabelError(MotionSegError, ValueError):
    """Labels do not match their loop, or hold nothing to learn from."""


class LabelSizeError(LabelError):
    """Labels have another size than their loop."""


class CheckpointError(MotionSegError):
    """A checkpoint is damaged, or of another kind or architecture."""


class MotionError(MotionSegError, ValueError):
    """A loop has too few frames, or pixels that no motion can be computed from."""


class TrainingError(MotionSegError):
    """Training cannot start or go on; the last good state is kept."""


class TrainingMemoryError(TrainingError):
    """A device has too little memory for the smallest step; another may have more."""


class JobError(MotionSegError):
    """A job in a child process failed or died; the message says how."""


class PartialReadWarning(UserWarning):
    """A file was read, but something in it was missing, excess or guessed."""

    def __str__(self) -> str:
        """Return the message as one line that commands no terminal and no label."""
        return printable(super().__str__())
