from __future__ import annotations

import numpy as np
import pytest

from napari_motionseg.errors import SettingsError
from napari_motionseg.evaluation.simulated_clicks import inmost_pixel, next_click


def square(rows: slice, columns: slice) -> np.ndarray:
    mask = np.zeros((20, 30), bool)
    mask[rows, columns] = True
    return mask


def test_the_click_is_in_the_middle_of_the_largest_error() -> None:
    truth = square(slice(2, 9), slice(3, 10))
    nothing = np.zeros_like(truth)
    assert next_click(nothing, truth) == (5, 6, True)
    assert next_click(truth | square(slice(10, 19), slice(12, 21)), truth) == (
        14,
        16,
        False,
    )


def test_a_small_error_of_the_other_kind_does_not_count() -> None:
    truth = square(slice(2, 9), slice(3, 10))
    found = square(slice(2, 4), slice(3, 10)) | square(slice(15, 17), slice(20, 22))
    click = next_click(found, truth)
    assert click is not None
    assert click.missing
    assert (click.row, click.column) == (6, 6)


def test_no_error_needs_no_click() -> None:
    truth = square(slice(2, 9), slice(3, 10))
    assert next_click(truth, truth) is None


def test_a_ring_is_clicked_on_itself_and_a_corner_inside() -> None:
    ring = square(slice(2, 17), slice(3, 18))
    ring[6:13, 7:14] = False
    assert ring[inmost_pixel(ring)]
    assert inmost_pixel(square(slice(0, 5), slice(0, 5))) == (2, 2)
    assert inmost_pixel(square(slice(7, 8), slice(9, 10))) == (7, 9)


def test_masks_of_two_sizes_are_refused() -> None:
    with pytest.raises(SettingsError, match="of one size"):
        next_click(np.zeros((3, 4), bool), np.zeros((4, 3), bool))
