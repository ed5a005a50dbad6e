"""Colours of flow against the wheel of Baker et al., pixel by pixel."""

import numpy as np
import pytest

from napari_motionseg.errors import MotionError
from napari_motionseg.motion import (
    color_wheel,
    flow_to_rgb,
    full_color_length,
)


def plain_colour(x, y, maximum):
    """The Middlebury colour of one vector, step by step."""
    corners = [
        ((255, 0, 0), (255, 255, 0), 15), ((255, 255, 0), (0, 255, 0), 6),
        ((0, 255, 0), (0, 255, 255), 4), ((0, 255, 255), (0, 0, 255), 11),
        ((0, 0, 255), (255, 0, 255), 13), ((255, 0, 255), (255, 0, 0), 6),
    ]  # fmt: skip
    wheel = [
        [a + (b - a) * step / steps for a, b in zip(start, end, strict=True)]
        for start, end, steps in corners
        for step in range(steps)
    ]
    length = np.hypot(x, y) / maximum
    place = (np.degrees(np.arctan2(y, x)) % 360) / 360 * 55
    below, part = int(place) % 55, place - int(place)
    hue = [
        a * (1 - part) + b * part
        for a, b in zip(wheel[below], wheel[(below + 1) % 55], strict=True)
    ]
    if length <= 1:
        return [255 - length * (255 - h) for h in hue]
    return [0.75 * h for h in hue]


def test_colours_are_the_wheels():
    generator = np.random.default_rng(0)
    flow = generator.normal(0, 3, (2, 7, 9))
    found = flow_to_rgb(flow, 4.0)
    for row, column in np.ndindex(7, 9):
        expected = plain_colour(*flow[:, row, column], 4.0)
        np.testing.assert_allclose(found[row, column], expected, atol=0.51)


def test_zero_is_white_right_is_red_and_damage_is_black():
    flow = np.zeros((3, 2, 1, 3))
    flow[:, 0, 0, 1] = 2.0
    flow[:, 1, 0, 2] = np.nan
    colours = flow_to_rgb(flow)
    assert colours.shape == (3, 1, 3, 3)
    assert colours[0, 0].tolist() == [[255, 255, 255], [255, 0, 0], [0, 0, 0]]
    still = flow_to_rgb(np.zeros((2, 4, 4)))
    assert (still == 255).all()


def test_turning_the_flow_turns_the_wheel():
    wheel = color_wheel(65)
    assert wheel.shape == (65, 65, 4)
    assert wheel[32, 32].tolist() == [255, 255, 255, 255]
    assert wheel[0, 0, 3] == 0
    assert wheel[32, 63, :3].tolist()[0] > 240


@pytest.mark.parametrize(
    ("shape", "maximum", "words"),
    [((3, 4, 4), 1, "shape"), ((2, 4), 1, "shape"), ((2, 4, 4), 0, "positive")],
)
def test_what_is_no_flow(shape, maximum, words):
    with pytest.raises(MotionError, match=words):
        flow_to_rgb(np.zeros(shape), maximum)
    with pytest.raises(MotionError, match="at least 3"):
        color_wheel(2)


def test_full_colour_is_not_decided_by_a_wild_vector():
    flow = np.zeros((3, 2, 40, 42), np.float32)
    flow[:, 0] = 3
    flow[1, :, 0, 0] = 900
    assert full_color_length(flow) == pytest.approx(3)
    assert full_color_length(0 * flow) == 0.5
