"""Speed of sections against differences taken one by one."""

import numpy as np
import pytest

from napari_motionseg.measurement import Calibration
from napari_motionseg.measurement.section_speed import section_speeds


def test_even_motion_has_its_speed_also_with_uneven_times():
    times = np.array([0.0, 40.0, 120.0, 160.0, 300.0])
    velocity = np.array([30.0, -40.0])  # px a second
    points = times[:, None, None] / 1000 * velocity + np.zeros((5, 3, 2))
    found = section_speeds(points, times, Calibration())
    np.testing.assert_allclose(found, 50)
    size = Calibration(0.2, 0.1, "test", True)
    slow = section_speeds(points, times, size)
    np.testing.assert_allclose(slow, np.hypot(30 * 0.2, 40 * 0.1))


def test_inside_the_loop_it_is_the_difference_over_two_frames():
    rng = np.random.default_rng(0)
    points, times = rng.normal(size=(6, 2, 2)), np.arange(6) * 50.0
    found = section_speeds(points, times, Calibration())
    for t in range(1, 5):
        for n in range(2):
            way = points[t + 1, n] - points[t - 1, n]
            assert found[t, n] == pytest.approx(np.hypot(*way) / 0.1)


def test_unknown_places_have_no_speed_and_one_frame_has_none():
    points = np.zeros((4, 2, 2))
    points[2, 1] = np.nan
    found = section_speeds(points, np.arange(4) * 40.0, Calibration())
    assert np.isnan(found[1:, 1]).any()
    assert (found[:, 0] == 0).all()
    alone = section_speeds(np.zeros((1, 2, 2)), np.zeros(1), Calibration())
    assert np.isnan(alone).all()
