"""An archive takes what is written, files it, and gives it back: a real Orthanc."""

import io

import numpy as np
import pytest
from helpers import orthanc, seg_loops
from pydicom import dcmread

from napari_motionseg.errors import ArchiveError
from napari_motionseg.io import read_cine
from napari_motionseg.io.archive_address import ArchiveSettings, Credentials
from napari_motionseg.io.archive_client import open_archive
from napari_motionseg.io.archive_retrieval import retrieve_job
from napari_motionseg.io.archive_search import Wanted, find_instances, find_series
from napari_motionseg.io.archive_storage import store_job
from napari_motionseg.io.dicom_seg_reader import read_segmentation
from napari_motionseg.io.dicom_seg_writer import (
    SegmentationSettings,
    write_segmentation,
)
from napari_motionseg.io.secondary_capture import write_capture
from napari_motionseg.jobs import run

MODALITY, SERIES, PATIENT = "00080060", "0020000E", "00100020"


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    with orthanc.running(tmp_path_factory.mktemp("orthanc")) as address:
        yield address


@pytest.mark.parametrize("source", ["XA", "enhanced XA"])
def test_masks_go_to_an_archive_and_come_back(archive, tmp_path, source):
    cine, (data,) = seg_loops.loop(tmp_path, source, PatientID=f"id of {source}")
    masks, labelled = seg_loops.masks()
    sent = [tmp_path / "loop.dcm"]
    for kind in ("BINARY", "LABELMAP", "FRACTIONAL"):
        for compressed in (False, True):
            sent.append(tmp_path / f"{kind}{int(compressed)}.dcm")
            settings = SegmentationSettings(kind, compressed)
            write_segmentation(
                sent[-1], cine, masks, labelled=labelled, settings=settings
            )
    sent.append(tmp_path / "capture.dcm")
    write_capture(sent[-1], cine, np.repeat(cine.frames[:][..., None], 3, axis=-1))
    answer = orthanc.store(archive, *sent)
    failed = answer.get("00081198", {}).get("Value", [])  # FailedSOPSequence
    assert not failed
    study = data.StudyInstanceUID
    (listed,) = orthanc.query(archive, f"/studies?StudyInstanceUID={study}")
    assert listed[PATIENT]["Value"] == [f"id of {source}"]
    found = orthanc.query(archive, f"/studies/{study}/series")
    modalities = sorted(one[MODALITY]["Value"][0] for one in found)
    assert modalities == sorted(["XA", *["SEG"] * 6, "OT"])
    for path in sent:
        before = dcmread(path)
        (content,) = orthanc.retrieve(
            archive,
            f"/studies/{study}/series/{before.SeriesInstanceUID}"
            f"/instances/{before.SOPInstanceUID}",
        )
        after = dcmread(io.BytesIO(content))
        assert after.PixelData == before.PixelData, path.name
        assert after == before, path.name
        (tmp_path / f"back_{path.name}").write_bytes(content)
    back = read_cine(tmp_path / "back_loop.dcm")
    for path in sent[1:7]:
        again = read_segmentation(tmp_path / f"back_{path.name}", back)
        np.testing.assert_array_equal(again.labels, masks)
        np.testing.assert_array_equal(again.labelled, labelled)


@pytest.mark.parametrize("source", ["XA", "RF", "series"])
def test_a_loop_is_found_got_and_its_masks_are_sent_back(archive, tmp_path, source):
    """What a user does with `motionseg archive`, with a real archive."""
    patient = f"walk {source}"
    cine, found = seg_loops.loop(tmp_path, source, PatientID=patient)
    masks, labelled = seg_loops.masks()
    with open_archive(ArchiveSettings(archive, page=1)) as opened:
        run(store_job(opened, [file.path for file in cine.files]))
        wanted = Wanted(patient, date="2020-01-01:2020-01-31")
        (series,) = find_series(opened, wanted)
        assert series.patient_id == patient
        assert find_series(opened, Wanted("walk?" + source[:1].lower() + "*"))
        assert series.instances == len(find_instances(opened, series)) == len(found)
        (got,) = run(retrieve_job(opened, [series], tmp_path / "got"))
        before = {file.path.read_bytes() for file in cine.files}
        assert {path.read_bytes() for path in got.files} == before
        loop = read_cine(got.files[0].parent)
        np.testing.assert_array_equal(loop.frames[:], cine.frames[:])
        write_segmentation(tmp_path / "seg.dcm", loop, masks, labelled=labelled)
        (stored,) = run(store_job(opened, [tmp_path / "seg.dcm"]))
        assert stored.study == series.study
        both = find_series(opened, Wanted(patient, modalities=("XA", "RF", "SEG")))
        assert {x.study for x in both} == {series.study}
        (again,) = [x for x in both if x.modality == "SEG"]
        (back,) = run(retrieve_job(opened, [again], tmp_path / "got"))
        read = read_segmentation(back.files[0], loop)
        np.testing.assert_array_equal(read.labels, masks)


def test_an_archive_that_asks_for_a_password(tmp_path):
    with orthanc.running(tmp_path, users={"me": "päss:word"}) as address:
        for known, code in (
            (None, "401"), (Credentials("wrong", "me"), "401"),
            (Credentials("päss:word", "me"), ""),
        ):  # fmt: skip
            settings = ArchiveSettings(address, known)
            with open_archive(settings) as opened:
                if code:
                    with pytest.raises(ArchiveError, match=code):
                        find_series(opened, Wanted())
                else:
                    assert find_series(opened, Wanted()) == []
