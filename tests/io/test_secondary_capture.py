"""Pictures of a loop as a secondary capture, as others read it."""

import numpy as np
import pytest
from helpers import dicom_files as files
from helpers import dicom_tools, seg_loops

from napari_motionseg.cine import Cine
from napari_motionseg.errors import OccupiedError, ReadError, SettingsError
from napari_motionseg.io import read_cines
from napari_motionseg.io.secondary_capture import write_capture

RATES = {
    "equal": {"FrameTime": 40, "FrameIncrementPointer": 0x00181063},
    "vector": {"FrameTimeVector": [0, 40, 40, 50, 60, 40],
               "FrameIncrementPointer": 0x00181065},
    "unknown": {"FrameTime": None},
}  # fmt: skip


def pictures(shape=seg_loops.SHAPE, seed=1):
    generator = np.random.default_rng(seed)
    return generator.integers(0, 256, (*shape, 3)).astype(np.uint8)


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("source", ["XA", "enhanced XA", "RF", "series"])
def test_pictures_come_back_under_the_right_study(tmp_path, source, compressed):
    cine, data = seg_loops.loop(tmp_path, source)
    path = tmp_path / "capture.dcm"
    write_capture(path, cine, iter(pictures()), compressed=compressed)
    found = files.reread(path)
    np.testing.assert_array_equal(found.pixel_array, pictures())
    assert found.StudyInstanceUID == data[0].StudyInstanceUID
    assert found.PatientID == data[0].PatientID
    assert found.Manufacturer == "napari-motionseg"
    assert "research use only" in found.DerivationDescription
    instances = [i.ReferencedSOPInstanceUID for i in found.SourceImageSequence]
    assert instances == [one.SOPInstanceUID for one in data]


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("source", ["XA", "enhanced XA"])
@pytest.mark.parametrize("body", [{}, {"BodyPartExamined": "HEART"}])
def test_dciodvfy_finds_no_error_whatever_the_times(tmp_path, source, rate, body):
    cine, _ = seg_loops.loop(tmp_path, source, **RATES[rate], **body)
    path = tmp_path / "capture.dcm"
    write_capture(path, cine, pictures())
    complaints = dicom_tools.complaints(path)
    if body:
        assert complaints == []
    else:  # whether it is one of a pair cannot be known, and empty says so
        (warning,) = complaints
        assert "only permitted to be empty when actually unknown" in warning
        assert "Laterality" in warning
    data = files.reread(path)
    if rate == "equal":
        assert data.FrameTime == 40
    elif rate == "vector":
        assert list(data.FrameTimeVector) == RATES[rate]["FrameTimeVector"]


@pytest.mark.parametrize(("said", "then"), [("NO", "NO"), ("YES", "YES"), ("", "YES")])
def test_text_in_the_pixels_is_denied_only_if_the_source_does(tmp_path, said, then):
    cine, _ = seg_loops.loop(tmp_path, BurnedInAnnotation=said)
    write_capture(tmp_path / "c.dcm", cine, pictures())
    assert files.reread(tmp_path / "c.dcm").BurnedInAnnotation == then


def test_a_capture_in_a_folder_is_no_loop(tmp_path):
    cine, _ = seg_loops.loop(tmp_path)
    write_capture(tmp_path / "c.dcm", cine, pictures())
    assert [loop.name for loop in read_cines(tmp_path)] == ["loop"]


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (pictures()[:-1], "5 pictures"),
        (pictures()[..., :2], "got uint8"),
        (pictures().astype(float), "got float64"),
        ([*pictures()[:-1], pictures()[0, :-1]], "picture 5 has shape"),
    ],
)
def test_pictures_that_do_not_fit_are_refused(tmp_path, wrong, words):
    cine, _ = seg_loops.loop(tmp_path)
    with pytest.raises(SettingsError, match=words):
        write_capture(tmp_path / "c.dcm", cine, wrong)
    assert not (tmp_path / "c.dcm").exists()


def test_loops_of_no_file_and_files_of_others_are_refused(tmp_path):
    cine, _ = seg_loops.loop(tmp_path)
    with pytest.raises(OccupiedError):
        write_capture(tmp_path / "loop.dcm", cine, pictures())
    with pytest.raises(ReadError, match="not read from DICOM"):
        write_capture(tmp_path / "c.dcm", Cine.from_array(pictures()[..., 0]), [])
