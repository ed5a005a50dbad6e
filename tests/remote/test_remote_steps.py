"""A job elsewhere is driven like a job of this process."""

import pytest
from helpers import child_jobs, remote_jobs

from napari_motionseg.cine import Cine
from napari_motionseg.errors import LabelError
from napari_motionseg.jobs import STOP, run
from napari_motionseg.remote.remote_steps import remote_steps_job


def test_progress_and_result_are_those_of_the_job(cluster):
    seen = []
    job = remote_steps_job(cluster.scheduler_address, (), child_jobs.counting, 5)
    assert run(job, lambda progress: seen.append(progress.step)) == [1, 2, 3, 4, 5]
    assert seen == [1, 2, 3, 4, 5]


def test_a_stop_is_passed_on(cluster):
    job = remote_steps_job(
        cluster.scheduler_address, (), child_jobs.counting, 10_000, 0.01
    )
    next(job)
    with pytest.raises(StopIteration) as end:
        stopped(job)
    assert 0 < len(end.value.value) < 10_000


def stopped(job):
    while True:
        job.send(STOP)


def test_a_file_is_placed_here_and_an_error_leaves_none(cluster, tmp_path):
    start = tmp_path / "start.safetensors"
    start.write_bytes(b"weights")
    out = tmp_path / "learnt.safetensors"
    cine = Cine.from_array([[[0.0, 1.0]] * 4] * 3)
    job = remote_steps_job(
        cluster.scheduler_address, (), remote_jobs.learning, cine, start=start, out=out
    )
    run(job)
    assert out.read_bytes() == b"weights and more"
    refusing = remote_steps_job(cluster.scheduler_address, (), child_jobs.refusing)
    with pytest.raises(LabelError, match="no label on frame 3"):
        run(refusing)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "learnt.safetensors", "start.safetensors",
    ]  # fmt: skip
