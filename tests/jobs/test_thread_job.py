import threading
import time

import pytest
from helpers import child_jobs

from napari_motionseg.errors import JobError, LabelError
from napari_motionseg.jobs import STOP
from napari_motionseg.jobs.thread_job import ThreadJob

PATIENCE_S = 200  # for a child process that imports torch on a busy machine


def watch(job, until=lambda told: False):
    told, deadline = [], time.monotonic() + PATIENCE_S
    while job.running and time.monotonic() < deadline:
        told.extend(job.poll())
        if until(told):
            break
        time.sleep(0.002)
    return told


def test_a_job_runs_in_a_thread_and_tells_its_steps():
    job = ThreadJob(child_jobs.counting(4))
    assert [p.step for p in watch(job)] == [1, 2, 3, 4]
    assert job.result == [1, 2, 3, 4]
    assert job.wait_gone(PATIENCE_S)


def test_words_reach_it():
    job = ThreadJob(child_jobs.wanting(100_000, 0.001))
    watch(job, until=len)
    job.prioritize(7)
    watch(job, until=lambda told: len(told) > 20)
    job.stop()
    job.prioritize(3)  # a stop is not taken back
    watch(job)
    assert job.result == [7, STOP]


def test_cancel_closes_the_job_in_its_thread_and_waits_for_nobody(tmp_path):
    file = tmp_path / "half"
    job = ThreadJob(child_jobs.with_a_file(str(file)))
    watch(job, until=len)
    job.cancel()
    assert job.state == "cancelled"
    assert list(job.poll()) == []
    assert job.wait_gone(PATIENCE_S)
    assert not file.exists()
    with pytest.raises(JobError, match="the job is cancelled"):
        _ = job.result


def test_errors_arrive():
    refused, crashed = (
        ThreadJob(child_jobs.refusing()),
        ThreadJob(child_jobs.crashing()),
    )
    for job in (refused, crashed):
        watch(job)
        assert job.state == "failed"
    with pytest.raises(LabelError, match="no label on frame 3"):
        _ = refused.result
    with pytest.raises(JobError, match="the sky fell"):
        _ = crashed.result


def test_it_runs_in_another_thread():
    def job():
        yield
        return threading.current_thread()

    running = ThreadJob(job())
    watch(running)
    assert running.result is not threading.current_thread()
