"""Read the pixels of a project's layers, within a memory budget."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_motionseg.errors import MemoryBudgetError, ReadError
from napari_motionseg.project.journal import Record, replay
from napari_motionseg.project.label_files import LABELS, current_files, read_records
from napari_motionseg.project.manifest import Manifest

_TRIES = 8  # attempts if a window compacts the project at the same moment


def read_pixels(
    folder: Path, manifest: Manifest, memory_budget: int
) -> tuple[dict[int, NDArray[Any]], list[str]]:
    """Return the pixels ``(T, H, W)`` of every layer by its number, and notes.

    Parameters
    ----------
    folder
        Path of the project.
    manifest
        Manifest of the project.
    memory_budget
        Number of bytes that the pixels of all layers, and the files that they are read
        from, may each take.

    Raises
    ------
    MemoryBudgetError
        If the layers need more than the budget; nothing is read then.
    ReadError
        If a file cannot be read.
    """
    _require_budget(folder, manifest, memory_budget)
    records, lost = _records(folder, memory_budget)
    pixels, notes = {}, []
    for layer in manifest.layers:
        pixels[layer.number], left_out = replay(
            records.get(layer.number, []), layer.shape, np.dtype(layer.dtype)
        )
        if left_out:
            notes.append(
                f"{layer.name}: {left_out} changes did not fit and were left out"
            )
    if lost:
        notes.append(f"the last {lost} bytes were incomplete and were left out")
    return pixels, notes


def _records(folder: Path, memory_budget: int) -> tuple[dict[int, list[Record]], int]:
    """Read the current label files; try again if another window replaces them."""
    for _ in range(_TRIES):
        files = current_files(folder, None)
        try:
            return read_records(files, memory_budget)
        except ReadError as error:
            if not isinstance(error.__cause__, FileNotFoundError):
                raise
    raise ReadError(f"{folder / LABELS}: other programs keep changing it; try again")


def _require_budget(folder: Path, manifest: Manifest, memory_budget: int) -> None:
    needed = 0
    for layer in manifest.layers:
        frames, rows, columns = layer.shape
        needed += frames * rows * columns * np.dtype(layer.dtype).itemsize
        if needed > memory_budget:
            raise MemoryBudgetError(
                f"{folder}: layer {layer.name!r} of {frames} frames of {rows} x "
                f"{columns} and the layers before it need {needed / 2**30:.3g} GiB; "
                f"the memory budget is {memory_budget / 2**30:.3g} GiB"
            )
