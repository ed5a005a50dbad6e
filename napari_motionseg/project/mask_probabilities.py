"""Store the probabilities behind masks, so that a threshold can change the masks.

Each layer of masks has a file ``probabilities/NUMBER.npz``. Probabilities beyond the
range of thresholds are stored as 0 and 1. The masks stay the same, and the file is
small.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_motionseg.errors import ReadError
from napari_motionseg.io.atomic import replacing
from napari_motionseg.io.damage import damage_named
from napari_motionseg.io.npy_arrays import npy_header, npy_pixels
from napari_motionseg.io.reading import MEMORY_BUDGET
from napari_motionseg.io.regular_files import is_regular, open_regular

PROBABILITIES = "probabilities"  # the folder in a project
LEAST, MOST = 0.02, 0.98  # thresholds that a user can choose
Shape = tuple[int, int, int]


@dataclass(frozen=True, eq=False)
class MaskProbabilities:
    """Probability of each pixel, and the user's confirmation of each frame.

    Parameters
    ----------
    probabilities
        ``(T, H, W)`` float16 probability of each pixel to belong to any class but the
        background.
    likeliest
        ``(T, H, W)`` uint8 number of the most probable class except the background.
    confirmed
        ``(T,)`` bool, True for frames that the user has confirmed as right.
    corrections
        ``(H, W)`` uint8 by the index of its frame: the class that the user gave to a
        pixel, 255 where the user changed nothing. They have a file of their own.
    """

    probabilities: NDArray[np.float16]
    likeliest: NDArray[np.uint8]
    confirmed: NDArray[np.bool_]
    corrections: dict[int, NDArray[np.uint8]] = field(default_factory=dict)

    def copied(self) -> MaskProbabilities:
        """Return a copy, which does not change with later frames and strokes."""
        return MaskProbabilities(
            self.probabilities.copy(), self.likeliest.copy(), self.confirmed.copy(),
            dict(self.corrections),
        )  # fmt: skip


def file_of(folder: Path, number: int) -> Path:
    """Return the path of the probabilities of a layer of a project."""
    return folder / PROBABILITIES / f"{number}.npz"


def store_probabilities(folder: Path, number: int, known: MaskProbabilities) -> None:
    """Write the probabilities of a layer into a project.

    Parameters
    ----------
    folder
        Path of the project.
    number
        Number of the layer in the project.
    known
        Probabilities and confirmations to store.

    Raises
    ------
    WriteError
        If the file cannot be written.
    """
    stored = known.probabilities.copy()
    stored[stored < LEAST] = 0
    stored[stored > MOST] = 1
    with replacing(file_of(folder, number)) as temporary:
        np.savez_compressed(
            temporary, probabilities=stored, likeliest=known.likeliest,
            confirmed=known.confirmed,
        )  # fmt: skip


def read_probabilities(
    folder: Path, number: int, shape: Shape, memory_budget: int = MEMORY_BUDGET
) -> MaskProbabilities | None:
    """Return the probabilities of a layer of a project; None if there are none.

    Parameters
    ----------
    folder
        Path of the project.
    number
        Number of the layer in the project.
    shape
        Frames, rows and columns of the layer.
    memory_budget
        Bytes that the probabilities may take.

    Raises
    ------
    ReadError
        If the file is damaged, too large, or of another shape.
    """
    path = file_of(folder, number)
    if not is_regular(path, follow_links=False):
        return None
    needed = 3 * int(np.prod(shape, dtype=object))
    with stored_arrays(path, "file of probabilities", needed, memory_budget) as archive:
        known = MaskProbabilities(
            expected_array(archive, "probabilities", "f2", shape),
            expected_array(archive, "likeliest", "u1", shape),
            expected_array(archive, "confirmed", "b1", shape[:1]),
        )
    if not np.isfinite(known.probabilities).all():
        raise ReadError(f"{path}: holds probabilities that are not finite")
    return known


@contextmanager
def stored_arrays(
    path: Path, what: str, needed: int, memory_budget: int
) -> Iterator[zipfile.ZipFile]:
    """Open a file of arrays in a project; damage is named after the file.

    Parameters
    ----------
    path
        Path of the file.
    what
        Name of its kind for messages.
    needed
        Bytes that its arrays take.
    memory_budget
        Bytes that they may take.

    Raises
    ------
    ReadError
        If the arrays are too large, or reading them fails.
    """
    if needed > memory_budget:
        raise ReadError(f"{path}: its arrays are larger than the memory budget")
    with (
        open_regular(path, follow_links=False) as file,
        damage_named(path, what),
        zipfile.ZipFile(file) as archive,
    ):
        yield archive


def expected_array(
    archive: zipfile.ZipFile,
    name: str,
    kind: str,
    shape: tuple[int | None, ...],
    most: int = 0,
) -> NDArray[Any]:
    """Read an array whose header promises the expected type and shape.

    Parameters
    ----------
    archive
        Archive as `numpy.savez` writes it.
    name
        Name of the array.
    kind
        Type of its values, such as ``"u1"``.
    shape
        Its expected shape. None stands for any length up to `most`.
    most
        Largest length where `shape` has None.

    Raises
    ------
    ReadError
        If the header promises anything else.
    """
    with archive.open(f"{name}.npy") as stream:
        header = npy_header(stream)
        found = header[0]
        fits = len(found) == len(shape) and all(
            side == wanted or (wanted is None and side <= most)
            for side, wanted in zip(found, shape, strict=False)
        )
        if not fits or header[2] != np.dtype(kind):
            raise ReadError(
                f"holds {name} of shape {found} and type {header[2]}; expected "
                f"{shape} and {np.dtype(kind)}"
            )
        return npy_pixels(stream, header)
