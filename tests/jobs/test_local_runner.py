"""One process stands ready for the next job, and no more than one."""

import os
import time

import pytest
from helpers import child_jobs

from napari_motionseg.errors import JobError
from napari_motionseg.jobs import LocalRunner

PATIENCE_S = 200  # for a child process that imports torch on a busy machine


@pytest.fixture
def runner(tmp_path):
    made = LocalRunner(tmp_path, ("fractions", "no_such_module_here"))
    yield made
    worker = made._standby
    made.release()
    assert worker is None or worker.wait_gone(PATIENCE_S)


def ready(runner):
    """Wait until a process stands ready and return it."""
    deadline = time.monotonic() + PATIENCE_S
    while not (runner._standby and runner._standby.ready):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return runner._standby


def test_a_job_takes_the_process_that_stands_ready(runner):
    runner.keep_ready()
    process = ready(runner).pid
    job = runner.start(child_jobs.loaded_modules)
    assert job.pid == process
    assert runner.standby_bytes is None
    assert job.wait(PATIENCE_S)
    assert "fractions" in job.result  # what cannot be imported is left to the job
    assert job.wait_gone(PATIENCE_S)


def test_what_a_job_needs_is_imported_also_where_nothing_stands_ready(runner):
    job = runner.start(child_jobs.loaded_modules)
    assert job.wait(PATIENCE_S)
    assert "fractions" in job.result


def test_there_is_one_and_its_memory_is_known(runner):
    runner.keep_ready()
    first = ready(runner)
    runner.keep_ready()
    assert runner._standby is first
    assert 2**20 < runner.standby_bytes < 2**30


def test_none_stands_ready_while_a_job_runs(runner):
    job = runner.start(child_jobs.counting, 100_000, pause=0.001)
    runner.keep_ready()
    assert runner.standby_bytes is None
    job.cancel()
    runner.keep_ready()
    ready(runner)


def test_it_is_let_go(runner):
    runner.keep_ready()
    worker = ready(runner)
    runner.release()
    assert runner.standby_bytes is None
    assert worker.wait_gone(PATIENCE_S)
    assert list(runner._folder.iterdir()) == []


def test_it_ends_when_nobody_asks_for_it(tmp_path):
    runner = LocalRunner(tmp_path, idle_s=0.01)
    runner.keep_ready()
    worker = runner._standby
    assert worker.wait_gone(PATIENCE_S)
    assert runner.standby_bytes is None


def test_one_that_has_died_is_replaced(runner):
    runner.keep_ready()
    worker = ready(runner)
    os.kill(worker.pid, 9)
    assert worker.wait_gone(PATIENCE_S)
    job = runner.start(child_jobs.counting, 2)
    assert job.wait(PATIENCE_S)
    assert job.result == [1, 2]


def test_a_function_that_cannot_be_imported_costs_no_process(runner):
    runner.keep_ready()
    worker = ready(runner)
    with pytest.raises(JobError, match="lambda"):
        runner.start(lambda: None)
    assert runner._standby is worker


def test_phases_are_told_in_words(runner):
    job = runner.start(child_jobs.counting, 3)
    seen = []
    deadline = time.monotonic() + PATIENCE_S
    while job.running and time.monotonic() < deadline:
        if job.phase not in seen:
            seen.append(job.phase)
        list(job.poll())
    assert seen[0] == "Starting the worker…"
    assert job.phase == ""
    known = {
        "Starting the worker…", "Loading fractions…", "Loading no_such_module_here…",
        "Loading the job…", "Working on the first step…", "",
    }  # fmt: skip
    assert set(seen) <= known
