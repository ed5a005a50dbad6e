"""Centrelines on vessels, and points that allow none."""

import numpy as np
import pytest
from scipy.spatial import cKDTree

from napari_motionseg.errors import MeasurementError
from napari_motionseg.measurement.centreline import (
    Centreline,
    trace_centreline,
    vessel_cost,
)
from napari_motionseg.synthesis.vessel_phantom import vessel_phantom


def test_a_line_follows_the_vessel_at_even_steps():
    phantom = vessel_phantom(radius=3.0)
    line = trace_centreline(vessel_cost(phantom.frame), phantom.ends(), step=0.5)
    away, _ = cKDTree(phantom.centre).query(line.points)
    assert np.median(away) < 1.0
    assert away.max() < 2.5
    apart = np.linalg.norm(np.diff(line.points, axis=0), axis=1)
    np.testing.assert_allclose(apart, 0.5, atol=0.02)
    np.testing.assert_allclose(line.arc_length[-1], 0.5 * (len(line) - 1))


def test_points_between_are_passed_in_their_order():
    cost = np.ones((60, 60))
    line = trace_centreline(cost, [(10, 10), (50, 30), (10, 50)])
    for point in ((10, 10), (50, 30), (10, 50)):
        assert np.linalg.norm(line.points - point, axis=1).min() < 2.0
    assert line.points[:, 0].max() > 45


def test_a_mask_leads_the_line_to_the_vessel_that_it_shows():
    phantom = vessel_phantom(radius=3.0, bend=0.0)
    both = np.minimum(phantom.frame, np.roll(phantom.frame, 30, axis=0))
    mask = np.zeros(both.shape)
    mask[90:99] = 1.0  # the copy, 30 rows below
    ends = [(78.0, 8.0), (78.0, 119.0)]
    free = trace_centreline(vessel_cost(both), ends)
    led = trace_centreline(vessel_cost(both, mask), ends)
    assert np.median(led.points[:, 0]) > 90
    assert np.median(free.points[:, 0]) < np.median(led.points[:, 0])


def test_normals_are_across_in_true_lengths():
    points = np.stack((np.arange(0, 20, 0.5), np.arange(0, 40, 1.0)), axis=1)
    line = Centreline(points, aspect=2.0, step=1.0)
    along = np.gradient(points * (2.0, 1.0), axis=0)
    np.testing.assert_allclose((along * line.normals).sum(axis=1), 0, atol=1e-12)
    moved = line.at(np.full((len(line), 1), 3.0))[:, 0]
    away = (moved - points) * (2.0, 1.0)
    np.testing.assert_allclose(np.linalg.norm(away, axis=1), 3.0)


@pytest.mark.parametrize(
    ("points", "words"),
    [
        ([(3, 4)], "two points or more; got 1"),
        ([(3, 4), (3, 90)], r"\(3, 90\) lies outside the picture of 40 rows and 50"),
        ([(3, 4), (-1, 9)], r"\(-1, 9\) lies outside"),
        ([(3, 4), (4, 6)], "click farther apart"),
    ],
)
def test_points_that_allow_no_line(points, words):
    with pytest.raises(MeasurementError, match=words):
        trace_centreline(np.ones((40, 50)), points)
