"""One valid result for each good loop, whatever is killed, changed or damaged."""

import dataclasses
import json
import os

import pytest
from helpers import dicom_files as files

from napari_motionseg.batch.places import Part, places
from napari_motionseg.batch.records import DONE, FAILED, WORKING, BatchFolder
from napari_motionseg.batch.work import MOST_TRIES, Batch, work_on
from napari_motionseg.errors import OccupiedError, SettingsError, WriteError
from napari_motionseg.jobs import STOP, run

COUNT = 4


class Means:
    """A task that writes the mean of a loop, and takes note of its calls."""

    def __init__(self, factor=1):
        self.factor, self.seen, self.trouble = factor, [], {}

    def settings(self):
        return {"task": "mean", "factor": self.factor}

    def run(self, cine, key, draft):
        self.seen.append(cine.name)
        if error := self.trouble.get(cine.name):
            raise error
        mean = self.factor * float(cine.frames[:].mean())
        draft.path(cine.name, key, ".json").write_text(json.dumps(mean))
        return {"loop": cine.name, "mean": mean}


@pytest.fixture
def loops(tmp_path):
    room = tmp_path / "loops"
    room.mkdir()
    for number in range(COUNT):
        data = files.xa_dataset(files.gray_frames(3, seed=number))
        data.save_as(room / f"loop{number}.dcm", enforce_file_format=True)
    return room


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out"


def batch(out, task, paths, part=None, retry=False):
    work = Batch(BatchFolder(out, task.settings()), task, retry=retry)
    return run(work.job([paths], part))


def results(out):
    return {p.name: p.read_text() for p in sorted((out / "results").iterdir())}


def test_all_is_done_once(loops, out):
    task = Means()
    counts = batch(out, task, loops)
    assert (counts.found, counts.done, counts.earlier) == (COUNT, COUNT, 0)
    written = results(out)
    assert len(written) == COUNT
    again = batch(out, task, loops)
    assert (again.found, again.done, again.earlier) == (COUNT, 0, COUNT)
    assert len(task.seen) == COUNT
    assert results(out) == written


def test_parts_together_do_what_one_run_does(loops, out, tmp_path):
    whole = tmp_path / "whole"
    batch(whole, Means(), loops)
    counts = [batch(out, Means(), loops, Part(i, 3)) for i in (1, 2, 3)]
    assert sum(c.done for c in counts) == COUNT
    assert results(out) == results(whole)


def test_what_is_missing_or_changed_is_done_again(loops, out):
    task = Means()
    batch(out, task, loops)
    written = results(out)
    next((out / "results").glob("loop0-*")).unlink()
    data = files.xa_dataset(files.gray_frames(5, seed=77))
    data.save_as(loops / "loop3.dcm", enforce_file_format=True)
    assert batch(out, task, loops).done == 2
    assert len(task.seen) == COUNT + 2
    now = results(out)
    assert {name for name in now if now[name] != written[name]} == {
        name for name in now if name.startswith("loop3-")
    }


def test_a_failure_is_recorded_and_stops_nothing(loops, out):
    (loops / "loop1.dcm").write_bytes((loops / "loop1.dcm").read_bytes()[:400])
    task = Means()
    counts = batch(out, task, loops)
    assert (counts.done, counts.failed) == (COUNT - 1, 1)
    (failed,) = [r for r in BatchFolder(out).records() if r.state == FAILED]
    assert failed.path.endswith("loop1.dcm")
    assert "loop1.dcm" in failed.reason
    again = batch(out, task, loops)
    assert (again.failed, again.given_up) == (0, 1)  # the file has not changed
    assert batch(out, task, loops, retry=True).failed == 1


def test_passing_trouble_is_tried_again_up_to_a_limit(loops, out):
    task = Means()
    task.trouble["loop2"] = WriteError("cannot write: the disk is full")
    task.trouble["loop0"] = MemoryError("no memory")
    for _ in range(MOST_TRIES + 2):
        batch(out, task, loops)
    assert task.seen.count("loop2") == task.seen.count("loop0") == MOST_TRIES
    reasons = sorted(r.reason for r in BatchFolder(out).records() if r.reason)
    assert reasons == ["MemoryError: no memory", "cannot write: the disk is full"]
    task.trouble.clear()
    assert batch(out, task, loops, retry=True).done == 2


@pytest.mark.parametrize("moment", ["before", "named", "placed"])
def test_a_killed_run_is_taken_up(loops, out, tmp_path, monkeypatch, moment):
    """The process ends while the task runs, or before or after results are placed."""

    class Killed(BaseException):
        pass

    task = Means()
    whole = tmp_path / "whole"
    batch(whole, Means(), loops)
    with monkeypatch.context() as patch:
        if moment == "before":
            task.trouble["loop2"] = Killed()
        else:
            write = BatchFolder.write

            def write_or_die(folder, record):
                ended = record.state == DONE and "loop2" in record.path
                if ended or (moment == "named" and record.results):
                    write(folder, dataclasses.replace(record, state=WORKING))
                    raise Killed
                write(folder, record)

            patch.setattr(BatchFolder, "write", write_or_die)
        with pytest.raises(Killed):
            batch(out, task, loops)
    task.trouble.clear()
    batch(out, task, loops)
    assert results(out) == results(whole)
    assert {r.state for r in BatchFolder(out).records()} == {DONE}


def test_a_loop_that_kills_every_run_is_given_up(loops, out):
    class Killed(BaseException):
        pass

    task = Means()
    task.trouble["loop0"] = Killed()
    for _ in range(MOST_TRIES):
        with pytest.raises(Killed):
            batch(out, task, loops)
    counts = batch(out, task, loops)
    assert (counts.done, counts.failed) == (COUNT - 1, 1)
    (failed,) = [r for r in BatchFolder(out).records() if r.state == FAILED]
    assert failed.reason == "the program ended while it worked on it, 3 times"
    assert batch(out, task, loops).given_up == 1


def test_two_runs_do_not_work_on_one_place(loops, out):
    task = Means()
    folder = BatchFolder(out, task.settings())
    first, *_ = places([loops])
    lock = folder.lock(first.key)
    assert work_on(folder, task, first) is None
    counts = batch(out, task, loops)
    assert (counts.done, counts.busy) == (COUNT - 1, 1)
    lock.release()
    assert work_on(folder, task, first).state == DONE
    assert work_on(folder, task, first).state == DONE
    assert task.seen.count(first.path.stem) == 1


def test_other_settings_and_folders_of_others_are_refused(loops, out, tmp_path):
    batch(out, Means(), loops)
    with pytest.raises(SettingsError, match="factor 1, now 2"):
        batch(out, Means(factor=2), loops)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").write_text("mine")
    with pytest.raises(OccupiedError, match="choose a new folder"):
        batch(tmp_path / "full", Means(), loops)
    with pytest.raises(SettingsError, match="no batch ran here"):
        BatchFolder(tmp_path / "nothing")
    (out / "motionseg-batch.json").write_text("{}")
    with pytest.raises(OccupiedError, match="not of this program"):
        BatchFolder(out)


def test_a_result_that_was_changed_is_not_replaced(loops, out):
    task = Means()
    batch(out, task, loops)
    mine = next(iter(sorted((out / "results").iterdir())))
    mine.write_text("corrected by hand, and of another size")
    os.utime(loops / "loop0.dcm", ns=(1, 1))
    counts = batch(out, task, loops)
    assert counts.failed == 1
    assert mine.read_text().startswith("corrected by hand")


def test_stopping_keeps_what_is_done(loops, out):
    task = Means()
    job = Batch(BatchFolder(out, task.settings()), task).job([loops])
    next(job)
    with pytest.raises(StopIteration) as end:
        job.send(STOP)
    assert end.value.value.done == 1
    assert batch(out, task, loops).done == COUNT - 1
