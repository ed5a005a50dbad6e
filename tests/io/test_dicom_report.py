"""Structured reports as others read them: highdicom and dicom3tools."""

import numpy as np
import pytest
from helpers import seg_loops
from helpers.dicom_tools import complaints
from pydicom import dcmread

from napari_motionseg.errors import MissingDependencyError, WriteError
from napari_motionseg.io.dicom_report import ReportedNumber, ReportedPart, write_report
from napari_motionseg.io.dicom_seg_writer import (
    SegmentationSettings,
    write_segmentation,
)
from napari_motionseg.io.dicom_segment_frames import read_segment_frames

LINE = np.array([[2.25, 3.0], [4.0, 5.5], [9.0, 6.0]])


def part(frame=2, **changes):
    numbers = (
        ReportedNumber(
            ("SCT", "VesselLumenDiameter"), 1.23456, "mm", ("SCT", "Minimum"), sd=0.05
        ),
        ReportedNumber(("DCM", "PathLength"), 40 / 3, "px"),
        ReportedNumber(("LN", "HeartRate"), float("nan"), "/min"),
    )
    facts = {
        "name": "vessel 1", "frame": frame, "line": LINE, "numbers": numbers,
        "finding": ("SCT", "BloodVessel"), "algorithm": ("diameters by tube",),
        "answers": (
            (("DCM", "CalibrationMethod"), ("DCM", "GeometricIsocenter")),
        ),
    }  # fmt: skip
    return ReportedPart(**{**facts, **changes})


@pytest.fixture(params=["XA", "enhanced XA", "RF", "series"])
def loop(request, tmp_path):
    return seg_loops.loop(tmp_path, request.param)


def groups_of(path):
    hd = pytest.importorskip("highdicom")
    return hd.sr.srread(path).content.get_planar_roi_measurement_groups()


def test_highdicom_reads_what_was_measured_where(loop, tmp_path):
    cine, headers = loop
    path = tmp_path / "report.dcm"
    write_report(path, cine, [part()])
    (group,) = groups_of(path)
    line, image = group.roi, group.roi.ContentSequence[0].ReferencedSOPSequence[0]
    assert np.allclose(line.value[:, ::-1] - 0.5, LINE)
    single = len(headers) > 1
    source = headers[2] if single else headers[0]
    assert image.ReferencedSOPInstanceUID == source.SOPInstanceUID
    assert image.get("ReferencedFrameNumber") == (None if single else 3)
    diameter, length = group.get_measurements()
    assert (diameter.value, diameter.unit.value) == (1.2346, "mm")
    assert diameter.derivation.meaning == "Minimum"
    assert (length.value, length.unit.value) == (13.3333, "{pixels}")
    (answer,) = group.get_qualitative_evaluations()
    assert answer.value.meaning == "Geometric Isocenter"


def test_the_report_belongs_to_the_patient_and_study(loop, tmp_path):
    cine, headers = loop
    path = tmp_path / "report.dcm"
    write_report(path, cine, [part()])
    data = dcmread(path)
    for keyword in ("PatientName", "PatientID", "StudyInstanceUID", "StudyDate"):
        assert data[keyword].value == headers[0][keyword].value
    assert data.Modality == "SR"
    assert data.Manufacturer == "napari-motionseg"
    assert "research use only" in data.SeriesDescription
    named = {
        item.ReferencedSOPInstanceUID
        for study in data.CurrentRequestedProcedureEvidenceSequence
        for series in study.ReferencedSeriesSequence
        for item in series.ReferencedSOPSequence
    }
    assert named <= {header.SOPInstanceUID for header in headers}


def test_dicom3tools_find_no_fault(loop, tmp_path):
    cine, _ = loop
    path = tmp_path / "report.dcm"
    lesion = part(finding=("SCT", "Stenosis"), name="vessel 1, lesion 1")
    write_report(path, cine, [part(), lesion])
    assert complaints(path) == []


@pytest.mark.parametrize("kind", ["BINARY", "LABELMAP"])
def test_a_report_refers_to_the_segment_of_its_frame(kind, tmp_path):
    cine, _ = seg_loops.loop(tmp_path)
    masks, labelled = seg_loops.masks()
    seg, path = tmp_path / "seg.dcm", tmp_path / "report.dcm"
    settings = SegmentationSettings(kind=kind)
    write_segmentation(seg, cine, masks, labelled=labelled, settings=settings)
    segments = read_segment_frames(seg, cine)
    write_report(path, cine, [part(), part(frame=1, name="vessel 2")], segments)
    if kind == "BINARY":  # dicom3tools of 2022 do not know the class of label maps
        assert complaints(path) == []
    first, refers, second = groups_of(path)  # frame 1 was not segmented
    assert first.tracking_uid == refers.tracking_uid != second.tracking_uid
    image, source = (
        item.ReferencedSOPSequence[0] for item in refers.referenced_segmentation_frame
    )
    written = dcmread(seg)
    assert image.ReferencedSOPInstanceUID == written.SOPInstanceUID
    assert source.ReferencedFrameNumber == 3
    if kind == "LABELMAP":
        assert image.ReferencedSegmentNumber == 1
    else:
        groups = written.PerFrameFunctionalGroupsSequence
        group = groups[image.ReferencedFrameNumber - 1]
        (identified,) = group.SegmentIdentificationSequence
        assert identified.ReferencedSegmentNumber == 1
        (derived,) = group.DerivationImageSequence
        assert derived.SourceImageSequence[0].ReferencedFrameNumber == 3


def test_other_masks_add_no_reference(tmp_path):
    cine, _ = seg_loops.loop(tmp_path)
    np.savez(tmp_path / "masks.npz", labels=np.zeros(cine.shape, np.uint8))
    assert read_segment_frames(tmp_path / "masks.npz", cine) is None


def test_what_cannot_be_reported_is_said(tmp_path, monkeypatch):
    cine, _ = seg_loops.loop(tmp_path)
    path = tmp_path / "report.dcm"
    with pytest.raises(WriteError, match="nothing was measured"):
        write_report(path, cine, [])
    monkeypatch.setitem(__import__("sys").modules, "highdicom.sr", None)
    with pytest.raises(MissingDependencyError, match=r"napari-motionseg\[sr\]"):
        write_report(path, cine, [part()])
    assert not path.exists()


def test_a_frame_beyond_the_headers_count_is_not_reported(tmp_path, monkeypatch):
    import dataclasses

    from napari_motionseg.io import dicom_report

    cine, _ = seg_loops.loop(tmp_path)
    source = dataclasses.replace(dicom_report.read_source(cine), promised=2)
    monkeypatch.setattr(dicom_report, "read_source", lambda _: source)
    with pytest.raises(WriteError, match="NumberOfFrames of the loop's file is 2"):
        write_report(tmp_path / "report.dcm", cine, [part()])
