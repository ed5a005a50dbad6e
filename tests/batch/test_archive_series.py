"""Series of a DICOMweb archive are places like files; nothing of them stays here."""

import tempfile
from pathlib import Path

import numpy as np
import pytest
from helpers import dicom_files as files
from helpers import seg_loops
from helpers.web_archive import serving

from napari_motionseg.batch.archive_series import is_query, series_of
from napari_motionseg.batch.places import Part, places
from napari_motionseg.batch.records import DONE, FAILED, BatchFolder
from napari_motionseg.batch.work import Batch
from napari_motionseg.errors import SettingsError
from napari_motionseg.io import read_cine
from napari_motionseg.jobs import run

pytest.importorskip("dicomweb_client")
COUNT = 3


class Sums:
    """A task that adds up a loop, and takes note of where it was read from."""

    seen: list = []

    def settings(self):
        return {"task": "sum"}

    def run(self, cine, key, draft):
        Sums.seen.append(cine.source)
        total = int(np.asarray(cine.frames[:]).sum())
        draft.path("loop", key, ".txt").write_text(str(total))
        return {"loop": cine.name}


@pytest.fixture
def web(tmp_path):
    """Three series of a loop each, of two modalities."""
    with serving() as archive:
        for number in range(COUNT):
            data = seg_loops.dataset(seed=number)
            data.StudyInstanceUID = f"1.2.3.{number}"
            data.SeriesInstanceUID = f"1.2.3.{number}.1"
            data.SOPInstanceUID = f"1.2.3.{number}.1.1"
            data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID
            archive.add(files.save(data, tmp_path / f"{number}.dcm"))
        yield archive


def batch(out, query, part=None):
    work = Batch(BatchFolder(out, Sums().settings()), Sums())
    return run(work.job([query], part))


def test_a_query_is_told_from_a_path():
    assert is_query("https://archive.example/dicom-web?modality=XA")
    assert is_query("HTTP://127.0.0.1:8042/dicom-web")
    assert not is_query("https/loop.dcm")
    assert not is_query(Path("http://x"))


def test_results_are_those_of_the_files_and_the_files_go(web, tmp_path):
    out, room = tmp_path / "out", tempfile.gettempdir()
    counts = batch(out, web.address)
    assert (counts.found, counts.done) == (COUNT, COUNT)
    sums = sorted(path.read_text() for path in (out / "results").iterdir())
    frames = [read_cine(tmp_path / f"{n}.dcm").frames for n in range(COUNT)]
    assert sums == sorted(str(int(np.asarray(one[:]).sum())) for one in frames)
    for source in Sums.seen:
        assert source is not None
        assert not source.exists()
        assert source.is_relative_to(room)
    asked = len(web.requests)
    assert batch(out, web.address).earlier == COUNT  # and nothing is sent again
    again = [path for path, _ in web.requests[asked:]]
    assert not [path for path in again if "/instances" in path]


def test_filters_and_parts(web, tmp_path):
    (one,) = series_of(f"{web.address}?study=1.2.3.1")
    assert one.path == f"{web.address}/studies/1.2.3.1/series/1.2.3.1.1"
    assert not list(series_of(f"{web.address}?modality=CT"))
    both = list(places([web.address, f"{web.address}?study=1.2.3.1"]))
    assert len({place.key for place in both}) == len(both) == COUNT
    counts = [batch(tmp_path / "out", web.address, Part(i, 2)) for i in (1, 2)]
    assert sum(one.done for one in counts) == COUNT


def test_an_unknown_filter_is_told():
    with pytest.raises(SettingsError, match="colour: is no filter"):
        list(series_of("https://archive.example/dicom-web?colour=red"))


def test_a_series_that_has_gone_is_a_failure_that_may_pass(web, tmp_path):
    found = list(series_of(web.address))
    web.objects.clear()
    out = tmp_path / "out"
    folder = BatchFolder(out, Sums().settings())
    from napari_motionseg.batch.work import work_on

    record = work_on(folder, Sums(), found[0])
    assert record.state == FAILED
    assert record.reason
    assert not [r for r in folder.records() if r.state == DONE]
