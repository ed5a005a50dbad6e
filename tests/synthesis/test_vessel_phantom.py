"""The phantom's truth against its own picture."""

import math

import numpy as np
import pytest

from napari_motionseg.synthesis.vessel_phantom import LEVEL, vessel_phantom


def test_columns_absorb_what_the_sections_of_the_tube_hold():
    """A straight tube: a column of pixels absorbs contrast times pi r^2."""
    for radius, blur in ((0.8, 0.6), (4.0, 1.2)):
        made = vessel_phantom(radius=radius, blur=blur, noise=0.0, bend=0.0)
        absorbed = (LEVEL - made.frame[:, 40:80]).sum(axis=0)
        np.testing.assert_allclose(absorbed, 0.033 * math.pi * radius**2, rtol=1e-3)


def test_a_lesion_has_the_depth_that_was_asked_for():
    made = vessel_phantom(radius=5.0, depth=0.6)
    assert made.radius.min() == pytest.approx(2.0, abs=1e-6)
    assert made.radius.max() == pytest.approx(5.0, abs=1e-3)
    middle = made.centre[made.radius.argmin()]
    assert made.radius_at(middle[None]) == pytest.approx(2.0)
    assert middle[1] == pytest.approx(64, abs=2)


def test_noise_and_tissue_are_as_strong_as_asked_and_seeded():
    plain = vessel_phantom(noise=0.0)
    noisy = vessel_phantom(noise=0.02, seed=3)
    assert (noisy.frame - plain.frame).std() == pytest.approx(0.02, rel=0.05)
    uneven = vessel_phantom(noise=0.0, tissue=0.05)
    assert (uneven.frame - plain.frame).std() == pytest.approx(0.05, rel=0.01)
    again = vessel_phantom(noise=0.02, seed=3)
    np.testing.assert_array_equal(noisy.frame, again.frame)


def test_the_mask_and_the_ends_lie_on_the_vessel():
    made = vessel_phantom(radius=3.0)
    assert made.mask.sum() == pytest.approx(6.0 * 128 * 1.02, rel=0.06)
    for row, column in made.ends():
        assert made.mask[round(row), round(column)]


def test_a_turned_vessel_leaves_the_picture_at_both_sides():
    made = vessel_phantom(radius=3.0, bend=0.0, angle=25.0, noise=0.0)
    (row, column), (last_row, last_column) = made.ends()
    slope = (last_row - row) / (last_column - column)
    assert abs(slope) == pytest.approx(math.tan(math.radians(25)), rel=0.01)
    assert made.mask[:, 1].any()
    assert made.mask[:, -2].any()
    across = (LEVEL - made.frame[:, 60:70]).sum(axis=0) * math.cos(math.radians(25))
    np.testing.assert_allclose(across, 0.033 * math.pi * 9, rtol=5e-3)
