"""Strokes have a white rim, and no preview shines through them."""

import numpy as np
import pytest

from napari_motionseg.viewmodel.stroke_picture import RIM, rim_of, stroke_picture


@pytest.mark.parametrize("size", [(7, 9), (1, 5), (6, 1)])
def test_the_rim_touches_strokes_at_edges_and_corners(size):
    drawn = np.random.default_rng(3).random(size) < 0.15
    drawn[0, 0] = True
    expected = np.zeros(size, bool)
    for row, column in np.argwhere(~drawn):
        around = drawn[max(row - 1, 0) : row + 2, max(column - 1, 0) : column + 2]
        expected[row, column] = around.any()
    np.testing.assert_array_equal(rim_of(drawn), expected)


@pytest.mark.parametrize("known", [True, False])
def test_the_preview_is_below_the_rim(known):
    drawn = np.zeros((8, 8), bool)
    drawn[3, 3:5] = True
    preview = np.full((8, 8, 4), 77, np.uint8) if known else None
    picture = stroke_picture(drawn, preview)
    assert (picture[drawn] == 0).all()
    assert (picture[2, 2:6] == RIM).all()
    assert (picture[6, 6] == (77 if known else 0)).all()
    if known:
        assert (preview == 77).all()
