"""Loops without contrast agent are refused before a network learns from them."""

import numpy as np
import pytest

from napari_motionseg.cine import Cine
from napari_motionseg.errors import TrainingError
from napari_motionseg.evaluation.contrast_check import require_contrast


def loop(frames=8, side=256, dark=()):
    pixels = np.full((frames, side, side), 180, np.uint8)
    for t in dark:
        pixels[t, 100:110, 50:200] = 60
    return Cine.from_array(pixels)


def predict(frame):
    return frame < 0.4


def test_one_frame_with_vessels_is_enough():
    require_contrast([loop(), loop(), loop(dark=[4])], predict)


def test_loops_without_contrast_are_refused_with_what_to_do():
    words = r"marks at most 0\.00% of a frame in 2 loops.*--anyway"
    with pytest.raises(TrainingError, match=words):
        require_contrast([loop(), loop()], predict)


def test_small_pictures_and_no_loops_are_not_judged():
    require_contrast([loop(side=128)], predict)
    require_contrast([], predict)


def test_of_many_loops_only_a_few_are_segmented():
    asked = []

    def counting(frame):
        asked.append(1)
        return predict(frame)

    with pytest.raises(TrainingError, match="in 4 loops"):
        require_contrast([loop() for _ in range(40)], counting)
    assert len(asked) == 12
