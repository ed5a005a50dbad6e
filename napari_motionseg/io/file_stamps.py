"""Whether a file is still the one that was opened."""

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

    Frames are decoded when they are looked at, so a file is opened again and again.
    Another file of the same name would give frames of another loop.

    Parameters
    ----------
    size
        Bytes of the file.
    modified_ns
        Time of its last change, nanoseconds since 1970.
    sample
        SHA-256 of a few parts of it, spread evenly.
    """

    size: int
    modified_ns: int
    sample: bytes

    @classmethod
    def of(cls, file: BinaryIO) -> FileStamp:
        """Return the stamp of an open file, whose position goes back to its start."""
        facts = os.fstat(file.fileno())
        return cls(facts.st_size, facts.st_mtime_ns, _sample(file, facts.st_size))

    def require(self, file: BinaryIO, path: Path) -> None:
        """Check that an open file is the one of this stamp.

        A copy that was put back, later but with the same content, is accepted.

        Parameters
        ----------
        file
            The open file; its position goes back to its start.
        path
            Its path, for the message.

        Raises
        ------
        ReadError
            If it is another file, or was changed.
        """
        facts = os.fstat(file.fileno())
        if (facts.st_size, facts.st_mtime_ns) == (self.size, self.modified_ns):
            return
        if facts.st_size != self.size or _sample(file, facts.st_size) != self.sample:
            raise ReadError(
                f"{path}: was changed or replaced after it was opened; open it again"
            )


def _sample(file: BinaryIO, size: int) -> bytes:
    """Return a digest of the whole of a small file, of parts of a large one."""
    digest = hashlib.sha256()
    last = max(0, size - SAMPLE_BYTES)
    for number in range(SAMPLES):
        file.seek(last * number // (SAMPLES - 1))
        digest.update(file.read(SAMPLE_BYTES))
    file.seek(0)
    return digest.digest()
