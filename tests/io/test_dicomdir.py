"""What a DICOMDIR lists: found below its folder, never outside, missing files named."""

import os
import struct
import warnings

import pytest
from helpers import dicom_files as files
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, MediaStorageDirectoryStorage

from napari_motionseg.errors import MemoryBudgetError, PartialReadWarning, ReadError
from napari_motionseg.io import can_read, read_cines
from napari_motionseg.io import dicomdir as dicomdir_module
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
    with pytest.raises(ReadError, match="no existing file.*IMAGES/GONE"):
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
        ("IMAGES/IM1", [".", "IMAGES", "IM1"]),
        ("IMAGES/IM1", ["./IMAGES//IM1"]),
    ],
)
def test_names_that_copying_changed(tmp_path, kept, listed):
    path = save_loop(tmp_path, kept)
    assert files_of_dicomdir(dicomdir(tmp_path, [listed])) == [path]


def test_the_exact_name_wins_over_one_of_another_case(tmp_path):
    for name in ("im1", "IM1", "Im1"):
        save_loop(tmp_path, name)
    assert names(dicomdir(tmp_path, [["IM1"]])) == ["IM1"]


def test_a_dicomdir_keeps_its_version_in_its_name(tmp_path):
    save_loop(tmp_path, "im1")
    listed = dicomdir(tmp_path, [["IM1"]]).rename(tmp_path / "DICOMDIR;1")
    assert names(listed) == ["im1"]


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
    with pytest.raises(ReadError, match=r"no existing file$"):
        files_of_dicomdir(path)


def test_records_that_are_no_longer_in_use_are_passed_over(tmp_path):
    save_loop(tmp_path, "im1")
    with pytest.raises(ReadError, match="no existing file"):
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


ITEM, ITEM_END, END = (struct.pack("<HH", 0xFFFE, e) for e in (0xE000, 0xE00D, 0xE0DD))
UNDEFINED = b"\xff" * 4


def _long(vr, value, length=None):
    """Return the directory's sequence with a value, as an element of any VR."""
    size = struct.pack("<I", len(value)) if length is None else length
    return struct.pack("<HH2sH", 0x0004, 0x1220, vr, 0) + size + value


def _short(tag, vr, value):
    return struct.pack("<HH2sH", *tag, vr, len(value)) + value


def _plain(tag, value):
    """Return an element of implicit VR."""
    return struct.pack("<HHI", *tag, len(value)) + value


def hostile(folder, dataset):
    """Write a DICOMDIR with any bytes as its data set."""
    meta = _short((2, 0x10), b"UI", b"1.2.840.10008.1.2.1\0")
    head = bytes(128) + b"DICM" + _short((2, 0), b"UL", struct.pack("<I", len(meta)))
    (folder / "DICOMDIR").write_bytes(head + meta + dataset)
    return folder / "DICOMDIR"


DEEP, MANY, FEW = 100_000, 2000, 1000
LISTED = _short((4, 0x1500), b"CS", b"IM1 ")
RECORDS = (ITEM + struct.pack("<I", len(LISTED)) + LISTED) * MANY
LISTED_PLAINLY = _plain((4, 0x1500), b"IM1 ")
PLAIN_RECORDS = (ITEM + struct.pack("<I", len(LISTED_PLAINLY)) + LISTED_PLAINLY) * MANY
NESTED = (_long(b"SQ", b"", UNDEFINED) + ITEM + UNDEFINED) * DEEP
HOSTILE = {
    "100,000 levels": ("nested deeper", lambda: NESTED),
    "100,000 levels in UN": (
        "nested deeper", lambda: _long(b"UN", ITEM + UNDEFINED + NESTED)
    ),
    "many": ("more than", lambda: _long(b"SQ", RECORDS)),
    "many in UN": ("more than", lambda: _long(b"UN", PLAIN_RECORDS)),
    "many in UN, explicit": ("more than", lambda: _long(b"UN", RECORDS)),
    "many without length": (
        "more than", lambda: _long(b"SQ", RECORDS + END + bytes(4), UNDEFINED)
    ),
    "many outside": (
        "more than", lambda: _short((8, 0x1030), b"LO", b"") * 2 * MANY
    ),
    "a value of 4 GB": ("claims", lambda: _long(b"OB", b"", b"\xf0\xff\xff\xff")),
    "an end that is cut": ("claims", lambda: _long(b"SQ", RECORDS[:100])[:-20]),
}  # fmt: skip


class _ParsedError(BaseException):
    """Pydicom was asked to parse it; no damage, so that no reader takes it for one."""


def _parsed(*_given, **_words):
    raise _ParsedError


def test_three_million_elements(tmp_path, monkeypatch):
    path = hostile(tmp_path, _long(b"SQ", RECORDS[: len(RECORDS) // MANY] * 1_500_000))
    monkeypatch.setattr("napari_motionseg.io.dicom_header.read_dataset", _parsed)
    with pytest.raises(ReadError, match="more than 500000 elements"):
        files_of_dicomdir(path)


@pytest.mark.parametrize("way", HOSTILE)
def test_hostile_structure_is_refused_before_it_is_parsed(tmp_path, way, monkeypatch):
    words, made = HOSTILE[way]
    save_loop(tmp_path, "IM1")
    path = hostile(tmp_path, made())
    monkeypatch.setattr(dicomdir_module, "MOST_ELEMENTS", FEW)
    with monkeypatch.context() as patch:
        patch.setattr("napari_motionseg.io.dicom_header.read_dataset", _parsed)
        with pytest.raises(ReadError, match=words):
            files_of_dicomdir(path)
    with pytest.warns(PartialReadWarning, match="read instead"):
        assert names(tmp_path) == ["IM1"]


def test_more_attributes_than_any_medium_needs(tmp_path, monkeypatch):
    save_loop(tmp_path, "IM1")
    path = dicomdir(tmp_path, [["IM1"]] * 9)
    monkeypatch.setattr(dicomdir_module, "MOST_BYTES", 300)
    with pytest.raises(MemoryBudgetError, match="more than the memory budget"):
        files_of_dicomdir(path)


@pytest.mark.parametrize(
    "dataset",
    [
        _long(b"SQ", RECORDS[:20]),
        _long(b"SQ", ITEM + UNDEFINED + LISTED + ITEM_END + bytes(4) + END + bytes(4),
              UNDEFINED),
        _long(b"UN", PLAIN_RECORDS[:20]),
        _long(b"UN", PLAIN_RECORDS[:20] + END + bytes(4), UNDEFINED),
    ],
)  # fmt: skip
def test_records_in_every_form_of_a_sequence(tmp_path, dataset):
    path = save_loop(tmp_path, "IM1")
    assert files_of_dicomdir(hostile(tmp_path, dataset)) == [path]


def test_a_dicomdir_of_a_careless_program_is_read(tmp_path):
    """One without a preamble, and one whose transfer syntax is not what it says."""
    path = save_loop(tmp_path, "IM1")
    whole = hostile(tmp_path, _long(b"SQ", RECORDS[:20])).read_bytes()
    (tmp_path / "DICOMDIR").write_bytes(whole[132:])
    assert files_of_dicomdir(tmp_path / "DICOMDIR") == [path]
    plain = _plain((4, 0x1220), PLAIN_RECORDS[:20])
    assert files_of_dicomdir(hostile(tmp_path, plain)) == [path]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no FIFOs")
@pytest.mark.parametrize("kind", ["pipe", "link to a pipe", "device", "folder"])
def test_what_is_no_file_is_no_dicomdir(tmp_path, kind):
    save_loop(tmp_path, "medium", "im1")
    path = tmp_path / "medium" / "DICOMDIR"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "link to a pipe":
        os.mkfifo(tmp_path / "pipe")
        path.symlink_to(tmp_path / "pipe")
    elif kind == "device":
        path.symlink_to("/dev/zero")
    else:
        path.mkdir()
    with pytest.raises(ReadError, match="only a regular file|is a folder"):
        files_of_dicomdir(path)
    with pytest.warns(PartialReadWarning, match="read instead"):
        assert names(tmp_path / "medium") == ["im1"]
    if kind != "folder":
        assert not can_read(path)
        with pytest.raises(ReadError, match="only a regular file"):
            read_cines(path)
