"""De-identified copies: nothing of the patient stays, and files stay related."""

import datetime
import struct
import warnings

import numpy as np
import pytest
from helpers import dicom_files as files
from helpers import dicom_tools, seg_loops
from pydicom.pixels import compress
from pydicom.uid import RLELossless, generate_uid

from napari_motionseg.errors import (
    MemoryBudgetError,
    MotionSegError,
    OccupiedError,
    PartialReadWarning,
    ReadError,
)
from napari_motionseg.io import read_cine
from napari_motionseg.io.confidentiality_profile import Profile
from napari_motionseg.io.deidentification import deidentify, files_below
from napari_motionseg.io.dicom_seg_reader import read_segmentation
from napari_motionseg.io.dicom_seg_writer import (
    SegmentationSettings,
    write_segmentation,
)
from napari_motionseg.io.secondary_capture import write_capture

KEY = b"a key of sixteen bytes, or more"
SECRETS = (
    b"Doe", b"Jane", b"Roe", b"Rita", b"St. Elsewhere", b"PRIVATE", b"19500607",
    b"20200102", b"IN A CURVE", b"COMMENT", b"069Y",
)  # fmt: skip


def full_loop(folder, name="loop.dcm", **attributes):
    """A loop with the patient in every corner."""
    data = seg_loops.dataset(
        BurnedInAnnotation="NO", PatientComments="COMMENT on Jane Doe",
        OperatorsName="Roe^Rita", AcquisitionDateTime="20200102101112.5",
        ReferencedImageSequence=[files.item(
            ReferencedSOPClassUID="1.2.840.10008.5.1.4.1.1.12.1",
            ReferencedSOPInstanceUID="1.2.3.4.5", ImageComments="COMMENT")],
        RequestAttributesSequence=[files.item(ScheduledProcedureStepID="Jane")],
        PositionerPrimaryAngle=30, **attributes,
    )  # fmt: skip
    data.private_block(0x0009, "PRIVATE maker", create=True).add_new(1, "LO", "Jane")
    data.add_new((0x5000, 0x3000), "OW", b"IN A CURVE")
    data.add_new((0x6000, 0x4000), "LT", "COMMENT")
    return files.save(data, folder / name), data


@pytest.fixture
def originals(tmp_path):
    """Paths of a loop, a segmentation of each type, and a capture."""
    path, _ = full_loop(tmp_path)
    cine = read_cine(path)
    masks, labelled = seg_loops.masks()
    found = [path]
    for kind in ("BINARY", "LABELMAP"):
        found.append(tmp_path / f"{kind}.dcm")
        write_segmentation(
            found[-1], cine, masks, labelled=labelled,
            settings=SegmentationSettings(kind, compressed=True),
        )  # fmt: skip
    found.append(tmp_path / "capture.dcm")
    pictures = np.repeat(cine.frames[:][..., None], 3, axis=-1)
    write_capture(found[-1], cine, pictures)
    return found


@pytest.mark.parametrize("dates", ["remove", "shift"])
def test_nothing_of_the_patient_stays_and_masks_stay_on_their_frames(
    originals, tmp_path, dates
):
    profile = Profile(KEY, dates)
    copies = [deidentify(path, tmp_path / "out", profile) for path in originals]
    before = [files.reread(path) for path in originals]
    after = [files.reread(path) for path in copies]
    uids = {str(e.value) for data in before for e in data.iterall() if e.VR == "UI"}
    for path, data in zip(copies, after, strict=True):
        content = path.read_bytes() + str(data).encode()
        for secret in SECRETS:
            assert secret not in content, (path.name, secret)
        for uid in uids:
            if uid and not uid.startswith("1.2.840.10008."):
                assert uid not in str(data), (path.name, uid)
        assert data.PatientIdentityRemoved == "YES"
        assert data.PatientID == after[0].PatientID
        assert data.StudyInstanceUID == after[0].StudyInstanceUID
        assert "Basic" in data.DeidentificationMethod[0]
        for name in originals:
            assert name.stem not in path.name
    assert after[0].PositionerPrimaryAngle == 30
    cine = read_cine(copies[0])
    masks, labelled = seg_loops.masks()
    for path in copies[1:3]:
        found = read_segmentation(path, cine)
        np.testing.assert_array_equal(found.labels, masks)
        np.testing.assert_array_equal(found.labelled, labelled)
    np.testing.assert_array_equal(cine.frames[:], read_cine(originals[0]).frames[:])


@pytest.mark.parametrize("dates", ["remove", "shift"])
def test_copies_are_as_valid_as_originals(tmp_path, dates):
    cine, _ = seg_loops.loop(tmp_path, BurnedInAnnotation="NO")
    masks, _ = seg_loops.masks()
    write_segmentation(tmp_path / "seg.dcm", cine, masks)
    copy = deidentify(tmp_path / "seg.dcm", tmp_path / "out", Profile(KEY, dates))
    found = dicom_tools.complaints(copy)
    assert not [line for line in found if "Error" in line]
    # study number and dates are empty, which type 2 allows and a DICOMDIR does not
    assert all("needed to build DICOMDIR" in line for line in found)


def test_dates_of_a_patient_are_moved_by_the_same_days(tmp_path):
    moved = {}
    for number, (patient, day) in enumerate(
        [("a", "20200110"), ("a", "20200125"), ("b", "20200110")]
    ):
        path, _ = full_loop(tmp_path, f"{number}.dcm", PatientID=patient, StudyDate=day)
        data = files.reread(deidentify(path, tmp_path / "o", Profile(KEY, "shift")))
        moved[patient, day] = datetime.date.fromisoformat(
            f"{data.StudyDate[:4]}-{data.StudyDate[4:6]}-{data.StudyDate[6:]}"
        )
        assert data.StudyTime == "101112"
        assert not data.PatientBirthDate
        assert data.LongitudinalTemporalInformationModified == "MODIFIED"
        codes = [c.CodeValue for c in data.DeidentificationMethodCodeSequence]
        assert codes == ["113100", "113107"]
        time = datetime.date(2020, 1, 2) - datetime.date.fromisoformat(
            str(data.AcquisitionDateTime)[:8]
        )
        given = datetime.date.fromisoformat(day) - moved[patient, day]
        assert time == given > datetime.timedelta()
    interval = moved["a", "20200125"] - moved["a", "20200110"]
    assert interval == datetime.timedelta(days=15)
    assert moved["b", "20200110"] != moved["a", "20200110"]


def test_another_key_gives_other_uids(tmp_path):
    path, _ = full_loop(tmp_path)
    same = [deidentify(path, tmp_path / "a", Profile(KEY)) for _ in range(2)]
    other = deidentify(path, tmp_path / "a", Profile(KEY[::-1]))
    assert same[0] == same[1] != other
    assert len(list((tmp_path / "a").glob("*.dcm"))) == 2


def test_compressed_pixels_are_copied_as_they_are(tmp_path):
    path, data = full_loop(tmp_path)
    pixels = data.pixel_array
    compress(data, RLELossless, encoding_plugin="pydicom", generate_instance_uid=False)
    files.save(data, path)
    copy = files.reread(deidentify(path, tmp_path / "out", Profile(KEY)))
    assert copy.file_meta.TransferSyntaxUID == RLELossless
    np.testing.assert_array_equal(copy.pixel_array, pixels)


def test_text_in_the_pixels_stops_it_unless_it_is_allowed(tmp_path):
    path, _ = full_loop(tmp_path, SeriesNumber=1)
    for said in ("YES", None):
        data = files.reread(path)
        data.BurnedInAnnotation = said
        files.save(data, path)
        if said:
            with pytest.raises(ReadError, match="burned into its pixels"):
                deidentify(path, tmp_path / "out", Profile(KEY))
            assert not (tmp_path / "out").exists()
            deidentify(path, tmp_path / "out", Profile(KEY), burned_in=True)
        else:
            with pytest.warns(PartialReadWarning, match="does not say whether text"):
                deidentify(path, tmp_path / "out", Profile(KEY))


def test_what_cannot_be_copied_is_refused(tmp_path):
    path, data = full_loop(tmp_path)
    with pytest.raises(MemoryBudgetError):
        deidentify(path, tmp_path / "out", Profile(KEY), memory_budget=1000)
    (tmp_path / "text.dcm").write_bytes(b"no")
    with pytest.raises(ReadError, match="not a DICOM file"):
        deidentify(tmp_path / "text.dcm", tmp_path / "out", Profile(KEY))
    del data.PixelData
    data.Modality = "SR"
    files.save(data, tmp_path / "sr.dcm")
    with pytest.raises(ReadError, match="structured report"):
        deidentify(tmp_path / "sr.dcm", tmp_path / "out", Profile(KEY))
    copy = deidentify(path, tmp_path / "out", Profile(KEY))
    theirs = path.read_bytes()
    copy.write_bytes(theirs)
    with pytest.raises(OccupiedError):
        deidentify(path, tmp_path / "out", Profile(KEY))
    assert copy.read_bytes() == theirs


@pytest.mark.parametrize("fault", ["representation", "letters"])
def test_what_other_programs_read_otherwise_is_refused(tmp_path, fault):
    """The loop opens, but pydicom would overlook the attributes of the patient."""
    path, _ = full_loop(tmp_path)
    content = path.read_bytes()
    at = content.index(struct.pack("<HH2s", 0x0008, 0x0060, b"CS")) + 4
    changed = content[:at] + b"??" + content[at + 2 :]
    if fault == "letters":
        changed = content[:128] + content[132:]
    path.write_bytes(changed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PartialReadWarning)
        assert len(read_cine(path)) > 0
    with pytest.raises(ReadError, match="might be overlooked"):
        deidentify(path, tmp_path / "out", Profile(KEY))
    assert not (tmp_path / "out").exists()


@pytest.mark.filterwarnings("ignore::napari_motionseg.errors.PartialReadWarning")
def test_cut_and_flipped_files_end_in_our_error_or_a_copy(tmp_path):
    path, _ = full_loop(tmp_path)
    content = path.read_bytes()
    generator = np.random.default_rng(4)
    profile = Profile(KEY)
    ends = {"copied": 0, "refused": 0}
    for number in range(40):
        damaged = bytearray(content)
        if number % 3 == 0:
            damaged = damaged[: int(generator.integers(200, len(content)))]
        for _ in range(4):
            at = int(generator.integers(132, min(len(damaged), 2500)))
            damaged[at] = int(generator.integers(256))
        path.write_bytes(damaged)
        try:
            copy = deidentify(path, tmp_path / "out", profile, burned_in=True)
        except MotionSegError:
            ends["refused"] += 1
            continue
        ends["copied"] += 1
        for secret in (b"Doe", b"PRIVATE maker", b"IN A CURVE"):
            assert secret not in copy.read_bytes() or secret not in bytes(damaged)
    assert min(ends.values()) > 3, ends


def test_files_of_folders_are_found(tmp_path):
    path, _ = full_loop(tmp_path)
    (tmp_path / "notes.txt").write_text("no loop")
    (tmp_path / "below").mkdir()
    other, _ = full_loop(tmp_path / "below", "IM0001", SOPInstanceUID=generate_uid())
    assert files_below([tmp_path, path]) == [other, path]
