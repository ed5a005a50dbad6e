"""The longest course of a tree, found without anybody's points."""

import numpy as np
import pytest

from napari_motionseg.errors import MeasurementError
from napari_motionseg.measurement.longest_path import longest_path


def thick(mask):
    grown = mask.copy()
    for down in (-1, 0, 1):
        for right in (-1, 0, 1):
            grown |= np.roll(mask, (down, right), (0, 1))
    return grown


@pytest.fixture
def tree():
    """A trunk of 160 px along row 80, a branch of 60 px up, and a speck elsewhere."""
    mask = np.zeros((200, 240), bool)
    mask[80, 30:191] = True
    mask[20:80, 110] = True
    mask[150, 30:60] = True
    return thick(mask)


def test_the_course_follows_the_trunk_and_leaves_its_ends_out(tree):
    points = np.array(longest_path(tree))
    columns = points[:, 1]
    assert np.all(np.abs(points[:, 0] - 80) <= 1)
    steps = np.diff(columns)
    assert np.all(steps > 0) or np.all(steps < 0)
    assert columns.min() == pytest.approx(30 + 8, abs=4)
    assert columns.max() == pytest.approx(190 - 8, abs=4)
    assert np.all(np.abs(np.abs(steps) - 30) < 10)


def test_a_way_round_a_loop_is_no_shortcut_out_of_the_vessel():
    rows, columns = np.mgrid[:200, :200]
    ring = np.abs(np.hypot(rows - 100, columns - 100) - 60) < 2
    for row, column in longest_path(ring):
        assert np.hypot(row - 100, column - 100) == pytest.approx(60, abs=2)


@pytest.mark.parametrize("length", [0, 5, 15])
def test_nothing_long_enough_is_told(length):
    mask = np.zeros((40, 40), bool)
    mask[20, 5 : 5 + length] = True
    with pytest.raises(MeasurementError, match="20 px"):
        longest_path(mask)


def test_a_short_course_has_two_points(tree):
    assert len(longest_path(tree, apart=1000)) == 2
