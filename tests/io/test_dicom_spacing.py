"""Millimetres in the patient, and what they rest on."""

import numpy as np
import pytest
from pydicom import Dataset

from napari_motionseg.contributions import geometry


@pytest.mark.parametrize(
    ("attributes", "spacing", "words"),
    [
        (
            {"ImagerPixelSpacing": [0.3, 0.6],
             "EstimatedRadiographicMagnificationFactor": 1.5},
            (0.2, 0.4), "Magnification",
        ),
        (
            {"ImagerPixelSpacing": [0.3, 0.3], "DistanceSourceToDetector": 1200,
             "DistanceSourceToPatient": 800},
            (0.2, 0.2), "DistanceSourceToDetector",
        ),
        ({"ImagerPixelSpacing": [0.3, 0.3]}, None, "without magnification"),
        (
            {"PixelSpacing": [0.25, 0.25], "PixelSpacingCalibrationType": "FIDUCIAL",
             "ImagerPixelSpacing": [0.3, 0.3]},
            (0.25, 0.25), "FIDUCIAL",
        ),
        (
            {"PixelSpacing": [0.3, 0.3], "ImagerPixelSpacing": [0.3, 0.3]},
            None, "PixelSpacing equals it",
        ),
        (
            {"PixelSpacing": [0.2, 0.2], "ImagerPixelSpacing": [0.3, 0.3]},
            (0.2, 0.2), "corrected from ImagerPixelSpacing, type not given",
        ),
        (  # a patient is not larger than his shadow
            {"PixelSpacing": [0.4, 0.4], "ImagerPixelSpacing": [0.3, 0.3]},
            None, "without magnification",
        ),
        ({"PixelSpacing": [0.3, 0.3]}, None, "calibration unknown"),
        ({"PixelSpacing": [0.3, 0.3], "Modality": "RF"}, None, "calibration unknown"),
        ({"PixelSpacing": [0, 0.3]}, None, "unknown"),
        ({"PixelSpacing": [0.3]}, None, "unknown"),
        ({}, None, "unknown"),
    ],
)  # fmt: skip
def test_a_detector_millimetre_is_never_a_patients(
    cine_with, attributes, spacing, words
):
    cine = cine_with(**attributes)
    assert cine.pixel_spacing == (None if spacing is None else pytest.approx(spacing))
    assert words in cine.spacing_basis


@pytest.mark.parametrize("factor", [0, -1.5, 0.5, 100])
@pytest.mark.parametrize("distances", [False, True])
def test_a_magnification_that_no_system_has_is_ignored(cine_with, factor, distances):
    known = {"DistanceSourceToDetector": 1200, "DistanceSourceToPatient": 800}
    cine = cine_with(
        ImagerPixelSpacing=[0.3, 0.3], EstimatedRadiographicMagnificationFactor=factor,
        **(known if distances else {}),
    )  # fmt: skip
    expected = pytest.approx((0.2, 0.2)) if distances else None
    assert cine.pixel_spacing == expected
    assert any("not plausible for an X-ray system" in note for note in cine.notes)


@pytest.mark.parametrize(("detector", "noted"), [(1200, False), (1500, True)])
def test_magnifications_that_contradict_each_other_are_noted(
    cine_with, detector, noted
):
    cine = cine_with(
        ImagerPixelSpacing=[0.3, 0.3], EstimatedRadiographicMagnificationFactor=1.5,
        DistanceSourceToDetector=detector, DistanceSourceToPatient=800,
    )  # fmt: skip
    assert cine.pixel_spacing == pytest.approx((0.2, 0.2))
    assert any("the former was used" in note for note in cine.notes) == noted


def test_secondary_capture_and_ultrasound_have_no_detector(cine_with):
    for modality in ("OT", "US"):
        cine = cine_with(
            PixelSpacing=[0.25, 0.25], Modality=modality,
            SOPClassUID="1.2.840.10008.5.1.4.1.1.7",
        )  # fmt: skip
        assert cine.pixel_spacing == (0.25, 0.25)
        assert cine.spacing_basis == "PixelSpacing, calibration unknown"


def region(delta, units=3, size=9, form=1):
    item = Dataset()
    item.RegionSpatialFormat = form
    item.PhysicalUnitsXDirection = item.PhysicalUnitsYDirection = units
    item.PhysicalDeltaY, item.PhysicalDeltaX = delta
    item.RegionLocationMinX0 = item.RegionLocationMinY0 = 0
    item.RegionLocationMaxX1 = item.RegionLocationMaxY1 = size
    return item


def test_ultrasound_regions_give_millimetres(cine_with):
    of_ultrasound = {"Modality": "US", "SOPClassUID": "1.2.840.10008.5.1.4.1.1.3.1"}
    largest, small = region((-0.02, 0.03)), region((0.1, 0.1), size=3)
    trace, doppler = region((0.5, 0.5), units=4), region((0.7, 0.7), form=3)
    cine = cine_with(
        SequenceOfUltrasoundRegions=[doppler, trace, small, largest], **of_ultrasound
    )
    assert cine.pixel_spacing == pytest.approx((0.2, 0.3))
    assert "ultrasound region" in cine.spacing_basis
    assert any("differ in scale" in note for note in cine.notes)
    none = cine_with(SequenceOfUltrasoundRegions=[trace], **of_ultrasound)
    assert none.pixel_spacing is None


@pytest.mark.parametrize(
    ("attributes", "aspect"),
    [
        ({"PixelAspectRatio": [4, 3]}, 4 / 3),
        ({"ImagerPixelSpacing": [0.3, 0.2]}, 1.5),
        ({"PixelAspectRatio": [1, 1]}, 1),
        ({"PixelAspectRatio": [1, 0]}, 1),
        ({"PixelAspectRatio": [1000, 1]}, 1),
        ({}, 1),
    ],
)
def test_pixels_that_are_not_square(cine_with, attributes, aspect):
    cine = cine_with(**attributes)
    assert cine.pixel_spacing is None
    assert cine.pixel_aspect == pytest.approx(aspect)
    np.testing.assert_allclose(geometry(cine)["scale"], (1, aspect, 1))
    assert any("as high as wide" in note for note in cine.notes) == (
        aspect != 1 or attributes.get("PixelAspectRatio") == [1000, 1]
    )


def test_millimetres_show_the_aspect_too(cine_with):
    cine = cine_with(
        ImagerPixelSpacing=[0.3, 0.6], EstimatedRadiographicMagnificationFactor=1.5
    )
    np.testing.assert_allclose(geometry(cine)["scale"], (1, 0.2, 0.4))


def test_pixels_that_no_image_has_are_ignored(cine_with):
    cine = cine_with(
        PixelSpacing=[1e-9, 1e-9], PixelSpacingCalibrationType="GEOMETRY",
        ImagerPixelSpacing=[0.3, 0.3], EstimatedRadiographicMagnificationFactor=1.5,
    )  # fmt: skip
    assert cine.pixel_spacing == pytest.approx((0.2, 0.2))
    assert any("which is not plausible" in note for note in cine.notes)
