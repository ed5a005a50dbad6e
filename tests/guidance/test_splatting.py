from __future__ import annotations

import numpy as np
import pytest

from napari_motionseg.errors import SettingsError
from napari_motionseg.guidance.splatting import filled, splat


def frame(shape: tuple[int, int] = (13, 17)) -> np.ndarray:
    return np.random.default_rng(0).random(shape, dtype=np.float32)


def test_a_whole_shift_moves_every_pixel() -> None:
    picture = frame()
    flow = np.zeros((2, 13, 17), np.float32)
    flow[0], flow[1] = 3, -2
    moved, hole = splat(picture, flow)
    np.testing.assert_allclose(moved[:-2, 3:], picture[2:, :-3], atol=1e-6)
    expected = np.ones((13, 17), bool)
    expected[:-2, 3:] = False
    assert (hole == expected).all()


def test_half_a_pixel_is_the_mean_of_two() -> None:
    picture = frame()
    flow = np.zeros((2, 13, 17), np.float32)
    flow[0] = 0.5
    moved, _ = splat(picture, flow)
    expected = (picture[:, 1:] + picture[:, :-1]) / 2
    np.testing.assert_allclose(moved[:, 1:], expected, atol=1e-6)


def test_the_moving_object_hides_the_still_background() -> None:
    picture = np.full((9, 9), 0.8, np.float32)
    picture[4, 2] = 0.1
    flow = np.zeros((2, 9, 9), np.float32)
    flow[0, 4, 2] = 4
    moved, hole = splat(picture, flow)
    assert moved[4, 6] == pytest.approx(0.1, abs=0.06)
    assert hole[4, 2]
    assert hole.sum() == 1
    full = filled(moved, hole)
    assert full[4, 2] == pytest.approx(0.8, abs=0.01)
    np.testing.assert_array_equal(full[~hole], moved[~hole])


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (13, 17), (64, 48)])
def test_no_hole_is_left(shape: tuple[int, int]) -> None:
    picture = frame(shape)
    hole = np.random.default_rng(1).random(shape) < 0.9
    full = filled(np.where(hole, 0, picture), hole)
    assert np.isfinite(full).all()
    if not hole.all():
        known = picture[~hole]
        assert full.min() >= known.min() - 1e-6
        assert full.max() <= known.max() + 1e-6
        np.testing.assert_allclose(full[~hole], known, atol=1e-6)


def test_a_constant_frame_stays_constant() -> None:
    hole = np.zeros((32, 32), bool)
    hole[5:29, 3:20] = True
    full = filled(np.where(hole, 0, np.float32(0.6)), hole)
    np.testing.assert_allclose(full, 0.6, atol=1e-6)


def test_flow_of_another_size_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"axes \(2, 13, 17\); got \(2, 13, 16\)"):
        splat(frame(), np.zeros((2, 13, 16)))
    with pytest.raises(SettingsError, match="must be finite"):
        splat(frame(), np.full((2, 13, 17), np.nan))
