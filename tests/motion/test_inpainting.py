import numpy as np
import pytest

from napari_motionseg.errors import MotionError
from napari_motionseg.motion.inpainting import fill_in


def relaxed(picture, hole, sweeps=4000):
    """Replace each pixel of the hole by the mean of its neighbours, again and again."""
    filled = picture.astype(float)
    filled[hole] = 0
    height, width = picture.shape
    for _ in range(sweeps):
        for y, x in np.argwhere(hole):
            near = [
                filled[v, u]
                for v, u in ((y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1))
                if 0 <= v < height and 0 <= u < width
            ]
            filled[y, x] = np.mean(near)
    return filled


def test_it_is_what_relaxation_ends_at():
    """Holes inside, at the border and in a corner."""
    rng = np.random.default_rng(0)
    picture = rng.random((9, 11)).astype(np.float32)
    hole = np.zeros(picture.shape, bool)
    hole[2:5, 3:7] = hole[0, 6:10] = hole[6:, :3] = hole[8, 10] = True
    found = fill_in(picture, hole)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, relaxed(picture, hole, 300), atol=1e-5)


def test_a_plane_goes_on_and_the_rest_stays():
    rows, columns = np.mgrid[:20, :31]
    plane = (0.02 * rows - 0.01 * columns + 0.5).astype(np.float32)
    hole = np.zeros(plane.shape, bool)
    hole[5:15, 4:27] = True
    torn = np.where(hole, np.float32(np.nan), plane)
    np.testing.assert_allclose(fill_in(torn, hole), plane, atol=1e-6)


def test_no_value_lies_beyond_those_of_the_edge():
    rng = np.random.default_rng(1)
    picture = rng.random((40, 40)).astype(np.float32)
    hole = rng.random(picture.shape) < 0.6
    found = fill_in(picture, hole)
    assert found.min() >= picture[~hole].min() - 1e-6
    assert found.max() <= picture[~hole].max() + 1e-6


def test_without_a_hole_nothing_changes():
    picture = np.eye(5, dtype=np.float32)
    found = fill_in(picture, np.zeros((5, 5), bool))
    np.testing.assert_array_equal(found, picture)
    assert found is not picture


def test_a_hole_of_everything_is_refused():
    with pytest.raises(MotionError, match="must not cover all 25 pixels"):
        fill_in(np.zeros((5, 5), np.float32), np.ones((5, 5), bool))
