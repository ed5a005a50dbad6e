"""The longest course of a tree, found without anybody's points."""

import numpy as np
import pytest
from skimage.morphology import skeletonize

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


def slow_longest(mask):
    """Length in px of the longest shortest way between two skeleton pixels."""
    pixels = np.argwhere(skeletonize(mask))
    away = np.abs(pixels[:, None] - pixels[None])
    touching = away.max(axis=2) == 1
    ways = np.where(touching, np.hypot(away[..., 0], away[..., 1]), np.inf)
    np.fill_diagonal(ways, 0)
    for middle in range(len(pixels)):  # Floyd and Warshall
        ways = np.minimum(ways, ways[:, middle, None] + ways[None, middle])
    return ways[np.isfinite(ways)].max()


@pytest.mark.parametrize("seed", range(4))
def test_no_way_between_two_pixels_of_a_tree_is_longer(seed):
    draws = np.random.default_rng(seed)
    mask = np.zeros((70, 70), bool)
    nodes = [np.array([35.0, 35.0])]
    for _ in range(6):  # each branch begins where another one ends
        start, angle = nodes[draws.integers(len(nodes))], draws.uniform(0, 2 * np.pi)
        course = np.linspace(0, draws.uniform(12, 28), 60)
        way = start + course[:, None] * (np.sin(angle), np.cos(angle))
        way = way[((way > 2) & (way < 67)).all(axis=1)]
        mask[tuple(way.round().astype(int).T)] = True
        nodes.append(way[-1] if len(way) else start)
    mask = thick(mask)
    points = np.array(longest_path(mask, apart=1e-3, ends=0))
    length = np.hypot(*np.diff(points, axis=0).T).sum()
    assert length == pytest.approx(slow_longest(mask))
