"""The island that a person points at, against a flood of one pixel at a time."""

import numpy as np
import pytest

from napari_motionseg.segmentation.islands import island_at


def flooded(mask, row, column):
    """Follow neighbours of the same class, also over corners."""
    found, waiting = set(), [(row, column)]
    while waiting:
        here = waiting.pop()
        if here in found:
            continue
        found.add(here)
        for down in (-1, 0, 1):
            for right in (-1, 0, 1):
                r, c = here[0] + down, here[1] + right
                inside = 0 <= r < mask.shape[0] and 0 <= c < mask.shape[1]
                if inside and mask[r, c] == mask[row, column]:
                    waiting.append((r, c))
    part = np.zeros(mask.shape, bool)
    part[tuple(np.array(sorted(found)).T)] = True
    return part


@pytest.mark.parametrize("seed", range(4))
def test_the_part_at_a_pixel_is_what_a_flood_reaches(seed):
    rng = np.random.default_rng(seed)
    mask = rng.choice([0, 0, 1, 1, 2], (17, 13)).astype(np.uint8)
    for row, column in np.argwhere(mask)[::7]:
        np.testing.assert_array_equal(
            island_at(mask, row, column), flooded(mask, row, column)
        )


def test_a_diagonal_line_is_one_part():
    mask = np.eye(9, dtype=np.uint8)
    assert island_at(mask, 0, 0).sum() == 9


@pytest.mark.parametrize(("reach", "found"), [(0, 0), (2, 0), (3, 4), (5, 4)])
def test_a_click_may_miss_by_a_little(reach, found):
    mask = np.zeros((12, 12), np.uint8)
    mask[6, 2:6] = 1
    assert island_at(mask, 9, 4, reach).sum() == found


def test_the_nearest_of_two_parts_is_meant():
    mask = np.zeros((10, 10), np.uint8)
    mask[2, 2:8], mask[5, 2:4] = 1, 2
    assert island_at(mask, 4, 3).sum() == 2


@pytest.mark.parametrize("pixel", [(-1, 2), (3, 20), (-50, -50), (200, 2)])
def test_clicks_beside_the_picture_find_nothing_far(pixel):
    mask = np.zeros((6, 8), np.uint8)
    mask[3, 3] = 1
    assert not island_at(mask, *pixel).any()
