"""Define the error family: every error raised on purpose derives from `MotionSegError`.

A message says what is wrong, in which file, layer or parameter, and what to do about
it.
"""

from __future__ import annotations

from napari_motionseg.text import printable


class MotionSegError(Exception):
    """Root of every error that this package raises on purpose.

    Messages may quote text from files, so they are converted to `printable` text.
    """

    def __str__(self) -> str:
        """Return the message on one line, without control characters or HTML."""
        return printable(super().__str__())


class SettingsError(MotionSegError, ValueError):
    """A setting, option or argument is outside what it may be."""


class ReadError(MotionSegError):
    """A file or folder cannot be read, or is not of the expected kind."""


class DamagedFrameError(ReadError):
    """One frame of a loop cannot be decoded; the other frames stay usable.

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
        """Keep the frame's index when the error is pickled for another process."""
        return type(self), (str(self), self.frame)


class MissingDecoderError(ReadError):
    """A file needs an optional decoder; the message names the package to install."""


class MissingDependencyError(MotionSegError):
    """An optional library is missing; the message names what to install."""


class MemoryBudgetError(ReadError):
    """A header promises more pixels than the file holds or the budget allows."""


class WriteError(MotionSegError):
    """A file cannot be written."""


class OccupiedError(WriteError):
    """The target of a result already exists and must not be replaced."""


class LabelError(MotionSegError, ValueError):
    """Labels do not match their loop, or contain nothing to learn from."""


class LabelSizeError(LabelError):
    """Labels have another size than their loop."""


class CheckpointError(MotionSegError):
    """A checkpoint is damaged, or is of another kind or architecture."""


class MotionError(MotionSegError, ValueError):
    """A loop has too few frames, or pixels that no motion can be estimated from."""


class MeasurementError(MotionSegError, ValueError):
    """Points, calibration or picture allow no measurement; the message says why."""


class TrainingError(MotionSegError):
    """Training cannot start or continue; the last saved state is kept."""


class TrainingMemoryError(TrainingError):
    """A device has too little memory for the smallest possible training step."""


class ArchiveError(MotionSegError):
    """A DICOMweb archive cannot be reached, refuses, or sends something unexpected."""


class JobError(MotionSegError):
    """A job in a child process failed, or the process died."""


class PartialReadWarning(UserWarning):
    """A file was read, but part of it was missing, superfluous or had to be guessed."""

    def __str__(self) -> str:
        """Return the message on one line, without control characters or HTML."""
        return printable(super().__str__())
