"""The pattern of unknown pixels: stripes, and nothing where all is known."""

import numpy as np

from napari_motionseg.motion.hatching import (
    DARK_STRIPE,
    LIGHT_STRIPE,
    NOTHING,
    PERIOD_PX,
    hatch_labels,
    hatch_picture,
    stripes,
)

SIZE = (21, 30)


def unknown():
    return np.random.default_rng(0).random(SIZE) < 0.3


def test_stripes_are_diagonal_and_take_half():
    pattern = stripes((2 * PERIOD_PX, 3 * PERIOD_PX))
    for row in range(2 * PERIOD_PX):
        for column in range(3 * PERIOD_PX):
            assert pattern[row, column] == ((row + column) % PERIOD_PX < PERIOD_PX / 2)
    assert pattern.mean() == 0.5


def test_labels_are_two_where_something_is_unknown():
    hidden = unknown()
    labels = hatch_labels(hidden)
    np.testing.assert_array_equal(labels != NOTHING, hidden)
    assert set(np.unique(labels)) == {NOTHING, DARK_STRIPE, LIGHT_STRIPE}
    assert not hatch_labels(np.zeros(SIZE, bool)).any()


def test_a_picture_is_opaque_there_and_nowhere_else():
    hidden = unknown()
    picture = hatch_picture(hidden)
    np.testing.assert_array_equal(picture[..., 3], np.where(hidden, 255, 0))
    dark, light = picture[hidden & stripes(SIZE)], picture[hidden & ~stripes(SIZE)]
    assert dark[:, :3].max() < 60
    assert light[:, :3].min() > 200
