"""Vessels that must not be trusted are said to be so."""

import dataclasses

import numpy as np
import pytest

from napari_motionseg.cine import Cine
from napari_motionseg.measurement import measure_vessel
from napari_motionseg.measurement.cautions import cautions
from napari_motionseg.synthesis.vessel_phantom import vessel_phantom


def measured(phantom, points=None):
    cine = Cine.from_array(
        np.clip([phantom.frame], 0, 1), pixel_spacing=(0.2, 0.2),
        intensity_relationship="LOG",
    )  # fmt: skip
    return measure_vessel(cine, 0, points or phantom.ends(16))


@pytest.fixture(scope="module")
def healthy():
    return measured(vessel_phantom(radius=4.0, noise=0.006, size=112))


def test_a_healthy_vessel_is_trusted(healthy):
    assert healthy.warnings == ()
    assert (healthy.profile.diameters > 1.4).all()


def test_a_closed_vessel_has_the_diameter_0():
    found = measured(
        vessel_phantom(radius=4.0, depth=0.995, width=14.0, noise=0.006, size=128)
    )
    assert "cannot be told from its surroundings" in found.warnings[0]
    lesion = found.lesions[0]
    assert lesion.mld == 0
    assert lesion.percent_diameter_stenosis == 100
    assert found.as_dict()["warnings"] == list(found.warnings)


def test_a_tight_stenosis_is_not_closed():
    found = measured(
        vessel_phantom(radius=6.0, depth=0.75, width=8.0, noise=0.006, size=128)
    )
    assert found.lesions[0].mld > 0.3
    assert found.warnings == ()


def test_a_narrowing_without_a_border_is_said():
    phantom = vessel_phantom(radius=5.0, depth=0.6, noise=0.006, size=128)
    middle = tuple(phantom.centre[int(phantom.radius.argmin())])
    first, last = phantom.ends(16)
    assert measured(phantom).warnings == ()
    found = measured(phantom, (middle, last))
    assert "reaches the first point" in found.warnings[-1]
    assert "smaller branch" in found.warnings[-1]
    assert "the last point" in measured(phantom, (first, middle)).warnings[-1]


def test_a_foreshortened_part_is_said(healthy):
    fit = healthy.profile.fit
    contrast = fit.contrast.copy()
    contrast[60:80] *= 2
    dense = dataclasses.replace(
        healthy.profile, fit=dataclasses.replace(fit, contrast=contrast)
    )
    (said,) = cautions(dense, (112, 112))
    assert "foreshortening" in said
    assert "from 6.0 to 7.9 mm" in said
    contrast[60:80] /= 2
    contrast[60:65] *= 2  # shorter than the vessel is wide
    assert cautions(dense, (112, 112)) == ()


def test_a_vessel_that_leaves_the_picture_is_said():
    phantom = vessel_phantom(radius=4.0, noise=0.006, size=112)
    found = measured(phantom, phantom.ends(1))
    assert "reaches the border of the picture" in found.warnings[-1]
