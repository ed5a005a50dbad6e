import dataclasses
import gc
import os
import signal
import time

import pytest
from helpers import child_jobs

from napari_motionseg.errors import JobError, LabelError
from napari_motionseg.jobs import STOP, ChildJob, Progress, map_progress, run

PATIENCE_S = 60


def watch(job, until=lambda told: False):
    """Poll until the job has ended or `until` of what it told is true."""
    told, deadline = [], time.monotonic() + PATIENCE_S
    while job.running and time.monotonic() < deadline:
        told.extend(job.poll())
        if until(told):
            break
        time.sleep(0.005)
    return told


def test_run_drains_a_job():
    told = []
    assert run(child_jobs.counting(3), told.append) == [1, 2, 3]
    assert told[1] == Progress(2, 3, "step 2", {"x": 1.0})
    assert run(child_jobs.counting(0)) == []


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="counts files of Linux")
def test_jobs_that_have_ended_leave_no_open_file():
    counts = []
    for number in range(5):
        job = ChildJob(child_jobs.counting, number % 2)
        watch(job)
        assert job.state == "finished"
        gc.collect()  # what other tests have left
        counts.append(len(os.listdir("/proc/self/fd")))
    assert counts[4] <= counts[1]


def test_a_job_inside_another_gets_its_signals_and_gives_its_result():
    def named(progress):
        return dataclasses.replace(progress, message="of many")

    outer = map_progress(child_jobs.counting(9), named)
    assert next(outer) == Progress(1, 9, "of many", {"x": 0.5})
    with pytest.raises(StopIteration) as end:
        outer.send(STOP)
    alone = child_jobs.counting(9)
    next(alone)
    with pytest.raises(StopIteration) as of_alone:
        alone.send(STOP)
    assert end.value.value == of_alone.value.value
    inner = child_jobs.counting(9)
    outer = map_progress(inner, named)
    next(outer)
    outer.close()
    assert inner.gi_frame is None


def test_a_generator_is_stopped_and_closed():
    job = child_jobs.counting(9)
    next(job)
    with pytest.raises(StopIteration) as end:
        job.send(STOP)
    assert end.value.value == [1]


def test_a_child_hears_which_frame_is_wanted():
    job = ChildJob(child_jobs.wanting, 100_000, 0.002)
    watch(job, until=bool)
    job.prioritize(7)
    watch(job, until=lambda told: len(told) > 200)
    job.prioritize(3)
    job.stop()
    job.prioritize(5)  # a stop is not taken back
    watch(job)
    assert job.result[0] == 7
    assert job.result[-1] == STOP
    assert set(job.result) <= {7, 3, STOP}


def test_progress_of_one_step_does_not_share_metrics_with_another():
    assert Progress(1, 2).metrics is not Progress(1, 2).metrics


def test_a_child_tells_its_progress_and_its_result():
    job = ChildJob(child_jobs.counting, 5, size=200_000)
    assert job.running
    with pytest.raises(JobError, match="the job is running; it has no result"):
        _ = job.result
    told = watch(job)
    assert [(p.step, p.total, p.message, p.metrics) for p in told] == [
        (n, 5, f"step {n}", {"x": n / 2}) for n in range(1, 6)
    ]
    assert told[0].preview.shape == (200_000,)
    assert (job.state, job.running) == ("finished", False)
    assert job.result == [1, 2, 3, 4, 5]
    assert list(job.poll()) == []
    job.cancel()  # too late, and no harm
    job.stop()
    assert job.state == "finished"


def test_stop_keeps_what_there_is():
    job = ChildJob(child_jobs.counting, 100_000, pause=0.001)
    watch(job, until=len)
    job.stop()
    told = watch(job)
    assert job.state == "finished"
    assert 1 <= len(job.result) < 100_000
    assert job.result[-1] >= (told[-1].step if told else 1)


@pytest.mark.parametrize("size", [0, 2_000_000], ids=["small", "full pipe"])
def test_cancel_lets_the_job_take_its_file_away(tmp_path, size):
    file = tmp_path / "half"
    job = ChildJob(child_jobs.with_a_file, str(file), size)
    watch(job, until=len)
    assert file.exists()
    job.cancel(patience_s=PATIENCE_S)
    assert job.state == "cancelled"
    assert not file.exists()
    with pytest.raises(JobError, match="the job is cancelled"):
        _ = job.result


def test_cancel_without_patience_kills():
    job = ChildJob(child_jobs.counting, 100_000, pause=0.001)
    process = job._process
    job.cancel()
    assert job.state == "cancelled"
    with pytest.raises(ValueError, match="closed"):
        process.is_alive()


def test_a_crash_is_reported_with_its_traceback():
    job = ChildJob(child_jobs.crashing)
    told = watch(job)
    assert len(told) == 1
    assert job.state == "failed"
    with pytest.raises(JobError, match=r"(?s)failed unexpectedly.*the sky fell"):
        _ = job.result


def test_an_error_of_our_own_arrives_as_it_is():
    job = ChildJob(child_jobs.refusing)
    watch(job)
    assert job.state == "failed"
    with pytest.raises(LabelError, match="no label on frame 3"):
        _ = job.result


def test_a_kill_is_called_lack_of_memory():
    job = ChildJob(child_jobs.counting, 100_000, pause=0.001)
    watch(job, until=len)
    os.kill(job._process.pid, signal.SIGKILL)
    watch(job)
    assert job.state == "failed"
    with pytest.raises(JobError, match="most likely because memory ran out"):
        _ = job.result


def test_an_exit_is_reported_with_its_code():
    job = ChildJob(child_jobs.leaving)
    watch(job)
    with pytest.raises(JobError, match=r"without a result \(exit code 3\)"):
        _ = job.result


def test_a_result_that_cannot_travel_is_reported():
    job = ChildJob(child_jobs.unpicklable)
    watch(job)
    with pytest.raises(JobError, match=r"(?s)failed unexpectedly.*pickle"):
        _ = job.result


def test_a_child_loads_no_more_than_its_job_needs():
    job = ChildJob(child_jobs.loaded_modules)
    watch(job)
    assert not {"torch", "napari", "qtpy"} & set(job.result)
