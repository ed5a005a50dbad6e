"""Pictures of measured vessels."""

import numpy as np
import pytest

from napari_motionseg.measurement.result_figures import ROOM_PX, shown_window

SHAPE = (300, 420)


@pytest.mark.parametrize(
    "ends", [((60, 200), (220, 210)), ((150, 60), (155, 250)), ((0, 0), (90, 40))]
)
def test_the_window_is_square_and_shows_the_line_with_its_surroundings(ends):
    points = np.linspace(*ends, 50)
    (top, bottom), (left, right) = shown_window(points, SHAPE)
    assert bottom - top == pytest.approx(right - left)
    for line, low, high, last in (
        (points[:, 0], top, bottom, SHAPE[0]), (points[:, 1], left, right, SHAPE[1]),
    ):  # fmt: skip
        assert -0.5 <= low <= max(line.min() - ROOM_PX, -0.5)
        assert min(line.max() + ROOM_PX, last) - 0.5 <= high <= last - 0.5


def test_a_line_across_the_frame_is_shown_with_the_whole_frame():
    points = np.linspace((10, 10), (290, 410), 50)
    window = shown_window(points, SHAPE)
    np.testing.assert_allclose(window, [[-0.5, 299.5], [-0.5, 419.5]])
