"""Workers of Dask do what one process does, and what they lack is told."""

import os
import signal
import threading
import types

import pytest
from helpers import batch_tasks
from helpers import dicom_files as files

from napari_motionseg.batch import dask_pool as module
from napari_motionseg.batch.dask_pool import DaskPool, require_workers
from napari_motionseg.batch.records import DONE, FAILED, BatchFolder
from napari_motionseg.batch.work import Batch
from napari_motionseg.errors import (
    CheckpointError,
    JobError,
    SettingsError,
    WriteError,
)
from napari_motionseg.jobs import run
from napari_motionseg.remote import dask_client

distributed = pytest.importorskip("distributed")
COUNT = 9


class Shapes:
    """A task that writes the shape of a loop."""

    threads: set = set()

    def settings(self):
        return {"task": "shape"}

    def run(self, cine, key, draft):
        Shapes.threads.add(threading.get_ident())
        draft.path(cine.name, key, ".txt").write_text(str(cine.shape))
        return {"loop": cine.name}


@pytest.fixture(scope="module")
def client():
    with (
        distributed.LocalCluster(
            n_workers=2,
            threads_per_worker=1,
            processes=False,
            dashboard_address="127.0.0.1:0",
        ) as cluster,
        # as for an address: no client of a program counts as that of all others
        distributed.Client(cluster, set_as_default=False) as client,
    ):
        yield client


@pytest.fixture
def loops(tmp_path):
    room = tmp_path / "loops"
    room.mkdir()
    for number in range(COUNT):
        data = files.xa_dataset(files.gray_frames(2, seed=number))
        data.save_as(room / f"loop{number}.dcm", enforce_file_format=True)
    return room


@pytest.fixture
def folder(tmp_path):
    return BatchFolder(tmp_path / "out", Shapes().settings())


def test_workers_do_what_one_process_does(client, loops, folder, tmp_path):
    (loops / "loop4.dcm").write_bytes((loops / "loop4.dcm").read_bytes()[:500])
    require_workers(client, folder, Shapes(), 2)
    pool = DaskPool(client, folder, Shapes())
    counts = run(Batch(folder, Shapes()).job([loops], pool=pool))
    assert (counts.found, counts.done, counts.failed) == (COUNT, COUNT - 1, 1)
    assert len(pool) == 0
    alone = BatchFolder(tmp_path / "alone", Shapes().settings())
    threads, Shapes.threads = Shapes.threads, set()
    run(Batch(alone, Shapes()).job([loops]))
    names = [
        sorted(p.name for p in (one.folder / "results").iterdir())
        for one in (folder, alone)
    ]
    assert names[0] == names[1]
    told = [
        [(r.path, r.state, r.reason) for r in one.records()] for one in (folder, alone)
    ]
    assert told[0] == told[1]
    assert threads
    assert threading.get_ident() not in threads


def test_few_places_are_with_the_scheduler(client, loops, folder, monkeypatch):
    pool, most = DaskPool(client, folder, Shapes()), []
    get = pool.get

    def counted():
        most.append(len(pool))
        return get()

    monkeypatch.setattr(pool, "get", counted)
    run(Batch(folder, Shapes()).job([loops], pool=pool))
    assert max(most) == 2 * module.AHEAD
    assert {r.state for r in folder.records()} == {DONE}


def no_weights(self):
    raise CheckpointError("no file w.st")


def ending_in(error):
    """Return work that ends in an error of Dask on one of the loops."""

    def work(path, task, place):
        if place.path.stem == "loop2":
            raise error
        return module.work_on(BatchFolder(path), task, place)

    return work


def test_a_place_that_no_worker_survives_fails(client, loops, folder, monkeypatch):
    worker = types.SimpleNamespace(address="tcp://10.0.0.4:1")
    killed = distributed.KilledWorker("work", worker, 3)
    monkeypatch.setattr(module, "_work", ending_in(killed))
    pool = DaskPool(client, folder, Shapes())
    counts = run(Batch(folder, Shapes()).job([loops], pool=pool))
    assert (counts.done, counts.failed) == (COUNT - 1, 1)
    (failed,) = [r for r in folder.records() if r.state == FAILED]
    assert failed.reason.startswith("the worker died while it worked on it: Attempted")


def test_a_lost_scheduler_is_no_failure_of_a_loop(client, loops, folder, monkeypatch):
    lost = distributed.client.FutureCancelledError("work", "lost", None)
    monkeypatch.setattr(module, "_work", ending_in(lost))
    with pytest.raises(JobError, match="run the command again"):
        run(
            Batch(folder, Shapes()).job(
                [loops], pool=DaskPool(client, folder, Shapes())
            )
        )
    assert not [r for r in folder.records() if r.state == FAILED]
    monkeypatch.undo()
    again = run(Batch(folder, Shapes()).job([loops]))
    assert again.failed == 0
    assert len([r for r in folder.records() if r.state == DONE]) == COUNT


def test_a_full_disk_ends_the_run_with_its_own_words(
    client, loops, folder, monkeypatch
):
    monkeypatch.setattr(module, "_work", ending_in(WriteError("no space left")))
    with pytest.raises(WriteError, match="no space left"):
        run(
            Batch(folder, Shapes()).job(
                [loops], pool=DaskPool(client, folder, Shapes())
            )
        )


def test_a_worker_that_cannot_do_the_work_is_named(client, folder, monkeypatch):
    with monkeypatch.context() as patch:
        theirs = {"napari-motionseg": "0.0.1", "Python": "2.7"}
        patch.setattr(dask_client, "_state", lambda more, args: (theirs, None))
        with pytest.raises(SettingsError, match=r"napari-motionseg 0\.0\.1, here"):
            require_workers(client, folder, Shapes())
    with monkeypatch.context() as patch:
        patch.setattr(Shapes, "settings", no_weights)
        with pytest.raises(SettingsError, match="would not do the same: no file w.st"):
            require_workers(client, folder, Shapes())
    (folder.folder / "motionseg-batch.json").unlink()
    with pytest.raises(SettingsError, match="does not see .*no batch ran here"):
        require_workers(client, folder, Shapes())


def test_workers_that_do_not_come_are_told(client, folder, monkeypatch):
    monkeypatch.setattr(dask_client, "PATIENCE_S", 0.2)
    with pytest.raises(SettingsError, match="fewer than 50 workers"):
        require_workers(client, folder, Shapes(), 50)


def test_a_worker_that_is_killed_costs_no_result(loops, tmp_path):
    """The whole test, with random moments and schedulers, is benchmarks/archive.py."""
    task, folders = batch_tasks.SlowSums(), []
    for name in ("undisturbed", "killed"):
        folders.append(BatchFolder(tmp_path / name, task.settings()))
    run(Batch(folders[0], task).job([loops]))
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address="127.0.0.1:0"
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        workers = list(client.run(os.getpid).values())
        job = Batch(folders[1], task).job(
            [loops], pool=DaskPool(client, folders[1], task)
        )
        next(job)
        os.kill(workers[0], signal.SIGKILL)
        counts = run(job)
    assert (counts.done, counts.failed) == (COUNT, 0)
    told = [
        {r.path: (r.state, r.results) for r in folder.records()} for folder in folders
    ]
    assert told[0] == told[1]
