"""A picture's result from overlapping tiles: the whole, without steps."""

import numpy as np
import pytest

from napari_motionseg.models.tiling import OVERLAP, blend_tiles, smaller_tile


def test_tiles_get_smaller_down_to_the_smallest():
    sides, side = [], 1024
    while side is not None:
        sides.append(side)
        side = smaller_tile(side)
    assert sides == [1024, 640, 384, 192, 128]


@pytest.mark.parametrize("size", [(64, 64), (100, 230), (63, 200), (20, 30)])
def test_tiles_that_agree_give_the_whole(size):
    """A result that is a function of the pixel has the same value in every tile."""
    picture = np.random.default_rng(0).random(size, np.float32)
    sides = []

    def compute(tile):
        sides.append(picture[tile].shape)
        return np.stack((picture[tile], 2 * picture[tile]))

    found = blend_tiles((2, *size), 64, compute)
    np.testing.assert_allclose(found, np.stack((picture, 2 * picture)), rtol=1e-5)
    assert {max(side) for side in sides} <= {min(64, max(size)), 63, 64}
    assert len(sides) >= (size[0] / 64) * (size[1] / 64)


@pytest.mark.parametrize("axes", [(), (3,), (2, 3)])
def test_leading_axes_stay(axes):
    picture = np.random.default_rng(1).random((*axes, 90, 70), np.float32)
    found = blend_tiles((*axes, 90, 70), 64, lambda tile: picture[(..., *tile)])
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, picture, rtol=1e-5)


def test_tiles_that_differ_are_blended_without_a_step():
    number = iter(range(100))

    def compute(tile):
        rows, columns = (window.stop - window.start for window in tile)
        return np.full((2, rows, columns), next(number) % 2, np.float32)

    found = blend_tiles((2, 64, 300), 64, compute)[0, 32]
    assert found.min() == 0
    assert found.max() == 1
    # from 0 to 1 takes as many pixels as tiles share
    assert np.abs(np.diff(found)).max() < 2.5 / (64 / OVERLAP)
