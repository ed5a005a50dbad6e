"""Rewrite the pixels of a project compactly, from blocks and journals."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from napari_motionseg.io.atomic import replacing
from napari_motionseg.io.reading import MEMORY_BUDGET
from napari_motionseg.project.changes import whole_frames
from napari_motionseg.project.journal import Journal, replay
from napari_motionseg.project.label_files import (
    BLOCKS,
    LABELS,
    current_files,
    is_own_label_file,
    label_files,
    read_records,
)
from napari_motionseg.project.manifest import LayerRecord


def rewrite_blocks(folder: Path, upto: int, layers: Iterable[LayerRecord]) -> None:
    """Write all pixels as blocks, and delete the files that they replace.

    Parameters
    ----------
    folder
        Path of the project.
    upto
        Number of the last journal to include; newer ones may be written to meanwhile.
    layers
        Layers to keep; records of other layers are dropped.

    Raises
    ------
    WriteError
        If the files cannot be written; everything is then as before.
    """
    records, _ = read_records(current_files(folder, upto), MEMORY_BUDGET)
    target = folder / LABELS / f"{upto:06d}{BLOCKS}"
    with replacing(target) as temporary:
        blocks = Journal(temporary)
        blocks.append(())  # creates the file even if the project has no stroke
        for layer in layers:
            own = records.get(layer.number, [])
            pixels, _ = replay(own, layer.shape, np.dtype(layer.dtype))
            blocks.append(whole_frames(layer.number, pixels))
    for file in label_files(folder):
        if int(file.stem) <= upto and file != target and is_own_label_file(file):
            file.unlink(missing_ok=True)


def sizes(folder: Path) -> tuple[int, int]:
    """Return the number of bytes of the current blocks and of the current journals."""
    current = {f: f.stat().st_size for f in current_files(folder, None)}
    blocks = sum(size for file, size in current.items() if file.suffix == BLOCKS)
    return blocks, sum(current.values()) - blocks
