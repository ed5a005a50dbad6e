from __future__ import annotations

import numpy as np
import pytest

from napari_motionseg.errors import SettingsError
from napari_motionseg.guidance import Clicks, carried_clicks


def flow(right: float, down: float) -> np.ndarray:
    field = np.zeros((2, 20, 30), np.float32)
    field[0], field[1] = right, down
    return field


def test_clicks_follow_the_flow() -> None:
    carried = carried_clicks(Clicks(((5, 6),), ((8, 9),)), flow(2.5, -1))
    assert carried == Clicks(((4, 8.5),), ((7, 11.5),))


def test_a_click_that_leaves_the_frame_is_left_out() -> None:
    carried = carried_clicks(Clicks(((5, 6), (5, 28)), ((19, 3),)), flow(3, 2))
    assert carried == Clicks(((7, 9),))


def test_a_click_whose_way_back_misses_is_left_out() -> None:
    back = flow(-2, 0)
    back[0, :, 15:] = 5
    clicks = Clicks(((5, 6), (5, 20)))
    assert carried_clicks(clicks, flow(2, 0), back) == Clicks(((5, 8),))
    assert carried_clicks(clicks, flow(2, 0), back, tolerance=9).positive == (
        (5, 8),
        (5, 22),
    )


def test_clicks_that_meet_stay_positive() -> None:
    field = flow(0, 0)
    field[0, :, 6] = 3
    carried = carried_clicks(Clicks(((5, 6),), ((5, 9),)), field)
    assert carried == Clicks(((5, 9),))


def test_other_arrays_are_refused() -> None:
    with pytest.raises(SettingsError, match=r"flow must be \(2, H, W\)"):
        carried_clicks(Clicks(((1, 1),)), np.zeros((20, 30)))
