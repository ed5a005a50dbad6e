"""The blurred tube against a slow integral, and its derivatives."""

import math

import numpy as np
import pytest

from napari_motionseg.measurement.tube_profile import tube_profile, tube_values


def slow(distance, radius, blur):
    """Integrate the way through the tube times the blur, by many small steps."""
    t = (np.arange(40_000) + 0.5) / 40_000 * 2 * radius - radius
    way = 2 * np.sqrt(radius**2 - t**2)
    bell = np.exp(-0.5 * ((distance - t) / blur) ** 2)
    bell /= math.sqrt(2 * math.pi) * blur
    return float((way * bell).sum() * 2 * radius / len(t))


@pytest.mark.parametrize("radius", [0.3, 1.0, 2.7, 14.0])
@pytest.mark.parametrize("blur", [0.4, 1.1, 3.0])
def test_single_precision_is_enough(radius, blur):
    """The fit computes in single precision; nothing may be lost by cancellation."""
    distance = np.linspace(-radius - 3 * blur, radius + 3 * blur, 31)[None]
    single = tube_profile(distance.astype(np.float32), np.array([radius]), blur)
    double = tube_profile(distance, np.array([radius]), blur)
    for name in single._fields:
        exact = getattr(double, name)
        assert getattr(single, name).dtype == np.float32
        scale = 2e-5 * np.abs(exact).max()
        np.testing.assert_allclose(getattr(single, name), exact, atol=scale)


@pytest.mark.parametrize("radius", [0.3, 1.0, 2.7, 14.0])
@pytest.mark.parametrize("blur", [0.4, 1.1, 3.0])
def test_equals_the_integral(radius, blur):
    distance = np.linspace(-1.5 * radius - 3 * blur, radius + 3 * blur, 9)
    found = tube_profile(distance[None], np.array([radius]), blur).value[0]
    expected = [slow(d, radius, blur) for d in distance]
    np.testing.assert_allclose(found, expected, atol=2e-5 * radius)


def test_blur_takes_no_absorbance_away():
    """The area under the profile is the tube's section, whatever the blur."""
    distance = np.arange(-40, 40, 0.05)[None]
    for radius, blur in ((0.5, 2.0), (3.0, 0.7)):
        profile = tube_profile(distance, np.array([radius]), blur).value
        assert profile.sum() * 0.05 == pytest.approx(math.pi * radius**2, rel=1e-6)


def test_derivatives_are_differences():
    distance = np.linspace(-6, 5, 23)[None] + np.zeros((3, 1))
    radius, blur, step = np.array([0.6, 1.9, 4.0]), 0.8, 1e-5
    found = tube_profile(distance, radius, blur)
    sides = {
        "by_distance": lambda e: tube_profile(distance + e, radius, blur),
        "by_log_radius": lambda e: tube_profile(distance, radius * math.exp(e), blur),
        "by_log_blur": lambda e: tube_profile(distance, radius, blur * math.exp(e)),
    }
    for name, side in sides.items():
        numeric = (side(step).value - side(-step).value) / (2 * step)
        np.testing.assert_allclose(getattr(found, name), numeric, atol=1e-5)


def test_every_tube_has_its_own_radius():
    distance = np.linspace(-5, 5, 11)[None] + np.zeros((2, 1))
    both = tube_profile(distance, np.array([1.0, 3.0]), 0.9).value
    for row, radius in enumerate((1.0, 3.0)):
        alone = tube_profile(distance[:1], np.array([radius]), 0.9).value
        np.testing.assert_allclose(both[row], alone[0], atol=1e-9)


def test_values_alone_are_those_with_derivatives():
    distance = np.linspace(-6, 5, 23)[None] + np.zeros((3, 1))
    radius = np.array([0.6, 1.9, 4.0])
    expected = tube_profile(distance, radius, 0.8).value
    np.testing.assert_allclose(tube_values(distance, radius, 0.8), expected, rtol=1e-12)
