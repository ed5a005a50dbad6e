"""Store the user's corrections of masks, which no threshold may change.

Each layer of masks that was corrected has a file beside its probabilities,
``probabilities/NUMBER.corrections.npz``. It is small and is written before the
corrected masks, so that no correction in them is taken for the network's work.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_motionseg.errors import ReadError
from napari_motionseg.io.atomic import replacing
from napari_motionseg.io.reading import MEMORY_BUDGET
from napari_motionseg.io.regular_files import is_regular
from napari_motionseg.project.mask_probabilities import (
    PROBABILITIES,
    Shape,
    expected_array,
    stored_arrays,
)


@dataclass(frozen=True, eq=False)
class MaskCorrections:
    """Corrections and confirmed frames in the masks of a layer.

    Parameters
    ----------
    frames
        ``(H, W)`` uint8 by the index of its frame: the class that the user gave to a
        pixel, 255 where the user changed nothing.
    confirmed
        ``(T,)`` bool, True for frames that the user has confirmed as right.
    """

    frames: dict[int, NDArray[np.uint8]]
    confirmed: NDArray[np.bool_]


def corrections_file(folder: Path, number: int) -> Path:
    """Return the path of the corrections of a layer of a project."""
    return folder / PROBABILITIES / f"{number}.corrections.npz"


def store_corrections(folder: Path, number: int, made: MaskCorrections) -> None:
    """Write the corrections of a layer into a project.

    Parameters
    ----------
    folder
        Path of the project.
    number
        Number of the layer in the project.
    made
        Corrections to store.

    Raises
    ------
    WriteError
        If the file cannot be written.
    """
    indices = np.array(sorted(made.frames), np.int32)
    classes = [made.frames[int(t)] for t in indices]
    with replacing(corrections_file(folder, number)) as temporary:
        np.savez_compressed(
            temporary, confirmed=made.confirmed, frames=indices,
            classes=np.stack(classes) if classes else np.zeros((0, 0, 0), np.uint8),
        )  # fmt: skip


def read_corrections(
    folder: Path, number: int, shape: Shape, memory_budget: int = MEMORY_BUDGET
) -> MaskCorrections | None:
    """Return the corrections of a layer of a project; None if there is no file.

    Parameters
    ----------
    folder
        Path of the project.
    number
        Number of the layer in the project.
    shape
        Frames, rows and columns of the layer.
    memory_budget
        Bytes that the corrections may take.

    Raises
    ------
    ReadError
        If the file is damaged, too large, or of another shape.
    """
    path = corrections_file(folder, number)
    if not is_regular(path, follow_links=False):
        return None
    needed = int(np.prod(shape, dtype=object))
    with stored_arrays(path, "file of corrections", needed, memory_budget) as archive:
        confirmed = expected_array(archive, "confirmed", "b1", shape[:1])
        frames = expected_array(archive, "frames", "i4", (None,), most=shape[0])
        size = shape[1:] if len(frames) else (0, 0)
        classes = expected_array(archive, "classes", "u1", (len(frames), *size))
        known = frames.tolist()
        if len(set(known)) < len(known) or not set(known) <= set(range(shape[0])):
            raise ReadError(f"holds frames {known!r:.80}; the loop has {shape[0]}")
    return MaskCorrections(dict(zip(known, classes, strict=True)), confirmed)
