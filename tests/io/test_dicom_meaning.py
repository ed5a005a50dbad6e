"""Times, spacing, angles, windows, masks: from attributes, in the Standard's order."""

import dicom_files as files
import numpy as np
import pytest
from pydicom import Dataset
from pydicom.tag import Tag

from napari_motionseg.cine import View
from napari_motionseg.io import read_cine


@pytest.fixture
def cine_with(tmp_path):
    def make(frames=4, pixels=None, bits=None, **attributes):
        if pixels is None:
            pixels = files.gray_frames(frames)
        data = files.xa_dataset(pixels, bits, **attributes)
        return read_cine(files.save(data, tmp_path / "loop.dcm"))

    return make


def test_the_pointer_decides_between_vector_and_step(cine_with):
    both = {"FrameTime": 40, "FrameTimeVector": [0, 30, 50, 30]}
    step = cine_with(FrameIncrementPointer=Tag("FrameTime"), **both)
    np.testing.assert_allclose(step.frame_times, [0, 40, 80, 120])
    assert step.timing_basis == "FrameTime"
    vector = cine_with(FrameIncrementPointer=Tag("FrameTimeVector"), **both)
    np.testing.assert_allclose(vector.frame_times, [0, 30, 80, 110])
    assert vector.timing_basis == "FrameTimeVector"


@pytest.mark.parametrize(
    ("attributes", "times", "basis"),
    [
        ({"CineRate": 10}, [0, 100, 200, 300], "CineRate"),
        (
            {"RecommendedDisplayFrameRate": 20, "CineRate": 0},
            [0, 50, 100, 150],
            "RecommendedDisplayFrameRate",
        ),
        ({"FrameTime": 0, "CineRate": 10}, [0, 100, 200, 300], "CineRate"),
        (
            {"FrameTimeVector": [0, 9, 9], "CineRate": 10},
            [0, 100, 200, 300], "CineRate",
        ),
    ],
)  # fmt: skip
def test_fall_backs_of_timing(cine_with, attributes, times, basis):
    cine = cine_with(**attributes)
    np.testing.assert_allclose(cine.frame_times, times)
    assert cine.timing_basis == basis


def test_times_that_do_not_rise_are_no_times(cine_with):
    cine = cine_with(FrameTimeVector=[0, 10, -10, 10])
    assert cine.frame_times is None
    assert any("do not rise" in note for note in cine.notes)


def test_no_timing_is_said(cine_with):
    cine = cine_with()
    assert (cine.frame_times, cine.timing_basis) == (None, "unknown")


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
            None, "without magnification",
        ),
        ({}, None, "unknown"),
    ],
)  # fmt: skip
def test_a_detector_millimetre_is_never_a_patients(
    cine_with, attributes, spacing, words
):
    cine = cine_with(**attributes)
    assert cine.pixel_spacing == (None if spacing is None else pytest.approx(spacing))
    assert words in cine.spacing_basis


def test_angles(cine_with):
    cine = cine_with(PositionerPrimaryAngle=-30, PositionerSecondaryAngle=20)
    assert cine.view == View(-30, 20)
    assert str(cine.view) == "RAO 30 CRA 20"
    assert cine_with(PositionerPrimaryAngle=-30).view is None


@pytest.mark.parametrize(
    ("attributes", "window"),
    [
        ({"WindowCenter": 100, "WindowWidth": 41}, (79.5, 119.5)),
        ({"WindowCenter": [100, 50], "WindowWidth": [41, 9]}, (79.5, 119.5)),
        (
            {"WindowCenter": 100, "WindowWidth": 40, "VOILUTFunction": "LINEAR_EXACT"},
            (80, 120),
        ),
        ({"WindowCenter": 100, "WindowWidth": 0}, None),
        ({}, None),
    ],
)
def test_windows(cine_with, attributes, window):
    assert cine_with(**attributes).window == window


def test_a_lookup_table_wins_over_a_window(cine_with):
    table = Dataset()
    table.add_new("LUTDescriptor", "US", [64, 16, 8])
    table.add_new("LUTData", "US", list(range(64)))
    cine = cine_with(VOILUTSequence=[table], WindowCenter=9, WindowWidth=9)
    assert cine.window == (16, 79)


def test_the_modality_lut_is_kept_and_not_applied(cine_with):
    pixels = files.gray_frames()
    cine = cine_with(pixels=pixels, RescaleSlope=2, RescaleIntercept=-5)
    np.testing.assert_array_equal(cine.frames[:], pixels)
    assert cine.technical["RescaleSlope"] == 2
    assert any("not applied" in note for note in cine.notes)


def test_subtraction_is_kept_with_indices_from_zero(cine_with):
    item = Dataset()
    item.MaskOperation = "AVG_SUB"
    item.MaskFrameNumbers = [1, 2, 99]
    item.ApplicableFrameRange = [3, 4]
    item.MaskSubPixelShift = [0.5, -0.25]
    (mask,) = cine_with(MaskSubtractionSequence=[item]).subtraction
    assert mask.operation == "AVG_SUB"
    assert mask.mask_frames == (0, 1)
    assert mask.applicable == (2, 3)
    assert mask.shift == (0.5, -0.25)


def test_rectangular_shutter(cine_with):
    cine = cine_with(
        ShutterShape="RECTANGULAR", ShutterLeftVerticalEdge=2,
        ShutterRightVerticalEdge=11, ShutterUpperHorizontalEdge=3,
        ShutterLowerHorizontalEdge=9,
    )  # fmt: skip
    expected = np.zeros((10, 12), bool)
    for row in range(10):
        for column in range(12):
            expected[row, column] = 3 < row + 1 < 9 and 2 < column + 1 < 11
    np.testing.assert_array_equal(cine.valid_area, expected)


def test_circular_collimator_and_polygon(cine_with):
    pixels = files.gray_frames(rows=40, columns=40)
    circle = cine_with(
        pixels=pixels, CollimatorShape="CIRCULAR",
        CenterOfCircularCollimator=[20, 21], RadiusOfCircularCollimator=10,
    )  # fmt: skip
    rows, columns = np.mgrid[1:41, 1:41]
    inside = np.hypot(rows - 20, columns - 21) <= 10
    np.testing.assert_array_equal(circle.valid_area, inside)
    square = cine_with(
        pixels=pixels, CollimatorShape="POLYGONAL",
        VerticesOfThePolygonalCollimator=[10, 10, 10, 30, 30, 30, 30, 10],
    )  # fmt: skip
    area = square.valid_area
    assert area[19, 19]
    assert not area[5, 5]
    assert abs(int(area.sum()) - 400) < 45


def test_edges_that_hide_everything_hide_nothing(cine_with):
    cine = cine_with(
        ShutterShape="RECTANGULAR", ShutterLeftVerticalEdge=50,
        ShutterRightVerticalEdge=60, ShutterUpperHorizontalEdge=1,
        ShutterLowerHorizontalEdge=9,
    )  # fmt: skip
    assert cine.valid_area is None


def test_padding_is_not_valid(cine_with):
    pixels = files.gray_frames()
    pixels[:, :2] = 0
    cine = cine_with(pixels=pixels, PixelPaddingValue=0)
    np.testing.assert_array_equal(cine.valid_area, pixels[0] != 0)


def test_ecg_and_r_waves_are_kept(tmp_path):
    data = files.xa_dataset(files.gray_frames(), RWavePointer=[1, 4, 9])
    data.add_new((0x5000, 0x0103), "US", 1)
    data.add_new((0x5000, 0x3000), "OW", np.array([1, -2, 3], "<i2").tobytes())
    wave = Dataset()
    wave.NumberOfWaveformChannels = 2
    wave.WaveformBitsAllocated = 16
    wave.add_new("WaveformData", "OW", np.arange(8, dtype="<i2").tobytes())
    data.WaveformSequence = [wave]
    cine = read_cine(files.save(data, tmp_path / "ecg.dcm"))
    np.testing.assert_array_equal(cine.ecg["curve 5000"], [1, -2, 3])
    np.testing.assert_array_equal(cine.ecg["waveform 0"], np.arange(8).reshape(4, 2))
    assert cine.r_waves == (0, 3)


def test_enhanced_objects_keep_it_in_functional_groups(cine_with):
    shared = Dataset()
    shared.ProjectionPixelCalibrationSequence = [Dataset()]
    inner = shared.ProjectionPixelCalibrationSequence[0]
    inner.EstimatedRadiographicMagnificationFactor = 2
    inner.ImagerPixelSpacing = [0.4, 0.4]
    frames = []
    for t in range(4):
        frame, content, position = Dataset(), Dataset(), Dataset()
        content.FrameReferenceDateTime = f"20200101120000.{t}00000"
        position.PositionerPrimaryAngle = 10
        position.PositionerSecondaryAngle = -5
        frame.FrameContentSequence = [content]
        frame.PositionerPositionSequence = [position]
        frames.append(frame)
    cine = cine_with(
        SharedFunctionalGroupsSequence=[shared],
        PerFrameFunctionalGroupsSequence=frames,
    )
    assert cine.pixel_spacing == pytest.approx((0.2, 0.2))
    assert cine.view == View(10, -5)
    np.testing.assert_allclose(cine.frame_times, [0, 100, 200, 300])
    assert cine.timing_basis == "FrameReferenceDateTime"


def test_intensity_relationship_is_kept(cine_with):
    assert cine_with(PixelIntensityRelationship="LOG").intensity_relationship == "LOG"
