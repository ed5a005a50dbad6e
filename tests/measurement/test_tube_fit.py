"""The equations of fitted tubes, against dense linear algebra."""

import numpy as np
import pytest

from napari_motionseg.measurement.centreline import trace_centreline, vessel_cost
from napari_motionseg.measurement.straightening import straighten
from napari_motionseg.measurement.tube_fit import fit_linearly, fit_tubes
from napari_motionseg.measurement.tube_profile import tube_values
from napari_motionseg.synthesis.vessel_phantom import vessel_phantom


@pytest.fixture(scope="module")
def vessel():
    phantom = vessel_phantom(radius=4.0, depth=0.3, noise=0.008, size=72)
    line = trace_centreline(vessel_cost(phantom.frame), phantom.ends(20))
    return straighten(phantom.frame, line, 14.0)


def test_deviations_are_those_of_the_inverted_equations(vessel):
    fit = fit_tubes(vessel, np.tile((4.0, 0.0), (len(vessel.line), 1)))
    bands, size = fit.equations, fit.equations.shape[1]
    dense = np.zeros((size, size))
    for below, band in enumerate(bands):
        for column in range(size - below):
            dense[column + below, column] = dense[column, column + below] = band[column]
    variance = np.diag(np.linalg.inv(dense)).reshape(-1, 5)[:, 0]
    np.testing.assert_allclose(fit.radius_sd, fit.radius * np.sqrt(variance), rtol=1e-6)


def test_contrast_and_background_are_the_least_squares_of_each_section(vessel):
    tubes = np.tile((4.0, 0.3), (len(vessel.line), 1))
    weight = np.random.default_rng(0).uniform(0.2, 1, vessel.values.shape)
    found = fit_linearly(vessel, tubes, 0.9, weight)
    shape = tube_values(vessel.offsets[None] - 0.3, np.array([4.0]), 0.9)[0]
    for n in range(0, len(found), 7):
        root = np.sqrt(weight[n])
        design = np.stack((-shape, np.ones_like(shape), vessel.offsets), axis=1)
        slow = np.linalg.lstsq(root[:, None] * design, root * vessel.values[n])[0]
        np.testing.assert_allclose(found[n], slow, atol=1e-5)
