from __future__ import annotations

import math

import numpy as np
import pytest

from napari_motionseg.guidance.local_axis import across_axis


def line(angle: float) -> np.ndarray:
    """Return a dark line through the middle whose direction has this angle."""
    y, x = np.mgrid[:65, :65] - 32.0
    away = -x * math.sin(angle) + y * math.cos(angle)
    return (0.8 - 0.4 * np.exp(-(away**2) / 8)).astype(np.float32)


@pytest.mark.parametrize("degrees", [0, 30, 75, 90, 130, 179])
def test_the_axis_is_at_a_right_angle_to_the_vessel(degrees: float) -> None:
    found = across_axis(line(math.radians(degrees)), [(32, 32)])
    apart = abs((math.degrees(found) - degrees - 90 + 90) % 180 - 90)
    assert apart < 3


def test_points_on_one_vessel_agree_and_flat_ones_do_not_count() -> None:
    picture = np.full((65, 200), 0.8, np.float32)
    picture[:, :65] = line(math.radians(90))
    found = across_axis(picture, [(20, 32), (45, 32), (32, 170)])
    assert min(found, math.pi - found) < 0.05


def test_a_flat_frame_has_no_axis() -> None:
    assert across_axis(np.full((20, 20), 0.5, np.float32), [(0, 19)]) == 0
