"""Reference diameters and lesions of profiles that are known."""

import numpy as np
import pytest

from napari_motionseg.errors import MeasurementError, SettingsError
from napari_motionseg.measurement.stenosis import (
    Lesion,
    find_lesions,
    reference_diameters,
)

LENGTH = np.linspace(0, 40, 401)
TAPER = 3.0 - 0.02 * LENGTH


def narrowed(*dips):
    """The taper with dips: (place, depth, half width)."""
    profile = TAPER.copy()
    for place, depth, width in dips:
        profile *= 1 - depth * np.exp(-(((LENGTH - place) / width) ** 2))
    return profile


def test_a_fitted_curve_is_the_healthy_taper():
    noise = np.random.default_rng(0).normal(0, 0.03, len(LENGTH))
    profile = narrowed((20, 0.6, 3)) + noise
    found = reference_diameters(LENGTH, profile)
    np.testing.assert_allclose(found, TAPER, atol=0.06)


def test_markers_give_a_line_or_a_mean():
    profile = narrowed((20, 0.6, 3))
    line = reference_diameters(LENGTH, profile, "interpolated local")
    np.testing.assert_allclose(line, TAPER, atol=0.01)
    mean = reference_diameters(LENGTH, profile, "mean local", markers=(5.0, 35.0))
    np.testing.assert_allclose(mean, 2.6, atol=0.01)
    moved = reference_diameters(
        LENGTH, profile, "interpolated local", markers=(20.0, 38.0)
    )
    assert moved[200] == pytest.approx(profile[200], abs=0.05)


def test_lesions_are_found_with_their_numbers():
    profile = narrowed((12, 0.4, 2), (30, 0.7, 1.5))
    worst, other = find_lesions(LENGTH, profile, TAPER)
    assert LENGTH[worst.smallest] == pytest.approx(30, abs=0.2)
    assert worst.percent_diameter_stenosis == pytest.approx(70, abs=0.5)
    assert worst.percent_area_stenosis == pytest.approx(91, abs=0.5)
    assert other.percent_diameter_stenosis == pytest.approx(40, abs=0.5)
    # within 5 %: depth exp(-(x / width)^2) = 0.05
    half = 1.5 * np.sqrt(np.log(0.7 / 0.05))
    assert worst.length == pytest.approx(2 * half, abs=0.3)
    assert worst.start < worst.smallest < worst.end


def test_a_healthy_vessel_and_a_shallow_dip_have_no_lesion():
    assert find_lesions(LENGTH, TAPER, TAPER) == []
    assert find_lesions(LENGTH, narrowed((20, 0.15, 3)), TAPER) == []


def test_an_occlusion_is_a_result():
    profile = TAPER.copy()
    profile[150:200] = 0.0
    (lesion,) = find_lesions(LENGTH, profile, TAPER)
    assert lesion.mld == 0.0
    assert lesion.percent_diameter_stenosis == 100.0


def test_a_lesion_at_the_end_stays_on_the_vessel():
    (lesion,) = find_lesions(LENGTH, narrowed((40, 0.5, 3)), TAPER)
    assert lesion.end == len(LENGTH) - 1


def test_a_lesions_arithmetic():
    lesion = Lesion(1, 5, 9, mld=1.0, rvd=4.0, length=2.0)
    assert lesion.percent_diameter_stenosis == 75.0
    assert lesion.percent_area_stenosis == 93.75


@pytest.mark.parametrize(
    ("method", "markers", "error", "words"),
    [
        ("curve fited", None, SettingsError, "did you mean 'curve fitted'"),
        ("mean local", (30.0, 5.0), MeasurementError, "first before the second"),
        ("mean local", (-1.0, 5.0), MeasurementError, "from 0.00 to 40.00"),
    ],
)
def test_what_cannot_be(method, markers, error, words):
    with pytest.raises(error, match=words):
        reference_diameters(LENGTH, TAPER, method, markers)


def slow_lesions(diameters, reference):
    """Return (start, smallest, end) of lesions, walked out from each narrow place."""
    share, found = diameters / reference, {}
    for deep in np.flatnonzero(share <= 0.8):
        first = last = int(deep)
        while first > 0 and share[first] < 0.95:
            first -= 1
        while last < len(share) - 1 and share[last] < 0.95:
            last += 1
        inner = range(first, last + 1)
        found[first, last] = (first, min(inner, key=lambda i: share[i]), last)
    return sorted(found.values(), key=lambda one: share[one[1]])


@pytest.mark.parametrize("seed", range(5))
def test_lesions_equal_those_walked_sample_by_sample(seed):
    rng = np.random.default_rng(seed)
    dips = [(rng.uniform(0, 40), rng.uniform(0.1, 0.9), 1.5) for _ in range(5)]
    profile = narrowed(*dips) + rng.normal(0, 0.02, len(LENGTH))
    found = find_lesions(LENGTH, profile, TAPER)
    slow = slow_lesions(profile, TAPER)
    assert [(one.start, one.smallest, one.end) for one in found] == slow
    assert len(slow) > 0


def test_the_fitted_curve_is_the_line_that_its_own_weights_give():
    rng = np.random.default_rng(1)
    profile = narrowed((20, 0.6, 3)) + rng.normal(0, 0.03, len(LENGTH))
    found = reference_diameters(LENGTH, profile)
    below = profile - found
    near = abs(below) < 0.5
    spread = 1.4826 * np.median(abs(below[near]))
    for _ in range(20):  # the spread is that of the samples that count
        spread = 1.4826 * np.median(abs(below[abs(below) < 3 * spread]))
    weight = np.clip(1 - (below / (3 * spread)) ** 2, 0, None)  # squared by polyfit
    line = np.polynomial.Polynomial.fit(LENGTH, profile, 1, w=weight)
    np.testing.assert_allclose(line(LENGTH), found, atol=1e-3)
