"""Enhanced objects: what shared and per-frame functional groups hold."""

import numpy as np
import pytest
from helpers import dicom_files as files
from pydicom import Dataset

from napari_motionseg.cine import View


def test_shifts_of_single_frames_in_enhanced_objects(cine_with):
    item = files.item(
        MaskOperation="AVG_SUB", MaskFrameNumbers=1, SubtractionItemID=100
    )
    frames = []
    for t in range(4):
        shifts = [
            files.item(SubtractionItemID=100, MaskSubPixelShift=[t / 2, -t]),
            files.item(SubtractionItemID=7, MaskSubPixelShift=[9, 9]),
        ]
        frames.append(files.item(FramePixelShiftSequence=shifts if t else []))
    cine = cine_with(
        MaskSubtractionSequence=[item], PerFrameFunctionalGroupsSequence=frames
    )
    assert cine.subtraction[0].frame_shifts == ((0, 0), (0.5, -1), (1, -2), (1.5, -3))


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


def enhanced(count=4, shared=(), **macros):
    """Functional groups: macros by name, each a list of items for the frames."""
    frames = []
    for t in range(count):
        group = Dataset()
        for name, items in macros.items():
            setattr(group, name, [files.item(**items[t])])
        frames.append(group)
    common = Dataset()
    for name, values in dict(shared).items():
        setattr(common, name, [files.item(**values)])
    return {
        "SharedFunctionalGroupsSequence": [common],
        "PerFrameFunctionalGroupsSequence": frames,
    }


DETECTOR = {"ImagerPixelSpacing": [0.3, 0.3]}
DISTANCES = {"DistanceSourceToDetector": 1200.0, "DistanceSourceToIsocenter": 800.0}


def test_enhanced_spacing_at_the_isocentre(cine_with):
    macros = {
        "FramePixelDataPropertiesSequence": DETECTOR,
        "XRayGeometrySequence": DISTANCES,
    }
    cine = cine_with(**enhanced(shared=macros))
    assert cine.pixel_spacing == pytest.approx((0.2, 0.2))
    assert cine.spacing_basis == (
        "ImagerPixelSpacing / (DistanceSourceToDetector / DistanceSourceToIsocenter)"
    )


def test_the_calibrated_object_wins_over_the_isocentre(cine_with):
    macros = {
        "FramePixelDataPropertiesSequence": DETECTOR,
        "XRayGeometrySequence": DISTANCES,
        "ProjectionPixelCalibrationSequence": {
            "ObjectPixelSpacingInCenterOfBeam": [0.21, 0.22]
        },
    }
    cine = cine_with(**enhanced(shared=macros))
    assert cine.pixel_spacing == pytest.approx((0.21, 0.22))
    assert cine.spacing_basis == "ObjectPixelSpacingInCenterOfBeam"


def test_a_spacing_that_changes_over_the_frames_is_the_median_and_noted(cine_with):
    spacings = ([0.2, 0.2], [0.2, 0.2], [0.22, 0.22], [0.3, 0.3])
    items = [{"ObjectPixelSpacingInCenterOfBeam": spacing} for spacing in spacings]
    cine = cine_with(**enhanced(ProjectionPixelCalibrationSequence=items))
    assert cine.pixel_spacing == pytest.approx((0.21, 0.21))
    assert any("from 0.2 to 0.3 mm" in note for note in cine.notes)


def test_angles_that_change_over_the_frames_are_noted(cine_with):
    items = [
        {"PositionerPrimaryAngle": 10.0 * t, "PositionerSecondaryAngle": 5.0}
        for t in range(4)
    ]
    cine = cine_with(**enhanced(PositionerPositionSequence=items))
    assert cine.view == View(0, 5)
    (note,) = cine.notes
    assert note.startswith("PositionerPrimaryAngle changes over the frames, from 0 to")


def test_a_window_that_changes_over_the_frames_is_noted(cine_with):
    items = [{"WindowCenter": 100 + t, "WindowWidth": 41} for t in range(4)]
    cine = cine_with(**enhanced(FrameVOILUTSequence=items))
    assert cine.window == (79.5, 119.5)
    assert any("changes from frame to frame" in note for note in cine.notes)


def test_frame_dates_of_enhanced_objects(cine_with):
    starts = [{"FrameAcquisitionDateTime": f"2020010112000{t}.5"} for t in range(4)]
    cine = cine_with(**enhanced(FrameContentSequence=starts))
    np.testing.assert_allclose(cine.frame_times, [0, 1000, 2000, 3000])
    assert cine.timing_basis == "FrameAcquisitionDateTime"
    starts[2] = {"FrameAcquisitionDuration": 5.0}  # the exposure, not the step
    cine = cine_with(**enhanced(FrameContentSequence=starts))
    assert cine.frame_times is None
    assert any("missing in some frames" in note for note in cine.notes)


def test_functional_groups_of_many_frames_are_each_parsed_once(cine_with, monkeypatch):
    """The work must grow with the frames, not with frames times attributes."""
    from napari_motionseg.io import functional_groups

    parsed = []
    items = functional_groups._items
    monkeypatch.setattr(
        functional_groups, "_items", lambda d, k: parsed.append(k) or items(d, k)
    )
    counts = []
    for frames in (300, 600):
        parsed.clear()
        dates = [
            {"FrameReferenceDateTime": f"2020010112{t // 60:02d}{t % 60:02d}"}
            for t in range(frames)
        ]
        cine = cine_with(
            pixels=np.zeros((frames, 2, 2), np.uint8),
            **enhanced(frames, FrameContentSequence=dates),
        )
        assert cine.frame_interval == 1000
        counts.append(len(parsed))
    assert counts[1] - counts[0] <= 400  # each further frame once


GEOMETRY = {"DistanceSourceToIsocenter": 800.0, "DistanceSourceToDetector": 1200.0}


def test_groups_that_the_first_frame_lacks(cine_with):
    items = enhanced(
        FramePixelDataPropertiesSequence=[{"ImagerPixelSpacing": [0.3, 0.3]}] * 4,
        XRayGeometrySequence=[GEOMETRY] * 4,
    )
    items["PerFrameFunctionalGroupsSequence"][0] = Dataset()
    assert cine_with(**items).pixel_spacing == pytest.approx((0.2, 0.2))


def test_a_magnification_that_changes_over_the_frames_is_the_median_and_noted(
    cine_with,
):
    distances = [
        GEOMETRY | {"DistanceSourceToDetector": 1200 + 80 * t} for t in (0, 0, 2, 4)
    ]
    items = enhanced(
        FramePixelDataPropertiesSequence=[{"ImagerPixelSpacing": [0.3, 0.3]}] * 4,
        XRayGeometrySequence=distances,
    )
    cine = cine_with(**items)
    assert cine.pixel_spacing == pytest.approx((0.3 / 1.6, 0.3 / 1.6))
    assert any("from 1.5 to 1.9; the median was used" in note for note in cine.notes)


def test_fewer_groups_than_frames_are_noted(cine_with):
    items = enhanced(
        3, FrameContentSequence=[{"FrameReferenceDateTime": "20200101120000"}] * 3
    )
    cine = cine_with(**items)
    assert cine.frame_times is None
    assert any("has 3 items for 4 frames" in note for note in cine.notes)
