"""Loops are retrieved whole or not at all, and what is there is not sent again."""

import pytest
from helpers import dicom_files as files
from helpers import seg_loops
from helpers.archives import connected
from helpers.web_archive import KIND, envelope, serving

from napari_motionseg.errors import ArchiveError, OccupiedError, PartialReadWarning
from napari_motionseg.io import arriving_frames, read_cine
from napari_motionseg.io.archive_retrieval import retrieve_job
from napari_motionseg.io.archive_search import Wanted, find_series
from napari_motionseg.jobs import STOP, run


@pytest.fixture
def web(tmp_path):
    """A series of three loops."""
    with serving() as archive:
        first = seg_loops.dataset()
        for number in range(3):
            data = seg_loops.dataset(seed=number)
            data.StudyInstanceUID = first.StudyInstanceUID
            data.SeriesInstanceUID = first.SeriesInstanceUID
            archive.add(files.save(data, tmp_path / "a.dcm"))
        yield archive


@pytest.fixture
def get(web, tmp_path):
    """Retrieve all that there is into a folder."""

    def retrieve(watch=None, **settings):
        with connected(web, **settings) as archive:
            job = retrieve_job(archive, find_series(archive, Wanted()), tmp_path / "o")
            (found,) = run(job, watch)
        return found

    return retrieve


def objects_asked(web):
    return [path for path, _ in web.requests if "/instances/" in path]


def is_object(handler):
    return "/instances/" in handler.path


def nothing_half_written(tmp_path, count):
    found = [path for path in (tmp_path / "o").rglob("*") if path.is_file()]
    assert len(found) == count, found
    for path in found:
        assert len(read_cine(path)) == seg_loops.SHAPE[0]


def test_files_are_what_the_archive_has(web, get):
    found = get()
    assert found.new == len(found.files) == 3
    stored = {key[2]: content for key, (_, content) in web.objects.items()}
    assert {path.stem: path.read_bytes() for path in found.files} == stored
    assert {path.parent.name for path in found.files} == {found.series.series}


def test_what_is_there_is_not_sent_again(web, get):
    get()
    web.requests.clear()
    again = get()
    assert (again.new, len(again.files)) == (0, 3)
    assert not objects_asked(web)


def cut(share, times=10**6):
    """Send a part of each object, and end the connection; but `times` times only."""
    left = [times]

    def fault(handler):
        if not is_object(handler) or not left[0]:
            return False
        left[0] -= 1
        uids = tuple(handler.path.split("/")[3::2])
        content = envelope(handler.archive.objects[uids][1])
        handler.send_response(200)
        handler.send_header("Content-Type", KIND)
        handler.end_headers()  # no length: the end of the connection is that of it
        handler.wfile.write(content[: int(len(content) * share)])
        handler.drop()
        return True

    return fault


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.999])
def test_an_object_that_breaks_off_is_asked_for_again(web, get, tmp_path, share):
    web.fault = cut(share, times=2)
    assert get().new == 3
    assert len(objects_asked(web)) == 5
    nothing_half_written(tmp_path, 3)


def test_an_archive_that_always_stops_half_way_leaves_nothing(web, get, tmp_path):
    web.fault = cut(0.5)
    with pytest.raises(ArchiveError, match="ends in the middle"):
        get()
    nothing_half_written(tmp_path, 0)


def test_a_later_call_goes_on_where_one_has_failed(web, get, tmp_path):
    def fails_at_the_last(handler):
        if is_object(handler) and len(objects_asked(web)) > 2:
            handler.answer(500)
            return True
        return False

    web.fault = fails_at_the_last
    with pytest.raises(ArchiveError, match="cannot answer at present"):
        get()
    nothing_half_written(tmp_path, 2)
    web.fault = lambda handler: False
    assert get().new == 1
    nothing_half_written(tmp_path, 3)


def test_a_silent_archive_is_told(web, get, tmp_path):
    import time

    def silent(handler):
        if is_object(handler):
            time.sleep(0.4)
            handler.drop()
            return True
        return False

    web.fault = silent
    with pytest.raises(ArchiveError, match="sent nothing for"):
        get(answer_s=0.2, retries=0)
    nothing_half_written(tmp_path, 0)


def sending(kind, content):
    def fault(handler):
        if not is_object(handler):
            return False
        handler.answer(200, kind, content(handler))
        return True

    return fault


def another(handler):
    uid = handler.path.split("/")[7]
    return next(
        envelope(content)
        for key, (_, content) in handler.archive.objects.items()
        if key[2] != uid
    )


@pytest.mark.parametrize(
    ("kind", "content", "words"),
    [
        ("text/html", lambda _: b"<html>please sign in", r"web page \(HTML\)"),
        ("application/json", lambda _: b"{}", "sends application/json, not DICOM"),
        (KIND, lambda _: envelope(), "is empty"),
        (KIND, lambda _: envelope(b"<html>"), "is not a DICOM object"),
        (KIND, another, "something else than the object"),
        ("application/dicom", lambda _: b"", "is not a DICOM object"),
    ],
)
def test_what_is_not_the_object_is_refused(web, get, tmp_path, kind, content, words):
    web.fault = sending(kind, content)
    with pytest.raises(ArchiveError, match=words):
        get()
    nothing_half_written(tmp_path, 0)
    assert len(objects_asked(web)) == 1  # to ask again would not help


def test_an_object_that_is_listed_and_gone_is_told(web, get):
    web.fault = lambda handler: is_object(handler) and not handler.answer(404)
    with pytest.raises(ArchiveError, match="does not know"):
        get()


def test_a_file_of_others_is_not_touched(web, get, tmp_path):
    found = get()
    victim = found.files[1]
    victim.write_bytes(b"somebody's notes")
    with pytest.raises(OccupiedError, match="is in the way"):
        get()
    assert victim.read_bytes() == b"somebody's notes"


def test_fewer_objects_than_promised_are_taken(web, get):
    web.promised = 5
    with pytest.warns(PartialReadWarning, match="promises 5"):
        assert get().new == 3


def test_frames_are_shown_as_they_arrive(web, get, monkeypatch):
    """The archive sends a loop in three steps."""
    monkeypatch.setattr(arriving_frames.ArrivingFrames.__init__, "__defaults__", (0.0,))

    def slowly(handler):
        if not is_object(handler):
            return False
        uids = tuple(handler.path.split("/")[3::2])
        content = envelope(handler.archive.objects[uids][1])
        handler.send_response(200)
        handler.send_header("Content-Type", KIND)
        handler.end_headers()
        for begin in range(0, len(content), 500):
            handler.wfile.write(content[begin : begin + 500])
            handler.wfile.flush()
        return True

    web.fault = slowly
    told = []
    get(told.append)
    total = 3 * seg_loops.SHAPE[0]
    assert told[-1].step == told[-1].total == total
    steps = [progress.step for progress in told if progress.total]
    assert steps == sorted(steps)
    assert any(progress.preview is not None for progress in told)
    shown = [p.preview.shape for p in told if p.preview is not None]
    assert set(shown) == {seg_loops.SHAPE[1:]}


def test_stop_keeps_what_is_complete(web, tmp_path):
    with connected(web) as archive:
        job = retrieve_job(archive, find_series(archive, Wanted()), tmp_path / "o")
        while not next(job).message.startswith("object 2"):
            pass
        job.send(STOP)
        (found,) = run(job)
    assert len(found.files) == 1
    nothing_half_written(tmp_path, 1)


def test_a_job_that_is_closed_leaves_nothing(web, tmp_path):
    with connected(web) as archive:
        job = retrieve_job(archive, find_series(archive, Wanted()), tmp_path / "o")
        while not next(job).message.startswith("object 1"):
            pass
        job.close()
    assert not [path for path in (tmp_path / "o").rglob("*") if path.is_file()]
