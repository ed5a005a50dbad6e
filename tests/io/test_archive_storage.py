"""Files are sent to an archive, which must say or show that it has them."""

import io
import json

import pytest
from helpers import dicom_files as files
from helpers import seg_loops
from helpers.archives import connected
from helpers.web_archive import serving

from napari_motionseg.errors import ArchiveError, ReadError
from napari_motionseg.io.archive_storage import store_job
from napari_motionseg.io.dicom_seg_writer import (
    SegmentationSettings,
    write_segmentation,
)
from napari_motionseg.jobs import run


@pytest.fixture
def web():
    with serving() as archive:
        yield archive


@pytest.fixture
def put(web):
    def store(*paths):
        with connected(web) as archive:
            return run(store_job(archive, paths))

    return store


@pytest.fixture
def loop(tmp_path):
    return files.save(seg_loops.dataset(), tmp_path / "loop.dcm")


@pytest.mark.parametrize("kind", ["BINARY", "LABELMAP", "FRACTIONAL"])
@pytest.mark.parametrize("compressed", [False, True])
def test_an_object_arrives_as_it_is(web, put, tmp_path, kind, compressed):
    cine, _ = seg_loops.loop(tmp_path)
    masks, labelled = seg_loops.masks()
    path = tmp_path / "seg.dcm"
    settings = SegmentationSettings(kind, compressed)
    write_segmentation(path, cine, masks, labelled=labelled, settings=settings)
    (stored,) = put(path)
    (content,) = [content for _, content in web.objects.values()]
    assert files.reread(io.BytesIO(content)) == files.reread(path)
    assert stored.instance == files.reread(path).SOPInstanceUID


def answering(status, body=b"", kind="application/dicom+json"):
    def fault(handler):
        if handler.command != "POST":
            return False
        handler.answer(status, kind, body)
        return True

    return fault


def failed(code):
    item = {"00081197": {"vr": "US", "Value": [code]}}
    return json.dumps({"00081198": {"vr": "SQ", "Value": [item]}}).encode()


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (answering(409, failed(0x0122)), r"does not take objects of this class .0122H"),
        (answering(202, failed(0xA700)), r"no room left .A700H"),
        (answering(409, failed(0x7777)), r"no known reason .7777H"),
        (answering(409, b"not json"), "refuses .409"),
        (answering(413), "refuses an object of this size"),
        (answering(401), "asks who you are"),
        (answering(200, b"<html>", "text/html"), "web page"),
        (answering(200, b"{", "application/json"), "not DICOM JSON"),
        (answering(200, b"<x", "application/dicom+xml"), "cannot be read"),
        (answering(200), "does not list loop.dcm afterwards"),
    ],
)
def test_each_refusal_is_told(web, put, loop, fault, words):
    web.fault = fault
    with pytest.raises(ArchiveError, match=words):
        put(loop)


def test_an_archive_that_says_nothing_is_asked(web, put, loop):
    """It has the object, but its answer is empty."""
    web.add(loop)
    web.fault = answering(200)
    assert len(put(loop)) == 1


def test_what_is_no_dicom_object_is_refused_and_others_are_sent(web, put, loop):
    text = loop.with_name("notes.txt")
    text.write_text("no DICOM")
    with pytest.raises(ReadError, match="is no DICOM file"):
        put(loop, text)
    assert len(web.objects) == 1
    data = seg_loops.dataset()
    del data.StudyInstanceUID
    with pytest.raises(ReadError, match="lacks the UIDs"):
        put(files.save(data, loop.with_name("bare.dcm")))
    with pytest.raises(ReadError, match="no such file"):
        put(loop.with_name("gone.dcm"))
