"""What a pixel is, and where that comes from."""

import math

import numpy as np
import pytest

from napari_motionseg.cine import Cine
from napari_motionseg.errors import MeasurementError
from napari_motionseg.measurement.calibration import (
    Calibration,
    calibration_by_object,
    calibration_of,
    catheter_diameter_mm,
    disagreement,
)

FRAMES = np.zeros((2, 40, 40), np.uint8)


def test_a_header_with_a_spacing_gives_millimetres():
    cine = Cine.from_array(FRAMES, pixel_spacing=(0.2, 0.25))
    found = calibration_of(cine)
    assert (found.unit, found.sizes) == ("mm", (0.2, 0.25))
    assert found.basis == "isocentre (given)"


def test_without_a_spacing_lengths_are_pixels_of_their_shape():
    found = calibration_of(Cine.from_array(FRAMES, pixel_aspect=1.2))
    assert (found.unit, found.sizes) == ("px", (1.2, 1.0))


def test_an_object_is_a_ruler():
    assert catheter_diameter_mm(6) == pytest.approx(2.0)
    found = calibration_by_object(2.0, 10.0, "catheter 6F", aspect=1.5, sd_px=0.2)
    assert found.sizes == pytest.approx((0.3, 0.2))
    assert found.spread == pytest.approx(0.02)


def test_calibrations_that_disagree_are_said():
    first = Calibration(0.2, 0.2, "isocentre", known=True)
    near = Calibration(0.208, 0.208, "catheter 6F", known=True)
    far = Calibration(0.23, 0.23, "catheter 6F", known=True)
    assert disagreement(first, near) == ""
    assert disagreement(first, Calibration()) == ""
    assert "differ by 15%" in disagreement(first, far)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (lambda: Calibration(row_mm=0.0), "row_mm must be positive; got 0"),
        (lambda: Calibration(column_mm=math.nan), "column_mm must be positive"),
        (lambda: catheter_diameter_mm(0.5), "1 to 34 French; got 0.5"),
        (lambda: calibration_by_object(2.0, 0.0, "x"), "measured size"),
        (lambda: calibration_by_object(-2.0, 3.0, "x"), "true size"),
    ],
)
def test_sizes_that_cannot_be(wrong, words):
    with pytest.raises(MeasurementError, match=words):
        wrong()
