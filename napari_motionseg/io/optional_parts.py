"""Read the parts of a file that a loop can do without."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np

from napari_motionseg.errors import MotionSegError, PartialReadWarning
from napari_motionseg.io.damage import DAMAGE

Part = TypeVar("Part")
Default = TypeVar("Default")


class OptionalParts:
    """Read parts of a file that may be broken, and collect sentences about problems.

    An ECG, a shutter or a display window that cannot be read is no reason to refuse the
    frames. Every such part is read through `read` and follows one rule: a broken part
    is left out, the user is warned once, and the loop's notes mention it.

    Parameters
    ----------
    path
        Path of the file that is read, for warnings.

    Attributes
    ----------
    notes : list of str
        Full sentences about what was repaired, guessed or left out, each once.
    """

    def __init__(self, path: str | Path) -> None:
        self._path = path
        self.notes: list[str] = []

    def read(
        self, name: str, function: Callable[[], Part], default: Default
    ) -> Part | Default:
        """Return the result of a function, or a default if the file makes it fail.

        Parameters
        ----------
        name
            Name of the attribute or part for the user, such as ``"WaveformSequence"``.
        function
            Function that reads the part; it is called once.
        default
            Value to return if the part cannot be read.

        Warns
        -----
        PartialReadWarning
            If the part cannot be read.
        """
        try:
            # absurd numbers are rejected by their result
            with np.errstate(all="ignore"):
                return function()
        except (MotionSegError, *DAMAGE) as error:
            self.leave_out(name, f"cannot be read ({_one_line(error)})")
            return default

    def leave_out(self, name: str, reason: str) -> None:
        """Record that a part is left out, and warn the user.

        Parameters
        ----------
        name
            Attribute or part, which becomes the subject of the sentence.
        reason
            Remainder of the sentence, such as ``"has no channels"``.
        """
        sentence = f"{name} {reason}; the loop was opened without it."
        if sentence not in self.notes:
            self.notes.append(sentence)
            message = f"{self._path}: {sentence}"
            warnings.warn(message, PartialReadWarning, stacklevel=3)

    def note(self, sentence: str) -> None:
        """Record a sentence about a problem that could be solved."""
        if sentence not in self.notes:
            self.notes.append(sentence)


def _one_line(error: BaseException) -> str:
    """Return the first line of a message, because pydicom appends whole tracebacks."""
    lines = str(error).strip().splitlines()
    return lines[0][:160] if lines else type(error).__name__
