"""Segmentations as others read them: highdicom, DCMTK and dicom3tools."""

import json
import struct

import numpy as np
import pytest
from helpers import dicom_files as files
from helpers import dicom_tools, seg_loops
from pydicom.uid import generate_uid

from napari_motionseg.cine import Cine
from napari_motionseg.errors import (
    OccupiedError,
    ReadError,
    SettingsError,
    WriteError,
)
from napari_motionseg.io import read_cine
from napari_motionseg.io.dicom_seg_reader import read_segmentation
from napari_motionseg.io.dicom_seg_writer import (
    Algorithm,
    SegmentationSettings,
    write_segmentation,
)
from napari_motionseg.version import __version__

KINDS = ("BINARY", "LABELMAP", "FRACTIONAL")
SOURCES = ("XA", "enhanced XA", "RF", "series")


@pytest.fixture
def written(tmp_path):
    """Write masks of a loop of some kind; return everything that is known of it."""

    def write(kind="BINARY", source="XA", attributes=(), **settings):
        cine, data = seg_loops.loop(tmp_path, source, **dict(attributes))
        masks, labelled = seg_loops.masks()
        path = tmp_path / "seg.dcm"
        write_segmentation(
            path, cine, masks, labelled=labelled,
            settings=SegmentationSettings(kind, **settings),
        )  # fmt: skip
        return path, cine, data, masks, labelled

    return write


def by_highdicom(path, data, kind, count):
    """Masks as highdicom gives them for the frames of the source."""
    hd = pytest.importorskip("highdicom")
    seg = hd.seg.segread(path)
    combined = {"combine_segments": kind != "FRACTIONAL", "skip_overlap_checks": True}
    if len(data) == 1:
        found = seg.get_pixels_by_source_frame(
            data[0].SOPInstanceUID, list(range(1, count + 1)),
            assert_missing_frames_are_empty=True, **combined,
        )  # fmt: skip
    else:
        found = seg.get_pixels_by_source_instance(
            [one.SOPInstanceUID for one in data],
            assert_missing_frames_are_empty=True, **combined,
        )  # fmt: skip
    return seg, found


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("kind", KINDS)
def test_highdicom_reads_the_masks_on_the_frames_they_belong_to(
    written, kind, source, compressed
):
    path, cine, data, masks, _ = written(kind, source, compressed=compressed)
    _, found = by_highdicom(path, data, kind, len(cine))
    if kind == "FRACTIONAL":
        found = np.stack([found[..., k] * (k + 1) for k in range(2)]).sum(axis=0)
    np.testing.assert_array_equal(found, masks)


def test_highdicom_reads_probabilities(tmp_path):
    cine, data = seg_loops.loop(tmp_path)
    generator = np.random.default_rng(2)
    fractions = {k: generator.integers(0, 256, cine.shape) / 255 for k in (1, 2)}
    path = tmp_path / "seg.dcm"
    write_segmentation(
        path, cine, np.zeros(cine.shape, np.uint8), fractions=fractions,
        settings=SegmentationSettings("FRACTIONAL"),
    )  # fmt: skip
    _, found = by_highdicom(path, data, "FRACTIONAL", len(cine))
    for k, fraction in fractions.items():
        np.testing.assert_allclose(found[..., k - 1], fraction, atol=1e-6)


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("kind", ["BINARY", "FRACTIONAL"])
@pytest.mark.parametrize("oriented", [False, True])
def test_dciodvfy_finds_no_error(written, kind, source, oriented):
    maker = Algorithm("AUTOMATIC", "n", "ab" * 32)
    path = written(kind, source, algorithm=maker, oriented=oriented)[0]
    assert dicom_tools.complaints(path) == []


def test_dciodvfy_would_find_an_error(written):
    from pydicom import dcmread

    path = written()[0]
    data = dcmread(path)
    del data.SegmentSequence[0].SegmentLabel
    data.save_as(path)
    assert any("SegmentLabel" in line for line in dicom_tools.complaints(path))


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_dcmtk_dumps_it(written, tmp_path, kind, compressed):
    path = written(kind, compressed=compressed)[0]
    code, words = dicom_tools.run("dcmdump", path)
    assert code == 0
    assert "E: " not in words
    assert "DerivationImageSequence" in words
    if compressed:
        plain = tmp_path / "plain.dcm"
        unpack = ("dcmconv", "+te") if kind == "BINARY" else ("dcmdrle",)
        assert dicom_tools.run(*unpack, path, plain) == (0, "")
        kept = files.reread(tmp_path / "plain.dcm").pixel_array
        np.testing.assert_array_equal(kept, files.reread(path).pixel_array)
        path = plain
    code, words = dicom_tools.run("dcm2json", path)
    assert code == 0
    assert json.loads(words)["00080060"]["Value"] == ["SEG"]
    if kind != "LABELMAP":  # the dciodvfy of 2022 does not know it
        assert dicom_tools.complaints(path) == []


def test_patient_and_study_are_the_loops_and_the_maker_is_this_program(written):
    path, _, (source,), *_ = written(
        algorithm=Algorithm("SEMIAUTOMATIC", "vessel.safetensors", "ab" * 32, "t=0.5")
    )
    data = files.reread(path)
    copied = (
        "PatientName", "PatientID", "StudyInstanceUID", "StudyDate", "PatientAge",
        "AccessionNumber", "ReferringPhysicianName",
    )  # fmt: skip
    for keyword in copied:
        assert data[keyword].value == source[keyword].value, keyword
    assert data.SeriesInstanceUID != source.SeriesInstanceUID
    assert data.Manufacturer == data.ManufacturerModelName == "napari-motionseg"
    assert data.SoftwareVersions == __version__
    assert data.DeviceSerialNumber == "ab" * 8
    device = data.ContributingEquipmentSequence[0]
    assert (device.Manufacturer, device.DeviceSerialNumber) == ("ACME", "42")
    said = data.SegmentSequence[0].SegmentationAlgorithmIdentificationSequence[0]
    assert said.AlgorithmVersion == __version__
    assert "ab" * 32 in said.AlgorithmParameters
    assert "t=0.5" in said.AlgorithmParameters
    for keyword in ("FrameOfReferenceUID", "DimensionOrganizationType"):
        assert keyword not in data
    assert all(str(uid).startswith("2.25.") for uid in (
        data.SOPInstanceUID, data.SeriesInstanceUID))  # fmt: skip


def test_names_in_any_character_set_arrive(written):
    name = "Müller^Jürgen"
    attributes = {"SpecificCharacterSet": "ISO_IR 100", "PatientName": name}
    path = written(attributes=attributes)[0]
    assert str(files.reread(path).PatientName) == name


def test_codes_names_and_colors_of_segments(written):
    names = ("left anterior descending artery=LAD", "guide wire")
    path = written(names=names, colors=("#ffffff",))[0]
    first, second = files.reread(path).SegmentSequence
    assert first.SegmentLabel == "LAD"
    assert first.SegmentedPropertyTypeCodeSequence[0].CodeValue == "59438005"
    assert first.RecommendedDisplayCIELabValue == [65535, 32896, 32896]
    assert second.SegmentedPropertyTypeCodeSequence[0].CodeMeaning == "Guide Wire"
    category = second.SegmentedPropertyCategoryCodeSequence[0]
    assert category.CodeValue == "260787004"


def test_the_same_call_writes_the_same_bytes_on_request(tmp_path):
    cine, _ = seg_loops.loop(tmp_path)
    masks, _ = seg_loops.masks()
    contents = []
    for number, deterministic in enumerate([True, True, False]):
        path = tmp_path / f"{number}.dcm"
        settings = SegmentationSettings(deterministic=deterministic)
        write_segmentation(path, cine, masks, settings=settings)
        contents.append(path.read_bytes())
    assert contents[0] == contents[1] != contents[2]
    masks[0, 0, 0] = 1
    write_segmentation(path, cine, masks, settings=SegmentationSettings(
        deterministic=True))  # fmt: skip
    assert files.reread(path).SOPInstanceUID != files.reread(
        tmp_path / "0.dcm").SOPInstanceUID  # fmt: skip


def test_bits_of_odd_frames_run_on(written):
    path, _, _, masks, labelled = written()
    data = files.reread(path)
    bits = np.unpackbits(np.frombuffer(data.PixelData, np.uint8), bitorder="little")
    size = masks[0].size
    wanted = [(masks[t] == 1).ravel() for t in range(len(masks))
              if labelled[t]]  # fmt: skip
    found = bits[: size * len(wanted)].reshape(len(wanted), size)
    np.testing.assert_array_equal(found, wanted)


def test_a_loop_that_came_from_no_dicom_file_is_refused(tmp_path):
    cine = Cine.from_array(files.gray_frames(3))
    with pytest.raises(ReadError, match="not read from DICOM files"):
        write_segmentation(tmp_path / "s.dcm", cine, np.ones(cine.shape, np.uint8))


@pytest.mark.parametrize(
    "keyword",
    ["StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "SOPClassUID"],
)
def test_a_loop_without_a_uid_is_refused(tmp_path, keyword):
    data = seg_loops.dataset()
    delattr(data, keyword)
    data.save_as(tmp_path / "loop.dcm")
    cine = read_cine(tmp_path / "loop.dcm")
    with pytest.raises(ReadError, match=f"lacks {keyword}"):
        write_segmentation(tmp_path / "s.dcm", cine, np.ones(cine.shape, np.uint8))
    assert not (tmp_path / "s.dcm").exists()


def test_a_series_with_the_same_sop_uid_twice_is_refused(tmp_path):
    uid = generate_uid()
    cine, _ = seg_loops.loop(tmp_path, "series", SOPInstanceUID=uid)
    with pytest.raises(ReadError, match="has the SOP Instance UID of"):
        write_segmentation(tmp_path / "s.dcm", cine, np.ones(cine.shape, np.uint8))


def test_a_file_that_became_another_since_it_was_opened_is_refused(tmp_path):
    cine, _ = seg_loops.loop(tmp_path)
    files.save(seg_loops.dataset(seed=5, PatientID="another"), tmp_path / "loop.dcm")
    with pytest.raises(ReadError, match="changed or replaced"):
        write_segmentation(tmp_path / "s.dcm", cine, np.ones(cine.shape, np.uint8))


def test_frames_that_the_header_does_not_count_are_refused(tmp_path):
    data = seg_loops.dataset()
    data.NumberOfFrames = 4
    files.save(data, tmp_path / "loop.dcm")
    with pytest.warns(UserWarning, match="2 more frames"):
        cine = read_cine(tmp_path / "loop.dcm")
    masks = np.ones(cine.shape, np.uint8)
    with pytest.raises(WriteError, match="find the frames 5, 6"):
        write_segmentation(tmp_path / "s.dcm", cine, masks)
    write_segmentation(tmp_path / "s.dcm", cine, masks, labelled=np.arange(6) < 4)
    np.testing.assert_array_equal(
        read_segmentation(tmp_path / "s.dcm", cine).labelled, np.arange(6) < 4
    )


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda m: m[:-1], "of shape"),
        (lambda m: m[:, :, :-1], "of shape"),
        (lambda m: m.astype(float), "integers"),
        (lambda m: m.astype(int) - 1, "0 to 255"),
        (lambda m: m.astype(int) + 300, "0 to 255"),
    ],
)
def test_masks_that_do_not_fit_are_refused(tmp_path, change, words):
    cine, _ = seg_loops.loop(tmp_path)
    masks, _ = seg_loops.masks()
    with pytest.raises(WriteError, match=words):
        write_segmentation(tmp_path / "s.dcm", cine, change(masks))
    assert not (tmp_path / "s.dcm").exists()


def test_probabilities_that_are_none_are_refused(tmp_path):
    cine, _ = seg_loops.loop(tmp_path)
    masks, _ = seg_loops.masks()
    settings = SegmentationSettings("FRACTIONAL")
    for wrong in (np.full(cine.shape, 1.5), np.full(cine.shape, np.nan)):
        with pytest.raises(WriteError, match="must be 0 to 1"):
            write_segmentation(
                tmp_path / "s.dcm", cine, masks, fractions={1: wrong},
                settings=settings,
            )  # fmt: skip


def test_choices_that_are_none_are_refused(written):
    with pytest.raises(SettingsError, match="BINARY, LABELMAP or FRACTIONAL"):
        SegmentationSettings("SURFACE")
    with pytest.raises(SettingsError, match="did you mean 'artery'"):
        written(names=("artry",))
    with pytest.raises(SettingsError, match="#rrggbb"):
        written(colors=("red",))


def test_nothing_of_others_is_replaced(tmp_path, written):
    path, cine, _, masks, _ = written()
    write_segmentation(path, cine, masks)  # our own may be
    with pytest.raises(OccupiedError):
        write_segmentation(tmp_path / "loop.dcm", cine, masks)
    theirs = path.read_bytes().replace(b"napari-motionseg", b"somebody---else!")
    (tmp_path / "theirs.dcm").write_bytes(theirs)
    with pytest.raises(OccupiedError):
        write_segmentation(tmp_path / "theirs.dcm", cine, masks)


def test_damaged_patient_attributes_are_left_out(tmp_path):
    """A value that its representation does not allow must not end the export."""
    data = seg_loops.dataset()
    path = files.save(data, tmp_path / "loop.dcm")
    content = path.read_bytes()
    age = struct.pack("<HH", 0x0010, 0x1010) + b"AS" + struct.pack("<H", 4)
    at = content.index(age)
    path.write_bytes(content[:at] + content[at:].replace(b"069Y", b"\xff\xfe\0\0", 1))
    cine = read_cine(path)
    write_segmentation(tmp_path / "s.dcm", cine, np.ones(cine.shape, np.uint8))
    assert files.reread(tmp_path / "s.dcm").PatientID == "123"


@pytest.mark.parametrize("kind", KINDS)
def test_an_orientation_is_added_on_request_alone(tmp_path, kind):
    """cornerstone3D 5.14 reads it of the shared or the first frame's group."""
    cine, _ = seg_loops.loop(tmp_path)
    masks, labelled = seg_loops.masks()
    for oriented in (False, True):
        path = tmp_path / f"{oriented}.dcm"
        settings = SegmentationSettings(kind, oriented=oriented)
        write_segmentation(path, cine, masks, labelled=labelled, settings=settings)
        data = files.reread(path)
        (shared,) = data.SharedFunctionalGroupsSequence
        assert ("PlaneOrientationSequence" in shared) == oriented
        assert "FrameOfReferenceUID" not in data
        read = read_segmentation(path, cine)
        np.testing.assert_array_equal(read.labels, masks)
    (plane,) = shared.PlaneOrientationSequence
    assert plane.ImageOrientationPatient == [1, 0, 0, 0, 1, 0]
