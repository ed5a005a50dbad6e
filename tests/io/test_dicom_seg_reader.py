"""Segmentations of this program, of others, and hostile ones, as labels of a loop."""

import dataclasses
import warnings

import numpy as np
import pytest
from helpers import dicom_files as files
from helpers import seg_loops
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom import dcmread
from pydicom.pixels import pack_bits
from pydicom.uid import generate_uid

from napari_motionseg.errors import (
    LabelError,
    MemoryBudgetError,
    MotionSegError,
    PartialReadWarning,
    ReadError,
)
from napari_motionseg.io import dicom_seg_references, read_cine, read_cines, read_labels
from napari_motionseg.io.dicom_seg_reader import is_segmentation, read_segmentation
from napari_motionseg.io.dicom_seg_writer import (
    SegmentationSettings,
    write_segmentation,
)

KINDS = ("BINARY", "LABELMAP", "FRACTIONAL")


@pytest.fixture
def pair(tmp_path):
    """A loop and a segmentation of it, which may be changed before it is read."""

    def make(kind="BINARY", source="XA", change=None, **settings):
        cine, data = seg_loops.loop(tmp_path, source)
        masks, labelled = seg_loops.masks()
        path = tmp_path / "seg.dcm"
        write_segmentation(
            path, cine, masks, labelled=labelled,
            settings=SegmentationSettings(kind, **settings),
        )  # fmt: skip
        if change is not None:
            seg = dcmread(path)
            change(seg, data)
            seg.save_as(path)
        return path, cine

    return make


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("source", ["XA", "enhanced XA", "RF", "series"])
@pytest.mark.parametrize("kind", KINDS)
def test_what_is_written_is_read(pair, kind, source, compressed):
    path, cine = pair(kind, source, compressed=compressed, names=("stent=mine",))
    masks, labelled = seg_loops.masks()
    found = read_segmentation(path, cine)
    np.testing.assert_array_equal(found.labels, masks)
    np.testing.assert_array_equal(found.labelled, labelled)
    assert found.labels.dtype == np.uint8
    named = [(s.number, s.label) for s in found.segments]
    assert named == [(1, "mine"), (2, "catheter")]
    assert [s.name for s in found.segments] == ["stent=mine", "catheter"]
    assert found.segments[0].color == "#9ccc65"


def test_probabilities_come_back(tmp_path):
    cine, _ = seg_loops.loop(tmp_path, shape=(6, 60, 50))
    generator = np.random.default_rng(2)
    stored = {k: generator.integers(0, 256, cine.shape) for k in (1, 3)}
    path = tmp_path / "seg.dcm"
    write_segmentation(
        path, cine, np.zeros(cine.shape, np.uint8),
        fractions={k: v / 255 for k, v in stored.items()},
        settings=SegmentationSettings("FRACTIONAL"),
    )  # fmt: skip
    found = read_segmentation(path, cine, fractions=True)
    for k, values in stored.items():
        np.testing.assert_array_equal(np.rint(255.0 * found.fractions[k]), values)
    likeliest = np.where(stored[3] > stored[1], 3, 1)
    wanted = np.where(np.maximum(stored[1], stored[3]) >= 128, likeliest, 0)
    np.testing.assert_array_equal(found.labels, wanted)
    with pytest.raises(MemoryBudgetError, match="Read fewer segments"):
        read_segmentation(path, cine, fractions=True, memory_budget=60_000)


@given(
    frames=st.integers(1, 9), rows=st.integers(2, 9), columns=st.integers(1, 9),
    kind=st.sampled_from(KINDS), compressed=st.booleans(), seed=st.integers(0, 99),
)  # fmt: skip
@settings(
    max_examples=25, deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)  # fmt: skip
def test_any_size_and_any_classes_come_back(
    tmp_path, frames, rows, columns, kind, compressed, seed
):
    generator = np.random.default_rng(seed)
    data = seg_loops.dataset((frames, rows, columns))
    cine = read_cine(files.save(data, tmp_path / "loop.dcm"))
    masks = generator.integers(0, 4, cine.shape).astype(np.uint8)
    labelled = generator.random(frames) < 0.7
    labelled[0] = True
    masks[~labelled] = 0
    write_segmentation(
        tmp_path / "seg.dcm", cine, masks, labelled=labelled,
        settings=SegmentationSettings(kind, compressed=compressed),
    )  # fmt: skip
    found = read_segmentation(tmp_path / "seg.dcm", cine)
    np.testing.assert_array_equal(found.labels, masks)
    np.testing.assert_array_equal(found.labelled, labelled)


def test_labels_of_every_command_may_be_a_segmentation(pair):
    path, cine = pair()
    masks, labelled = seg_loops.masks()
    labels = read_labels(path, shape=cine.shape, cine=cine)
    np.testing.assert_array_equal(labels.labels, masks)
    np.testing.assert_array_equal(labels.labelled, labelled)
    with pytest.raises(LabelError, match="give the loop"):
        read_labels(path, shape=cine.shape)


def test_a_segmentation_is_no_loop(pair, tmp_path):
    path, cine = pair()
    assert is_segmentation(path)
    assert not is_segmentation(tmp_path / "loop.dcm")
    with pytest.raises(ReadError, match="is a DICOM Segmentation, not a loop"):
        read_cine(path)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert [loop.name for loop in read_cines(tmp_path)] == [cine.name]
    (tmp_path / "loop.dcm").unlink()
    with pytest.raises(ReadError, match="other files of this program are left out"):
        read_cines(tmp_path)


def test_a_loop_is_no_segmentation(pair, tmp_path):
    _, cine = pair()
    with pytest.raises(ReadError, match="no Segmentation"):
        read_segmentation(tmp_path / "loop.dcm", cine)


def by_others(cine, data, frames, refer):
    """A BINARY object as other programs compose it: frames in any order.

    `frames` holds segment, index of the loop's frame and pixels of each.
    """
    seg = files.xa_dataset(np.zeros((len(frames), *cine.shape[1:]), np.uint8))
    seg.SOPClassUID = "1.2.840.10008.5.1.4.1.1.66.4"
    seg.file_meta.MediaStorageSOPClassUID = seg.SOPClassUID
    seg.Modality, seg.SegmentationType = "SEG", "BINARY"
    seg.BitsAllocated = seg.BitsStored = 1
    seg.HighBit = 0
    stack = np.stack([pixels for _, _, pixels in frames]).astype(np.uint8)
    seg.PixelData = pack_bits(stack)
    seg.SegmentSequence = [
        files.item(SegmentNumber=k, SegmentLabel=f"part {k}")
        for k in sorted({k for k, _, _ in frames})
    ]
    seg.PerFrameFunctionalGroupsSequence = [
        files.item(
            SegmentIdentificationSequence=[files.item(ReferencedSegmentNumber=k)],
            **refer(data, t),
        )
        for k, t, _ in frames
    ]
    return seg


def derivation(uid, number=None):
    image = files.item(
        ReferencedSOPClassUID="1.2.840.10008.5.1.4.1.1.12.1",
        ReferencedSOPInstanceUID=uid,
    )
    if number is not None:
        image.ReferencedFrameNumber = number
    return {"DerivationImageSequence": [files.item(SourceImageSequence=[image])]}


REFERENCES = {
    "multi-frame": ("XA", lambda data, t: derivation(data[0].SOPInstanceUID, t + 1)),
    "series": ("series", lambda data, t: derivation(data[t].SOPInstanceUID)),
    "series with numbers": (
        "series", lambda data, t: derivation(data[t].SOPInstanceUID, 1)),
}  # fmt: skip


@pytest.mark.parametrize("way", REFERENCES)
def test_frames_of_others_go_where_their_references_say(tmp_path, way):
    source, refer = REFERENCES[way]
    cine, data = seg_loops.loop(tmp_path, source)
    generator = np.random.default_rng(3)
    frames = [(k, t, generator.random(cine.shape[1:]) < 0.2)
              for k, t in ((2, 4), (1, 0), (1, 5), (2, 0), (300, 2))]  # fmt: skip
    frames[3] = (2, 0, frames[3][2] & ~frames[1][2])
    path = files.save(by_others(cine, data, frames, refer), tmp_path / "other.dcm")
    found = read_segmentation(path, cine)
    wanted = np.zeros(cine.shape, np.uint16)
    for k, t, pixels in frames:
        wanted[t][pixels] = k
    np.testing.assert_array_equal(found.labels, wanted)
    assert list(np.flatnonzero(found.labelled)) == [0, 2, 4, 5]
    assert [s.label for s in found.segments] == ["part 1", "part 2", "part 300"]
    assert found.segments[0].name == "region=part 1"  # it has no code
    only = read_segmentation(path, cine, segments=[2])
    np.testing.assert_array_equal(only.labels, np.where(wanted == 2, 2, 0))
    with pytest.raises(LabelError, match=r"no segment 7; it has 1, 2, 300"):
        read_segmentation(path, cine, segments=[7])


def test_references_that_all_frames_share(tmp_path):
    """A shared derivation without numbers means every frame of the object."""
    cine, data = seg_loops.loop(tmp_path)
    pixels = np.eye(*cine.shape[1:]) > 0
    seg = by_others(cine, data, [(1, 0, pixels)], lambda data, t: {})
    shared = files.item(**derivation(data[0].SOPInstanceUID))
    seg.SharedFunctionalGroupsSequence = [shared]
    found = read_segmentation(files.save(seg, tmp_path / "other.dcm"), cine)
    np.testing.assert_array_equal(found.labels > 0, np.stack([pixels] * len(cine)))


def test_references_of_each_frame_to_all_frames_are_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr(dicom_seg_references, "MOST_PLACED", 20)
    cine, data = seg_loops.loop(tmp_path)
    pixels = np.ones(cine.shape[1:], bool)
    for count, fits in ((3, True), (4, False)):
        seg = by_others(
            cine, data, [(k + 1, 0, pixels) for k in range(count)],
            lambda data, t: derivation(data[0].SOPInstanceUID),
        )  # fmt: skip
        path = files.save(seg, tmp_path / "other.dcm")
        if fits:
            with pytest.warns(PartialReadWarning, match="overlap"):
                assert read_segmentation(path, cine).labelled.all()
        else:
            with pytest.raises(ReadError, match="more than 20 frames"):
                read_segmentation(path, cine)


def test_overlapping_segments_are_told_and_can_be_read_apart(tmp_path):
    cine, data = seg_loops.loop(tmp_path)
    whole = np.zeros(cine.shape[1:], bool)
    whole[2:9, 3:9] = True
    part = np.zeros_like(whole)
    part[4:6, 3:12] = True
    _, refer = REFERENCES["multi-frame"]
    for order in ([1, 2], [2, 1]):
        shown = {1: whole, 2: part}
        frames = [(k, 0, shown[k]) for k in order]
        path = files.save(by_others(cine, data, frames, refer), tmp_path / "o.dcm")
        with pytest.warns(PartialReadWarning, match="overlap on 12 pixels"):
            found = read_segmentation(path, cine)
        np.testing.assert_array_equal(found.labels[0], np.where(part, 2, whole))
        alone = read_segmentation(path, cine, segments=[1])
        np.testing.assert_array_equal(alone.labels[0], whole)


def test_without_its_source_it_says_which_one_it_needs(pair, tmp_path):
    path, cine = pair()
    other = read_cine(files.save(seg_loops.dataset(seed=1), tmp_path / "x.dcm"))
    uid = dcmread(tmp_path / "loop.dcm").SOPInstanceUID
    with pytest.raises(LabelError, match=f"open the loop whose .* UID is {uid}"):
        read_segmentation(path, other)
    with pytest.raises(LabelError, match="was not read from any"):
        read_segmentation(path, dataclasses.replace(cine, files=()))


def test_frames_of_other_images_are_left_out_and_counted(pair):
    def change(seg, data):
        group = seg.PerFrameFunctionalGroupsSequence[0]
        image = group.DerivationImageSequence[0].SourceImageSequence[0]
        image.ReferencedSOPInstanceUID = generate_uid()

    path, cine = pair("LABELMAP", change=change)
    masks, labelled = seg_loops.masks()
    with pytest.warns(PartialReadWarning, match="1 of 5 frames belong to images"):
        found = read_segmentation(path, cine)
    masks[0], labelled[0] = 0, False
    np.testing.assert_array_equal(found.labels, masks)
    np.testing.assert_array_equal(found.labelled, labelled)


def test_a_part_of_the_loop_is_named(pair, tmp_path):
    """The loop was cut after the segmentation was made: the UID is the same."""
    path, _ = pair()
    data = dcmread(tmp_path / "loop.dcm")
    data.PixelData = data.PixelData[: 4 * 21 * 13]
    data.NumberOfFrames = 4
    data.save_as(tmp_path / "loop.dcm")
    with pytest.warns(PartialReadWarning, match="4 of 9 frames belong"):
        found = read_segmentation(path, read_cine(tmp_path / "loop.dcm"))
    np.testing.assert_array_equal(found.labels, seg_loops.masks()[0][:4])


def no_derivation(seg, data):
    for group in seg.PerFrameFunctionalGroupsSequence:
        del group.DerivationImageSequence


def no_segment(seg, data):
    del seg.PerFrameFunctionalGroupsSequence[0].SegmentIdentificationSequence


def fewer_groups(seg, data):
    del seg.PerFrameFunctionalGroupsSequence[-1]


def number_of_frames(count):
    def change(seg, data):
        seg.NumberOfFrames = count

    return change


def other_size(seg, data):
    seg.Rows, seg.Columns = 13, 21


def huge(seg, data):
    seg.Rows = seg.Columns = 65535


def segment_zero(seg, data):
    item = seg.PerFrameFunctionalGroupsSequence[0].SegmentIdentificationSequence[0]
    item.ReferencedSegmentNumber = 0


def other_type(seg, data):
    seg.SegmentationType = "SURFACE"


def wide(seg, data):
    seg.BitsAllocated = seg.BitsStored = 32
    seg.HighBit = 31


HOSTILE = {
    "no references": (no_derivation, ReadError, "does not say which image"),
    "no segment": (no_segment, ReadError, "does not say which segment"),
    "fewer groups": (fewer_groups, ReadError, "describes 8 frames .* counts 9"),
    "more frames than there are": (number_of_frames(90), ReadError, "counts 90 .* 9"),
    "a billion frames": (number_of_frames(10**9), MotionSegError, "counts"),
    "no frames": (number_of_frames(0), ReadError, "NumberOfFrames"),
    "rows and columns changed": (other_size, LabelError, "13 x 21 pixels, the loop"),
    "huge": (huge, MotionSegError, "65535 x 65535"),
    "segment 0": (segment_zero, ReadError, "numbered from 1"),
    "another type": (other_type, ReadError, "SURFACE"),
    "32 bits": (wide, ReadError, "bits"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_objects_end_in_a_named_error(pair, name):
    change, error, words = HOSTILE[name]
    path, cine = pair(change=change)
    with pytest.raises(error, match=words) as raised:
        read_segmentation(path, cine)
    assert str(path) in str(raised.value)


def test_more_frames_than_it_says_are_left_out(pair):
    def change(seg, data):
        seg.NumberOfFrames = 8
        del seg.PerFrameFunctionalGroupsSequence[-1]

    path, cine = pair(change=change)
    with pytest.warns(PartialReadWarning, match="hold 9 frames, the header counts 8"):
        found = read_segmentation(path, cine)
    masks, _ = seg_loops.masks()
    masks[5][masks[5] == 2] = 0
    np.testing.assert_array_equal(found.labels, masks)


def test_a_palette_shows_numbers_and_they_stay_numbers(pair):
    def change(seg, data):
        seg.PhotometricInterpretation = "PALETTE COLOR"
        for color in ("Red", "Green", "Blue"):
            name = f"{color}PaletteColorLookupTable"
            seg.add_new(f"{name}Descriptor", "US", [3, 0, 16])
            table = np.array([0, 9, 65535], "<u2").tobytes()
            seg.add_new(f"{name}Data", "OW", table)

    path, cine = pair("LABELMAP", change=change)
    np.testing.assert_array_equal(
        read_segmentation(path, cine).labels, seg_loops.masks()[0]
    )


def test_a_label_map_of_16_bits(pair):
    def change(seg, data):
        values = np.frombuffer(seg.PixelData, np.uint8)[: 5 * 21 * 13]
        seg.PixelData = (values.astype("<u2") * 1000).tobytes()
        seg["PixelData"].VR = "OW"
        seg.BitsAllocated = seg.BitsStored = 16
        seg.HighBit = 15

    path, cine = pair("LABELMAP", change=change)
    found = read_segmentation(path, cine)
    np.testing.assert_array_equal(found.labels, seg_loops.masks()[0] * np.uint16(1000))
    assert [s.number for s in found.segments] == [1, 2, 1000, 2000]


def test_cut_and_flipped_files_end_in_our_error_or_a_result(pair):
    path, cine = pair("LABELMAP", compressed=True)
    content = path.read_bytes()
    generator = np.random.default_rng(4)
    refused = 0
    for number in range(60):
        damaged = bytearray(content)
        if number % 2:
            damaged = damaged[: int(generator.integers(200, len(content)))]
        for _ in range(6):
            at = int(generator.integers(132, len(damaged)))
            damaged[at] = int(generator.integers(256))
        path.write_bytes(damaged)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", PartialReadWarning)
            try:
                assert read_segmentation(path, cine).labels.shape == cine.shape
            except MotionSegError:
                refused += 1
    assert refused > 20


def test_highdicoms_segmentation_of_a_single_frame_is_read(tmp_path):
    """highdicom writes SEG of single frames whose frame of reference is known."""
    hd = pytest.importorskip("highdicom")
    from pydicom.sr.codedict import codes

    from napari_motionseg.version import __version__

    cine, data = seg_loops.loop(
        tmp_path, "series", FrameOfReferenceUID=generate_uid(),
        ImagePositionPatient=[0, 0, 0], ImageOrientationPatient=[1, 0, 0, 0, 1, 0],
        PixelSpacing=[1, 1], SliceThickness=1, PositionReferenceIndicator="",
    )  # fmt: skip
    for t, one in enumerate(data):
        one.SOPClassUID = "1.2.840.10008.5.1.4.1.1.2"  # single frames of CT
        one.file_meta.MediaStorageSOPClassUID = one.SOPClassUID
        one.ImagePositionPatient = [0, 0, t]
        files.save(one, cine.files[t].path)
    cine = read_cine(tmp_path / "series")
    masks, _ = seg_loops.masks()
    described = hd.seg.SegmentDescription(
        segment_number=1, segment_label="a", algorithm_type="MANUAL",
        segmented_property_category=codes.SCT.AnatomicalStructure,
        segmented_property_type=codes.SCT.Artery,
    )  # fmt: skip
    seg = hd.seg.Segmentation(
        data, masks == 1, "BINARY", [described], generate_uid(), 1, generate_uid(), 1,
        "m", "m", __version__, "1",
    )  # fmt: skip
    seg.save_as(tmp_path / "hd.dcm")
    found = read_segmentation(tmp_path / "hd.dcm", cine)
    np.testing.assert_array_equal(found.labels, masks == 1)
