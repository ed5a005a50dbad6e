"""Angles, windows, shutters, ECG: from attributes, in the Standard's order."""

import numpy as np
import pytest
from helpers import dicom_files as files
from pydicom import DataElement, Dataset, config

from napari_motionseg.cine import View
from napari_motionseg.errors import PartialReadWarning
from napari_motionseg.io import read_cine


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
        ({"WindowCenter": [100, 50], "WindowWidth": [0, 11]}, (44.5, 54.5)),
        ({"WindowCenter": 100}, None),
        ({"WindowCenter": 100, "WindowWidth": -41}, None),
        ({"WindowCenter": 5000, "WindowWidth": 41}, None),  # of other values
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


def test_a_polygon_of_thousands_of_corners_is_left_out(cine_with):
    """Each corner is compared with every pixel, so many of them take minutes."""
    corners = np.random.default_rng(0).integers(1, 40, 8000).tolist()
    with pytest.warns(PartialReadWarning, match="its polygon has 4000 corners"):
        cine = cine_with(
            ShutterShape="POLYGONAL", VerticesOfThePolygonalShutter=corners
        )
    assert cine.valid_area is None


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
    np.testing.assert_array_equal(cine.ecg["curve 5000"].samples, [1, -2, 3])
    leads = np.arange(8).reshape(4, 2)
    np.testing.assert_array_equal(cine.ecg["waveform 0"].samples, leads)
    assert cine.r_waves == (0, 3)


def test_curves_may_be_stored_as_numbers(tmp_path):
    """PS3.3, C.10.2: curve data are OW, or OB; older files have other ones."""
    data = files.xa_dataset(files.gray_frames())
    data.add_new((0x5000, 0x0103), "US", 0)
    data.add_new((0x5000, 0x3000), "US", [5, 7, 6])
    cine = read_cine(files.save(data, tmp_path / "ecg.dcm"))
    np.testing.assert_array_equal(cine.ecg["curve 5000"].samples, [5, 7, 6])


def test_a_technical_value_that_is_no_number_is_named(tmp_path):
    data = files.xa_dataset(files.gray_frames())
    data.add(DataElement("KVP", "DS", "nan", validation_mode=config.IGNORE))
    path = files.save(data, tmp_path / "nan.dcm")
    cine = read_cine(path)
    assert "KVP" not in cine.technical
    assert any("KVP holds a value that is not a finite" in note for note in cine.notes)


def test_r_waves_by_time(cine_with):
    cine = cine_with(FrameTime=40, RWaveTimeVector=[0, 79, 500])
    assert cine.r_waves == (0, 2)


def test_intensity_relationship_is_kept(cine_with):
    assert cine_with(PixelIntensityRelationship="LOG").intensity_relationship == "LOG"
