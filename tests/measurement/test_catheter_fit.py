"""Shafts of known size, empty and filled."""

import numpy as np
import pytest

from napari_motionseg.cine import Cine
from napari_motionseg.measurement import calibration_by_catheter
from napari_motionseg.synthesis.catheter_phantom import (
    CatheterConfig,
    catheter_phantom,
)
from napari_motionseg.synthesis.vessel_phantom import PhantomConfig

RADIUS, BLUR = 5.0, 0.8
FRENCH = 6.0  # 2 mm: 0.2 mm a pixel


def calibrated(filled, lumen=0.75, wall=0.02):
    picture = PhantomConfig(radius=RADIUS, blur=BLUR, noise=0.005, bend=4.0, size=112)
    shaft = catheter_phantom(
        CatheterConfig(picture, lumen=lumen, wall=wall, filled=filled), seed=3
    )
    cine = Cine.from_array(
        np.clip([shaft.frame], 0, 1), intensity_relationship="LOG", name="shaft"
    )
    blur = np.hypot(BLUR, 1 / np.sqrt(12))  # a pixel's width blurs too
    return calibration_by_catheter(cine, 0, FRENCH, *shaft.ends(14), blur=blur)


@pytest.mark.parametrize("filled", [0.0, 1.0])
def test_the_outer_diameter_of_empty_and_filled_shafts(filled):
    found = calibrated(filled)
    assert found.column_mm == pytest.approx(0.2, rel=0.03)
    assert found.basis == f"catheter 6F, {'filled' if filled else 'empty'}"
    assert 0 < found.spread < 0.05


def test_a_wall_that_cannot_be_told_from_contrast_is_said():
    found = calibrated(0.8, wall=0.0)
    assert found.basis == "catheter 6F, filled, wall not told from contrast"
