"""Exports: the same targets again and again, each time with other content."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from napari_motionseg.errors import MotionSegError
from napari_motionseg.io import read_labels, write_masks
from napari_motionseg.io.flow_files import read_flow_zarr, write_flow_zarr
from napari_motionseg.io.movie_writer import write_movie
from napari_motionseg.io.reading import read_cine

from .act import Act, Finding, changed, last_number, leftovers, plant

SHAPE = (4, 48, 64)
MOST = 60  # different contents; four gray levels each in the movie


def write_all(folder: Path, value: int) -> None:
    """Write every kind of export, all of them of one value."""
    masks = np.full(SHAPE, value, np.uint8)
    for name in ("masks.npz", "masks.tif", "masks.nii.gz", "masks"):
        write_masks(folder / name, masks, overwrite=True)
    flow = np.full((3, 2, 48, 64), value, np.float32)
    write_flow_zarr(folder / "flow.zarr", flow, None, gap=1, attributes={})
    frames = np.full((*SHAPE, 3), 4 * value, np.uint8)  # H.264 moves grays by one
    write_movie(folder / "movie.mp4", frames, 10.0)


def _masks(path: Path) -> Any:
    return read_labels(path, shape=SHAPE).labels


READERS: dict[str, Callable[[Path], Any]] = {
    "masks.npz": _masks,
    "masks.tif": _masks,
    "masks.nii.gz": _masks,
    "masks": _masks,
    "flow.zarr": lambda path: read_flow_zarr(path)[0],
    "movie.mp4": lambda path: np.rint(read_cine(path).frames[:] / 4),
}


class Exports(Act):
    """Masks in four formats, flow as zarr and a movie, written over one another."""

    name = "export"

    def work(self) -> None:
        plant(self.folder)
        for number in range(10**6):
            write_all(self.folder, 1 + number % MOST)
            self.note(str(number))

    def look(self, notes: list[tuple[str, float]], killed: float) -> Finding:
        found = Finding()
        last = last_number(notes)
        found.acknowledged = len(READERS) * (last + 1)
        possible = {1 + last % MOST, 1 + (last + 1) % MOST} if last >= 0 else {1}
        for name, read in READERS.items():
            path = self.folder / name
            if not path.exists():
                found.lost += last >= 0
                continue
            try:
                values = np.unique(read(path))
            except MotionSegError as error:
                values, name = np.empty(0), f"{name}: {error}"
            if len(values) != 1 or int(values[0]) not in possible:
                found.mixed += 1
                found.words.append(f"{name} holds {values[:5]}, not one of {possible}")
        write_all(self.folder, 1)  # the next run
        found.foreign = changed(self.folder)
        found.leftovers = len(leftovers(self.folder))
        return found
