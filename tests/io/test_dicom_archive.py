"""An archive takes what is written, files it, and gives it back: a real Orthanc."""

import io

import numpy as np
import pytest
from helpers import orthanc, seg_loops
from pydicom import dcmread

from napari_motionseg.io import read_cine
from napari_motionseg.io.dicom_seg_reader import read_segmentation
from napari_motionseg.io.dicom_seg_writer import (
    SegmentationSettings,
    write_segmentation,
)
from napari_motionseg.io.secondary_capture import write_capture

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
