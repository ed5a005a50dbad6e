"""Bytes and time of a stroke: `python benchmarks/project.py [--strokes 100]`.

A loop of 30 frames of 512 x 512; each stroke is a brush of 6 pixels over 60. After
each one the autosave is asked for at once; the time is that of the whole look at all
layers, until the disk has the change.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path

import numpy as np
from machine import here_and_now

from napari_motionseg.cine import Cine
from napari_motionseg.project import Autosaver, Project
from napari_motionseg.project.watched import WatchedLayer, WatchedLoop

SHAPE = (30, 512, 512)
BRUSH, LENGTH = 6, 60


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--strokes", type=int, default=100)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results"))
    options = parser.parse_args()
    row = {**measure(options.strokes), **here_and_now()}
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "project.json").write_text(json.dumps(row, indent=1) + "\n")
    print(json.dumps(row))


def measure(strokes: int) -> dict[str, float]:
    draw = np.random.default_rng(0)
    pixels = draw.integers(0, 255, SHAPE, dtype=np.uint8)
    labels, masks = np.zeros(SHAPE, np.uint8), (pixels > 200).astype(np.uint8)
    bytes_each, seconds_each = [], []
    with tempfile.TemporaryDirectory() as folder:
        saver = Autosaver(Project.create(Path(folder) / "study"))
        loop = WatchedLoop("loop", Cine.from_array(pixels), "loop")
        saver.watch(WatchedLayer("l", loop, "labels", "labels", lambda: labels))
        saver.watch(WatchedLayer("m", loop, "masks", "masks", lambda: masks))
        saver.flush(120)
        for _ in range(strokes):
            stroke(labels, draw)
            started = time.perf_counter()
            saver.flush(120)
            seconds_each.append(time.perf_counter() - started)
            bytes_each.append(saver.status.bytes)
        started = time.perf_counter()
        saver.project.compact()
        compaction = time.perf_counter() - started
        saver.close()
    return {
        "strokes": strokes,
        "bytes_median": float(np.median(bytes_each)),
        "bytes_worst": float(np.max(bytes_each)),
        "ms_median": round(1000 * float(np.median(seconds_each)), 1),
        "ms_worst": round(1000 * float(np.max(seconds_each)), 1),
        "compaction_ms": round(1000 * compaction, 1),
    }


def stroke(labels: np.ndarray, draw: np.random.Generator) -> None:
    """Draw a straight line with a round brush on a random frame."""
    t, row, column = (int(draw.integers(n)) for n in SHAPE)
    angle = draw.uniform(0, 2 * np.pi)
    rows, columns = np.mgrid[: SHAPE[1], : SHAPE[2]]
    for step in np.linspace(0, LENGTH, LENGTH // 2):
        y, x = row + step * np.sin(angle), column + step * np.cos(angle)
        labels[t][(rows - y) ** 2 + (columns - x) ** 2 < (BRUSH / 2) ** 2] = 1


if __name__ == "__main__":
    main()
