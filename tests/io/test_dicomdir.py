"""What a DICOMDIR lists: found below its folder, never outside, missing files named."""

import os
import warnings

import dicom_files as files
import pytest
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, MediaStorageDirectoryStorage

from napari_motionseg.errors import PartialReadWarning, ReadError
from napari_motionseg.io import can_read, read_cines
from napari_motionseg.io.dicomdir import files_of_dicomdir


def dicomdir(folder, listed, kind="IMAGE", **others):
    """Write a DICOMDIR whose records list files by their parts."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = MediaStorageDirectoryStorage
    meta.MediaStorageSOPInstanceUID = "1.2.3.4"
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data = Dataset()
    data.file_meta = meta
    records = []
    for parts in listed:
        record = Dataset()
        record.DirectoryRecordType = kind
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            record.add_new("ReferencedFileID", "LO", parts)  # as long as it likes
        for keyword, value in others.items():
            setattr(record, keyword, value)
        records.append(record)
    data.DirectoryRecordSequence = records
    with warnings.catch_warnings():  # pydicom's, of names that break the Standard
        warnings.simplefilter("ignore")
        data.save_as(folder / "DICOMDIR", enforce_file_format=True)
    return folder / "DICOMDIR"


def save_loop(*parts):
    """Write a loop at a path of several parts."""
    path = parts[0].joinpath(*parts[1:])
    path.parent.mkdir(parents=True, exist_ok=True)
    return files.save(files.xa_dataset(files.gray_frames()), path)


def names(path):
    return [cine.name for cine in read_cines(path)]


def test_the_loops_that_are_listed_in_their_order(tmp_path):
    for name in ("im1", "im2", "im3"):
        save_loop(tmp_path, "images", name)
    path = dicomdir(tmp_path, [["IMAGES", "IM2"], ["IMAGES", "IM1"]])
    assert names(path) == names(tmp_path) == ["im2", "im1"]
    assert can_read(path)


def test_missing_files_are_named(tmp_path):
    save_loop(tmp_path, "IM1")
    path = dicomdir(tmp_path, [["IM1"], ["DIR", "GONE"], ["AWAY"]])
    with pytest.warns(PartialReadWarning, match="DIR/GONE, AWAY are listed but miss"):
        assert names(path) == ["IM1"]


def test_only_some_of_very_many_missing_files_are_named(tmp_path):
    save_loop(tmp_path, "IM1")
    path = dicomdir(tmp_path, [["IM1"], *([f"GONE{n}"] for n in range(50))])
    with pytest.warns(PartialReadWarning, match="GONE7, 42 more are listed"):
        assert names(path) == ["IM1"]


def test_nothing_there_is_an_error_that_names_what_is_listed(tmp_path):
    path = dicomdir(tmp_path, [["IMAGES", "GONE"]])
    with pytest.raises(ReadError, match="no file that is there.*IMAGES/GONE"):
        read_cines(path)


def test_a_useless_dicomdir_does_not_hide_the_files_of_its_folder(tmp_path):
    save_loop(tmp_path, "loop.dcm")
    dicomdir(tmp_path, [["GONE"]])
    with pytest.warns(PartialReadWarning, match="GONE.*read instead"):
        assert names(tmp_path) == ["loop"]
    (tmp_path / "DICOMDIR").write_bytes(b"nothing that DICOM knows" * 20)
    with pytest.warns(PartialReadWarning, match="read instead"):
        assert names(tmp_path) == ["loop"]


@pytest.mark.parametrize(
    ("kept", "listed"),
    [
        ("Images/Im1", ["IMAGES", "IM1"]),
        ("IMAGES/IM1.DCM", ["IMAGES", "IM1"]),
        ("IMAGES/IM1", ["IMAGES", "IM1.DCM"]),
        ("IMAGES/IM1.;1", ["IMAGES", "IM1"]),
        ("IMAGES/IM1", ["IMAGES", "IM1.;1"]),
        ("IMAGES/IM1", ["IMAGES/IM1"]),
    ],
)
def test_names_that_copying_changed(tmp_path, kept, listed):
    path = save_loop(tmp_path, kept)
    assert files_of_dicomdir(dicomdir(tmp_path, [listed])) == [path]


def test_the_exact_name_wins_over_one_of_another_case(tmp_path):
    for name in ("im1", "IM1", "Im1"):
        save_loop(tmp_path, name)
    assert names(dicomdir(tmp_path, [["IM1"]])) == ["IM1"]


def test_a_file_that_is_listed_twice_is_one_loop(tmp_path):
    save_loop(tmp_path, "im1")
    assert names(dicomdir(tmp_path, [["IM1"], ["im1"]])) == ["im1"]


@pytest.mark.parametrize(
    "parts",
    [
        ["..", "secret.dcm"],
        ["IMAGES", "..", "..", "secret.dcm"],
        ["/", "secret.dcm"],
        ["C:", "secret.dcm"],
        ["../secret.dcm"],
        ["link", "secret.dcm"],
        ["linked.dcm"],
    ],
)
def test_files_outside_the_medium_are_left_out(tmp_path, parts):
    save_loop(tmp_path, "secret.dcm")
    medium = tmp_path / "medium"
    save_loop(medium, "IMAGES", "im1")
    os.symlink(tmp_path, medium / "link")
    os.symlink(tmp_path / "secret.dcm", medium / "linked.dcm")
    path = dicomdir(medium, [["IMAGES", "im1"], parts])
    with pytest.warns(PartialReadWarning, match="outside the medium"):
        assert names(path) == ["im1"]


def test_an_absolute_name_is_left_out(tmp_path):
    outside = save_loop(tmp_path, "secret.dcm")
    (tmp_path / "medium").mkdir()
    path = dicomdir(tmp_path / "medium", [[str(outside)]])
    with pytest.raises(ReadError, match="outside the medium"):
        read_cines(path)


def test_links_within_the_medium_are_followed(tmp_path):
    save_loop(tmp_path, "DATA", "im1")
    os.symlink(tmp_path / "DATA", tmp_path / "IMAGES")
    assert names(dicomdir(tmp_path, [["IMAGES", "IM1"]])) == ["im1"]


@pytest.mark.parametrize("kind", ["PRESENTATION", "SR DOCUMENT", "PRIVATE"])
def test_records_of_what_is_no_loop_are_passed_over(tmp_path, kind):
    save_loop(tmp_path, "im1")
    path = dicomdir(tmp_path, [["GONE"]], kind=kind)
    with pytest.raises(ReadError, match=r"no file that is there$"):
        files_of_dicomdir(path)


def test_records_that_are_no_longer_in_use_are_passed_over(tmp_path):
    save_loop(tmp_path, "im1")
    with pytest.raises(ReadError, match="no file that is there"):
        files_of_dicomdir(dicomdir(tmp_path, [["IM1"]], RecordInUseFlag=0))


def test_records_in_a_circle_end(tmp_path):
    """The links between records are offsets into the file; none is followed."""
    save_loop(tmp_path, "im1")
    path = dicomdir(
        tmp_path, [["IM1"]] * 2, OffsetOfTheNextDirectoryRecord=400,
        OffsetOfReferencedLowerLevelDirectoryEntity=400,
    )  # fmt: skip
    assert names(path) == ["im1"]


def test_records_that_hold_something_else(tmp_path):
    save_loop(tmp_path, "im1")
    path = dicomdir(tmp_path, [["IM1"], "", ["\x1b[31mred"], [" "]])
    with pytest.warns(PartialReadWarning) as seen:
        assert names(path) == ["im1"]
    assert not any("\x1b" in str(one.message) for one in seen)


def test_a_dicomdir_in_a_sub_folder_is_no_loop(tmp_path):
    save_loop(tmp_path, "cd", "im1")
    dicomdir(tmp_path / "cd", [["IM1"]])
    assert names(tmp_path) == ["im1"]
