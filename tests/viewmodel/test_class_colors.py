"""Colors of classes, in layers and in the preview."""

import numpy as np
import pytest

from napari_motionseg.io.label_numbers import BACKGROUND, IMPLIED_BACKGROUND
from napari_motionseg.viewmodel.class_colors import (
    MOST_OPAQUE,
    PALETTE,
    class_picture,
    color_of,
    label_colors,
)


def test_labels_have_the_colors_of_their_classes():
    names = ["background", "vessel", "stent"]
    assert label_colors(names) == {
        None: "transparent", 0: "transparent", 1: PALETTE[1], 2: PALETTE[2],
        BACKGROUND: PALETTE[0], IMPLIED_BACKGROUND: "transparent",
    }  # fmt: skip


def test_more_classes_than_colors_go_round():
    assert color_of(len(PALETTE)) == color_of(0)


def test_the_picture_has_the_color_of_the_likeliest_and_is_clear_where_unsure():
    background = np.array([[1.0, 0.95, 0.5, 0.0]])
    vessel = np.array([[0.0, 0.05, 0.2, 1.0]])
    stent = 1 - background - vessel
    found = class_picture(np.stack([background, vessel, stent]).astype(np.float32))
    assert found.shape == (1, 4, 4)
    hexadecimal = [f"#{r:02x}{g:02x}{b:02x}" for r, g, b in found[0, :, :3]]
    assert hexadecimal == [color_of(n) for n in (1, 1, 2, 1)]
    assert found[0, :2, 3].tolist() == [0, 0]
    assert found[0, 2, 3] == pytest.approx(255 * MOST_OPAQUE * 0.4 / 0.9, abs=1)
    assert found[0, 3, 3] == int(255 * MOST_OPAQUE)
