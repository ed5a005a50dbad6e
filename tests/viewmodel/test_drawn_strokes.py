"""Strokes in the labels, and the pixels that a brush passes over."""

import numpy as np
import pytest

from napari_motionseg.io.label_numbers import BACKGROUND, IMPLIED_BACKGROUND
from napari_motionseg.viewmodel.drawn_strokes import drawn_classes, swept_pixels
from napari_motionseg.viewmodel.mask_corrections import UNTOUCHED


def test_only_what_is_drawn_is_a_stroke():
    labels = np.array([[0, 1, 2, BACKGROUND, IMPLIED_BACKGROUND]], np.uint8)
    expected = [[UNTOUCHED, 1, 2, 0, UNTOUCHED]]
    np.testing.assert_array_equal(drawn_classes(labels), expected)


@pytest.mark.parametrize("diameter", [1, 5, 8])
@pytest.mark.parametrize(
    "points", [[(5, 5)], [(5, 5), (5, 15), (11, 15)], [(3, 4), (3, 4)]]
)
def test_a_brush_passes_over_all_pixels_near_its_way(points, diameter):
    """Legs along rows and columns, pixel by pixel."""
    size, way = (17, 23), []
    for (r, c), (to_r, to_c) in zip(points, [*points[1:], points[-1]], strict=True):
        rows = range(min(r, to_r), max(r, to_r) + 1)
        way += [(i, j) for i in rows for j in range(min(c, to_c), max(c, to_c) + 1)]
    expected = [
        [min((r - i) ** 2 + (c - j) ** 2 for i, j in way) <= (diameter / 2) ** 2
         for c in range(size[1])]
        for r in range(size[0])
    ]  # fmt: skip
    np.testing.assert_array_equal(swept_pixels(points, diameter, size), expected)


def test_a_brush_outside_the_frame_passes_over_nothing():
    assert not swept_pixels([(-30, 4), (-30, 9)], 5, (8, 9)).any()
