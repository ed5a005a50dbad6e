from __future__ import annotations

import numpy as np
import pytest

from napari_motionseg.errors import SettingsError
from napari_motionseg.guidance import Arrow, Clicks
from napari_motionseg.guidance.points import check_frame


def test_ten_clicks_on_one_spot_count_once() -> None:
    clicks = Clicks(tuple((5.0 + 0.01 * i, 7.2) for i in range(10)), ((1, 1), (1, 1)))
    assert clicks.positive == ((5.0, 7.2),)
    assert clicks.points == ((5.0, 7.2), (1.0, 1.0))


def test_only_negative_points_are_refused() -> None:
    with pytest.raises(SettingsError, match="at least one positive point"):
        Clicks((), ((1, 2),)).check((8, 8))


def test_a_pixel_is_not_both() -> None:
    with pytest.raises(SettingsError, match=r"row 3, column 4 is both"):
        Clicks(((3, 4),), ((3.2, 3.9),))


@pytest.mark.parametrize("point", [(-1, 2), (8, 2), (2, 9), (2, -0.6)])
def test_a_point_outside_the_frame_is_refused(point: tuple[float, float]) -> None:
    with pytest.raises(SettingsError, match="outside the frame of 8 rows and 9"):
        Clicks((point,)).check((8, 9))


def test_a_point_outside_the_field_of_view_is_refused() -> None:
    field = np.ones((8, 9), bool)
    field[:, 5:] = False
    Clicks(((2, 4),)).check((8, 9), field)
    with pytest.raises(SettingsError, match="row 2, column 6 is outside the field"):
        Clicks(((2, 4),), ((2, 6),)).check((8, 9), field)


def test_coordinates_must_be_finite() -> None:
    with pytest.raises(SettingsError, match="positive points must be finite"):
        Clicks(((np.nan, 1),))
    with pytest.raises(SettingsError, match="down of an arrow must be finite"):
        Arrow(1, 1, np.inf, 0)


def test_an_arrow_keeps_its_direction_when_it_is_clipped() -> None:
    assert Arrow(1, 2, 3, 4).clipped(50) == Arrow(1, 2, 3, 4)
    short = Arrow(1, 2, 30, 40).clipped(5)
    assert (short.down, short.right) == pytest.approx((3, 4))
    assert Arrow(1, 2).clipped(5) == Arrow(1, 2)


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (np.zeros((4, 4, 3)), r"axes \(H, W\); got \(4, 4, 3\); convert colours"),
        (np.zeros((0, 4)), r"got \(0, 4\)"),
        (np.full((4, 4), 200), "gray values in .0, 1.; got 200 to 200"),
        (np.full((4, 4), np.nan), "got nan"),
    ],
)
def test_what_is_not_a_frame_is_refused(frame: np.ndarray, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        check_frame(frame)
