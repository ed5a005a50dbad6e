"""Archives of synthetic loops for benchmarks, and a task that does nothing."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np

from napari_motionseg.batch.records import Draft
from napari_motionseg.cine import Cine
from napari_motionseg.io.dicom_writer import write_xa
from napari_motionseg.synthesis import SynthesisConfig, synthesize_cine

COMMAND = [sys.executable, "-m", "napari_motionseg", "batch"]
SCENES = 4  # that are synthesized; the others are the same, shifted
A_FOLDER = 100


def small_archive(room: Path, count: int, size: int = 256, frames: int = 16) -> Path:
    """Write loops in folders of a hundred, and return their folder."""
    config = SynthesisConfig(size=size, frames=frames)
    scenes = [synthesize_cine(config, seed=seed).cine for seed in range(SCENES)]
    pictures = [np.asarray(cine.frames[:]) for cine in scenes]
    for number in range(count):
        path = room / f"{number // A_FOLDER:03d}" / f"{number:06d}.dcm"
        path.parent.mkdir(parents=True, exist_ok=True)
        shifted = np.roll(pictures[number % SCENES], number, axis=2)
        times = np.arange(frames) * 66.7
        write_xa(path, Cine.from_array(shifted, frame_times=times))
    return room


def tiny_archive(room: Path, count: int) -> Path:
    """Write copies of one loop of two frames of 16 px, and return their folder."""
    pixels = np.zeros((2, 16, 16), np.uint8)
    room.mkdir(parents=True)
    first = room / "first.dcm"
    write_xa(first, Cine.from_array(pixels, frame_times=np.arange(2) * 66.7))
    for number in range(count):
        path = room / f"{number // A_FOLDER:03d}" / f"{number:06d}.dcm"
        path.parent.mkdir(exist_ok=True)
        shutil.copyfile(first, path)
    first.unlink()
    return room


class Nothing:
    """A task without work, so that only listing and records cost anything."""

    def settings(self) -> dict[str, Any]:
        """Return what the results depend on."""
        return {"task": "nothing"}

    def run(self, cine: Cine, key: str, draft: Draft) -> dict[str, Any]:
        """Write an empty result."""
        draft.path(cine.name, key, ".txt").write_text("")
        return {"loop": cine.name}
