"""The DICOM files that a loop's frames are in, to refer to them later."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol


class Stamp(Protocol):
    """Identity of a file at the time it was opened."""

    def require(self, file: BinaryIO, path: Path) -> None:
        """Raise `ReadError` if an open file is not the one of this stamp."""


@dataclass(frozen=True)
class SourceFile:
    """A file that holds frames of a loop.

    Only the place is kept. Patient attributes and UIDs are read from the file again
    when a DICOM object is written that must carry them.

    Parameters
    ----------
    path
        Path of the file.
    stamp
        Identity of the file when the loop was opened; None if it is not known.
    """

    path: Path
    stamp: Stamp | None = None
