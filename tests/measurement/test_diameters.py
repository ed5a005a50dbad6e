"""Diameters of a phantom whose every diameter is known."""

import math

import numpy as np
import pytest

from napari_motionseg.errors import MeasurementError, SettingsError
from napari_motionseg.measurement import (
    Calibration,
    measure_diameters,
    trace_centreline,
)
from napari_motionseg.measurement.centreline import Centreline, vessel_cost
from napari_motionseg.measurement.diameters import preview_diameters
from napari_motionseg.measurement.straightening import straighten
from napari_motionseg.synthesis.vessel_phantom import vessel_phantom


def measured(phantom, method="tube", calibration=None):
    line = trace_centreline(vessel_cost(phantom.frame), phantom.ends())
    return measure_diameters(phantom.frame, line, calibration, method)


def errors(phantom, profile):
    return profile.diameters - 2 * phantom.radius_at(profile.line.points)


@pytest.mark.parametrize(("radius", "depth"), [(6.0, 0.5), (4.0, 0.7), (2.5, 0.5)])
def test_tubes_have_the_phantoms_diameters(radius, depth):
    phantom = vessel_phantom(radius=radius, depth=depth)
    profile = measured(phantom)
    error = errors(phantom, profile)
    assert abs(error.mean()) < 0.08
    assert error.std() < 0.2
    smallest = 2 * phantom.radius.min()
    assert profile.diameters.min() == pytest.approx(smallest, abs=0.3)
    # the pixel's own width adds 1 / 12 to the blur's variance
    assert profile.fit.blur == pytest.approx(np.hypot(0.9, 12**-0.5), abs=0.05)
    share = np.abs(error) < 2 * profile.uncertainty
    assert share.mean() > 0.7


def test_the_line_is_moved_to_the_middle():
    phantom = vessel_phantom(radius=5.0)
    profile = measured(phantom)
    from scipy.spatial import cKDTree

    away, _ = cKDTree(phantom.centre).query(profile.line.points)
    assert np.median(away) < 0.1


def test_without_noise_a_wide_vessel_is_exact():
    phantom = vessel_phantom(radius=5.0, noise=0.0, bend=0.0)
    middle = errors(phantom, measured(phantom))[20:-20]
    assert np.abs(middle).max() < 0.05


def test_densitometry_and_edges_are_other_ways():
    phantom = vessel_phantom(radius=5.0, depth=0.4)
    area = errors(phantom, measured(phantom, "densitometry"))
    assert abs(area.mean()) < 0.15
    edges = errors(phantom, measured(phantom, "edges"))
    assert 0 < edges.mean() < 1.0  # it reads too large, as edges of blurred tubes do
    assert edges.std() < 0.6


def test_millimetres_and_pixels_that_are_not_square():
    """A picture squeezed by a half in its rows gives the same millimetres."""
    phantom = vessel_phantom(radius=5.0, bend=4.0, noise=0.004)
    whole = measured(phantom, calibration=Calibration(0.2, 0.2, "test", known=True))
    squeezed = phantom.frame.reshape(64, 2, 128).mean(axis=1)
    ends = [((row - 0.5) / 2, column) for row, column in phantom.ends()]
    line = trace_centreline(vessel_cost(squeezed), ends, aspect=2.0)
    calibration = Calibration(0.4, 0.2, "test", known=True)
    found = measure_diameters(squeezed, line, calibration)
    assert np.median(found.diameters) == pytest.approx(2.0, abs=0.05)
    assert np.median(whole.diameters) == pytest.approx(2.0, abs=0.02)
    assert found.arc_length[-1] == pytest.approx(whole.arc_length[-1], rel=0.02)


def test_where_there_is_no_vessel_it_says_so():
    noise = np.random.default_rng(0).normal(0.5, 0.01, (96, 96))
    line = trace_centreline(np.ones((96, 96)), [(20.0, 10.0), (70.0, 80.0)])
    with pytest.raises(MeasurementError, match="darker than what lies beside"):
        measure_diameters(noise, line)
    with pytest.raises(SettingsError, match="did you mean 'tube'"):
        measure_diameters(noise, line, method="tubes")


def test_a_thin_lumen_in_uneven_tissue_is_not_taken_for_wide_and_faint():
    """A lesion of 86 % beside tissue that dips as a tube of 19 px would."""
    phantom = vessel_phantom(
        radius=11.2, depth=0.87, width=9.1, blur=1.1, noise=0.008, contrast=0.042,
        tissue=0.115, bend=1.4, seed=195,
    )  # fmt: skip
    profile = measured(phantom)
    smallest = profile.diameters[20:-20].min()
    assert smallest == pytest.approx(2 * phantom.radius.min(), abs=0.6)


@pytest.mark.parametrize("height", [0.02, 0.3])
def test_a_bright_ridge_where_a_vessel_was_expected_has_no_contrast(height):
    # a rib, or the border of the diaphragm, in a frame that contrast has not reached
    rows = np.arange(64)[:, None] - 32.0
    ridge = 0.4 + height * np.exp(-((rows / 15) ** 2) / 2)
    noise = np.random.default_rng(0).normal(0, 0.003, (64, 160))
    along = np.column_stack((np.full(128, 32.0), np.arange(16.0, 144.0)))
    line = Centreline(along, 1.0, 1.0)
    found = measure_diameters(ridge + noise, line, expected=np.full(128, 8.0))
    assert (found.fit.contrast < 1e-4).all()


def test_a_preview_is_near_to_the_exact_measurement():
    phantom = vessel_phantom(radius=5.0, depth=0.4, noise=0.006)
    cost = vessel_cost(phantom.frame)
    ends = phantom.ends()
    exact = measure_diameters(phantom.frame, trace_centreline(cost, ends))
    moved = [ends[0], tuple(phantom.centre[len(phantom.centre) * 3 // 4])]
    line = trace_centreline(cost, moved, step=1.0)
    quick = preview_diameters(phantom.frame, line, exact, Calibration())
    truth = 2 * phantom.radius_at(quick.line.points)
    assert len(quick.line) < 0.45 * len(exact.line)
    assert np.abs(quick.diameters - truth)[3:-3].max() < 0.6
    assert quick.diameters.min() == pytest.approx(6.0, abs=0.4)
    # where nothing near is known, the vessel is searched for
    start = int(len(exact.line) * 0.8)
    part = Centreline(exact.line.points[start:], 1.0, exact.line.step)
    known = measure_diameters(phantom.frame, part)
    again = preview_diameters(phantom.frame, line, known, Calibration())
    truth = 2 * phantom.radius_at(again.line.points)
    assert np.abs(again.diameters - truth)[3:-3].max() < 0.6


def test_densitometric_areas_equal_sums_over_pixels():
    """Across a straight vessel, a column of pixels is a cross-section."""
    phantom = vessel_phantom(radius=5.0, depth=0.4, noise=0.0, bend=0.0, tissue=0.0)
    profile = measured(phantom, "densitometry")
    fit, level = profile.fit, float(np.median(phantom.frame))
    contrast = sorted(fit.contrast)[len(fit.contrast) // 2]
    for n in range(10, len(profile.line) - 10, 9):
        row, column = profile.line.points[n]
        left, right = int(column), int(column) + 1
        total = 0.0
        for pixel in range(phantom.frame.shape[0]):
            if abs(pixel - row) < 15:
                dark = [level - phantom.frame[pixel, c] for c in (left, right)]
                total += dark[0] * (right - column) + dark[1] * (column - left)
        slow = 2 * np.sqrt(total / contrast / np.pi)
        assert profile.diameters[n] == pytest.approx(slow, rel=0.01)


def test_densitometry_equals_its_formula_sample_by_sample():
    phantom = vessel_phantom(radius=4.0, depth=0.3, noise=0.006, seed=2)
    profile = measured(phantom, "densitometry")
    fit, line = profile.fit, profile.line
    half = 2.0 * float(fit.radius.max()) + 5
    vessel = straighten(phantom.frame, line, half)
    for n in range(0, len(line), 23):
        total = 0.0
        for offset, value in zip(vessel.offsets, vessel.values[n], strict=True):
            if abs(offset - fit.offset[n]) <= fit.radius[n] + 2.5 * fit.blur:
                level, slope = fit.background[n]
                total += 0.5 * (level + slope * offset - value)
        area = max(total / float(np.median(fit.contrast)), 0)
        expected = 2 * math.sqrt(area / math.pi)
        assert profile.diameters[n] == pytest.approx(expected, rel=1e-3)
