"""A job on a worker of a cluster is like one in a process of this computer."""

import os
import time
from contextlib import suppress

import numpy as np
import psutil
import pytest
from helpers import child_jobs, remote_jobs

from napari_motionseg.cine import Cine
from napari_motionseg.errors import JobError, LabelError
from napari_motionseg.remote import RemoteRunner, hosted_job
from napari_motionseg.remote import remote_job as module

PATIENCE_S = 200  # for a child process that imports torch on a busy machine


@pytest.fixture
def runner(cluster, tmp_path):
    made = RemoteRunner(cluster.scheduler_address, tmp_path)
    yield made
    made._connection.close()


def watched(job, until=lambda seen: False):
    """Poll a job to its end, or until what was seen is enough; return all progress."""
    seen, deadline = [], time.monotonic() + PATIENCE_S
    while job.running and not until(seen):
        assert time.monotonic() < deadline, job.phase
        seen += job.poll()
        time.sleep(0.01)
    return seen


def test_files_and_arrays_go_there_and_come_back(runner, tmp_path):
    frames = np.random.default_rng(0).integers(0, 255, (3, 200, 200), np.uint8)
    start = tmp_path / "start.safetensors"
    start.write_bytes(b"weights")
    out = tmp_path / "learnt.safetensors"
    job = runner.start(
        remote_jobs.learning, Cine.from_array(frames, name="of a patient"),
        start=start, out=out,
    )  # fmt: skip
    seen = watched(job)
    assert (seen[0].preview == frames[0]).all()
    path, total, name, patient, begun_from = job.result
    assert (path, total, begun_from) == (out, frames.sum(), start)
    assert (name, patient) == ("loop 1", {})
    assert out.read_bytes() == b"weights and more"


def test_contents_that_a_worker_knows_are_not_sent_again(runner, monkeypatch):
    array, sizes = np.random.default_rng(1).bytes(2**20), []
    array = np.frombuffer(array, np.uint8)
    told = module._Conversation._send

    def noting(self, client, lacks):
        sizes.append(len(lacks))
        told(self, client, lacks)

    monkeypatch.setattr(module._Conversation, "_send", noting)
    for _ in range(2):
        job = runner.start(child_jobs.summing, array)
        watched(job)
        assert job.result == array.sum()
    assert sizes == [1]


def test_all_progress_arrives_in_its_order(runner):
    job = runner.start(child_jobs.counting, 200)
    steps = [progress.step for progress in watched(job)]
    assert steps == list(range(1, 201))
    assert job.result == steps
    assert job.wait_gone(PATIENCE_S)
    assert not hosted_job.HOSTED


def test_a_stop_keeps_what_was_done(runner):
    job = runner.start(child_jobs.counting, 10_000, 0.01)
    watched(job, until=bool)
    job.stop()
    watched(job)
    assert 0 < len(job.result) < 10_000


def test_frames_that_are_shown_are_asked_for(runner):
    job = runner.start(child_jobs.wanting, 300, 0.01)
    watched(job, until=bool)
    job.prioritize(7)
    watched(job, until=lambda seen: len(seen) > 20)
    job.stop()
    watched(job)
    assert job.result == [7, "stop"]


def test_a_cancelled_job_leaves_its_worker(runner):
    job = runner.start(child_jobs.counting, 100_000, 0.01)
    watched(job, until=bool)
    job.cancel()
    assert job.state == "cancelled"
    assert job.wait_gone(PATIENCE_S)
    assert not hosted_job.HOSTED
    after = runner.start(child_jobs.counting, 1)  # the worker is free again
    watched(after)
    assert after.result == [1]


@pytest.mark.parametrize(
    ("function", "error", "words"),
    [
        (child_jobs.refusing, LabelError, "no label on frame 3"),
        (child_jobs.crashing, JobError, "the sky fell"),
        (child_jobs.leaving, JobError, "exit code 3"),
        (child_jobs.unpicklable, JobError, "pickle"),
    ],
)
def test_a_failure_there_is_told_here(runner, function, error, words):
    job = runner.start(function)
    watched(job)
    assert job.state == "failed"
    with pytest.raises(error, match=words):
        job.result  # noqa: B018 - the attribute raises


def test_a_job_goes_on_while_the_connection_is_lost(runner, monkeypatch):
    """Messages wait on the worker, and none is lost."""
    monkeypatch.setattr(module, "TRY_EVERY_S", 0.05)
    job = runner.start(child_jobs.counting, 60, 0.02)
    seen = watched(job, until=bool)
    connection, lost_at = job._connection, time.monotonic()
    client = connection.client

    def broken():
        if time.monotonic() - lost_at < 1.5:
            raise OSError("no route to host")
        return client()

    monkeypatch.setattr(connection, "client", broken)
    seen += watched(job)
    assert job.result == list(range(1, 61))
    said = [p.message for p in seen if "no connection to" in p.message]
    assert said
    assert any("connected to" in p.message for p in seen)
    steps = [p.step for p in seen if "connect" not in p.message]
    assert steps == list(range(1, 61))


def test_a_connection_that_stays_lost_ends_the_job_in_words(runner, monkeypatch):
    monkeypatch.setattr(module, "TRY_EVERY_S", 0.05)
    monkeypatch.setattr(module, "LOST_S", 0.3)
    job = runner.start(child_jobs.counting, 100_000, 0.02)
    watched(job, until=bool)

    def broken():
        raise OSError("no route to host")

    monkeypatch.setattr(job._connection, "client", broken)
    watched(job)
    assert "nothing that you have painted is lost" in str(job.error)
    for hosted in list(hosted_job.HOSTED.values()):
        hosted._silence_s = 0  # the worker would wait for the window
    deadline = time.monotonic() + PATIENCE_S
    while hosted_job.HOSTED and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not hosted_job.HOSTED


def worker_at_work():
    """Return the process of the worker whose child process does a job."""
    here, found = os.getpid(), set()
    for process in psutil.Process(here).children(recursive=True):
        with suppress(psutil.Error):
            if "napari_motionseg.jobs.worker" in process.cmdline():
                found.add(process.ppid())
    (worker,) = found - {here}
    return psutil.Process(worker)


def test_a_job_begins_again_where_its_worker_has_died(killable, tmp_path):
    runner = RemoteRunner(killable.scheduler_address, tmp_path)
    job = runner.start(remote_jobs.counting, 100, 0.02)
    seen = watched(job, until=lambda seen: len(seen) > 5)
    worker_at_work().kill()
    seen += watched(job)
    assert job.result[0] == list(range(100))
    assert any("begun again" in progress.message for progress in seen)
    runner._connection.close()
