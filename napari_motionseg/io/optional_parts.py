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
    """Read parts that may be broken, and keep a sentence about each oddity.

    An ECG, a shutter or a display window that cannot be read is no reason to refuse
    the pictures. Every such part is read through `read`, so that there is one rule:
    the part is left out, the user is warned once, and the loop's notes say so.

    Parameters
    ----------
    path
        The file that is read; warnings name it.

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
        """Return what a function reads, or a default if the file breaks it.

        Parameters
        ----------
        name
            Attribute or part as the user should see it, such as ``"WaveformSequence"``.
        function
            Reads the part; called once.
        default
            Value of a loop that has no such part.

        Warns
        -----
        PartialReadWarning
            If the part cannot be read.
        """
        try:
            with np.errstate(all="ignore"):  # absurd numbers are judged by their result
                return function()
        except (MotionSegError, *DAMAGE) as error:
            self.leave_out(name, f"cannot be read ({_one_line(error)})")
            return default

    def leave_out(self, name: str, reason: str) -> None:
        """Record that a part is left out, and warn the user.

        Parameters
        ----------
        name
            Attribute or part, the subject of the sentence.
        reason
            Rest of the sentence, such as ``"has no channels"``.
        """
        sentence = f"{name} {reason}; the loop was opened without it."
        if sentence not in self.notes:
            self.notes.append(sentence)
            message = f"{self._path}: {sentence}"
            warnings.warn(message, PartialReadWarning, stacklevel=3)

    def note(self, sentence: str) -> None:
        """Record a sentence about something odd that could be put right."""
        if sentence not in self.notes:
            self.notes.append(sentence)


def _one_line(error: BaseException) -> str:
    """Return the first line of a message: pydicom appends whole tracebacks."""
    lines = str(error).strip().splitlines()
    return lines[0][:160] if lines else type(error).__name__
