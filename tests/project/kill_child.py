"""A process that paints until it is killed: `python kill_child.py FOLDER LOG`.

Every stroke goes to a cell of its own, and is noted in the log when it is made. Masks
of a network arrive meanwhile, a network is kept again and again, and the journal is
compacted all the time.
"""

import os
import sys
import time
from pathlib import Path

import numpy as np

from napari_motionseg.cine import Cine
from napari_motionseg.project import Autosaver, Project, folder
from napari_motionseg.project.watched import WatchedLayer, WatchedLoop

SHAPE, SIDE = (8, 96, 96), 4
ACROSS = SHAPE[2] // SIDE


def cell(number):
    """Frame, rows and columns of the n-th stroke, and its label."""
    place, t = divmod(number, SHAPE[0])
    row, column = SIDE * (place // ACROSS), SIDE * (place % ACROSS)
    return (t, slice(row, row + SIDE), slice(column, column + SIDE)), 1 + number % 250


def main():
    folder.LEAST_TO_COMPACT = 2_000
    place, log = Path(sys.argv[1]), os.open(sys.argv[2], os.O_WRONLY | os.O_CREAT)
    labels, masks = np.zeros(SHAPE, np.uint8), np.zeros(SHAPE, np.uint8)
    pixels = np.random.default_rng(0).integers(0, 255, SHAPE, dtype=np.uint8)
    loop = WatchedLoop("loop", Cine.from_array(pixels), "loop")
    saver = Autosaver(Project.create(place))
    saver.watch(WatchedLayer("labels", loop, "labels", "labels", lambda: labels))
    saver.watch(WatchedLayer("masks", loop, "masks", "masks", lambda: masks))
    model = place.parent / "vessel-1.safetensors"
    model.write_bytes(bytes(100_000))
    for number in range(4_000):
        where, label = cell(number)
        labels[where] = label
        os.write(log, f"{number} {time.time()}\n".encode())
        saver.touch()
        masks[number % SHAPE[0]] = pixels[number % SHAPE[0]] > number % 255
        if number % 20 == 0:
            saver.keep_model(model, "segmentation", "vessel-1")
        time.sleep(0.01)


if __name__ == "__main__":
    main()
