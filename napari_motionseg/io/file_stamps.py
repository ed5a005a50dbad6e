"""Recognize whether a file is still the one that was opened."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from napari_motionseg.errors import ReadError

SAMPLES, SAMPLE_BYTES = 8, 4096


@dataclass(frozen=True)
class FileStamp:
    """Identity of a file while its loop is open.

    Frames are decoded when they are displayed, so a file is opened again and again. A
    different file of the same name would give frames of another loop.

    Parameters
    ----------
    size
        Size of the file in bytes.
    modified_ns
        Time of its last change, in nanoseconds since 1970.
    sample
        SHA-256 of several parts of the file, evenly spread.
    """

    size: int
    modified_ns: int
    sample: bytes

    @classmethod
    def of(cls, file: BinaryIO) -> FileStamp:
        """Return the stamp of an open file, and move its position back to the start."""
        facts = os.fstat(file.fileno())
        return cls(facts.st_size, facts.st_mtime_ns, _sample(file, facts.st_size))

    def require(self, file: BinaryIO, path: Path) -> None:
        """Raise an error unless an open file is the one with this stamp.

        A copy with the same content is accepted even if its date differs.

        Parameters
        ----------
        file
            The open file; its position is moved back to the start.
        path
            Path of the file, for the message.

        Raises
        ------
        ReadError
            If it is another file, or has changed.
        """
        facts = os.fstat(file.fileno())
        if (facts.st_size, facts.st_mtime_ns) == (self.size, self.modified_ns):
            return
        if facts.st_size != self.size or _sample(file, facts.st_size) != self.sample:
            raise ReadError(
                f"{path}: was changed or replaced after it was opened; open the loop "
                "again"
            )


def _sample(file: BinaryIO, size: int) -> bytes:
    """Return a digest of all of a small file, or of parts of a large one."""
    digest = hashlib.sha256()
    last = max(0, size - SAMPLE_BYTES)
    for number in range(SAMPLES):
        file.seek(last * number // (SAMPLES - 1))
        digest.update(file.read(SAMPLE_BYTES))
    file.seek(0)
    return digest.digest()
