import dataclasses

import pytest
from helpers import child_jobs

from napari_motionseg.jobs import STOP, Progress, map_progress, run


def test_run_drains_a_job():
    told = []
    assert run(child_jobs.counting(3), told.append) == [1, 2, 3]
    assert told[1] == Progress(2, 3, "step 2", {"x": 1.0})
    assert run(child_jobs.counting(0)) == []


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


def test_progress_of_one_step_does_not_share_metrics_with_another():
    assert Progress(1, 2).metrics is not Progress(1, 2).metrics
