"""What a thread has put into the inbox becomes progress, a result or an error."""

import pytest

from napari_motionseg.errors import JobError, LabelError
from napari_motionseg.jobs import Progress
from napari_motionseg.jobs.inbox_job import InboxJob


def test_progress_then_a_result():
    job = InboxJob()
    job._inbox.put(("progress", Progress(1, 2)))
    job._inbox.put(("result", 7))
    job._inbox.put(("progress", Progress(2, 2)))  # after the end, nobody wants it
    assert [progress.step for progress in job.poll()] == [1]
    assert (job.running, job.state, job.result) == (False, "finished", 7)


def test_an_error_and_a_job_that_runs_have_no_result():
    job = InboxJob()
    with pytest.raises(JobError, match="is running"):
        job.result  # noqa: B018 - the attribute raises
    job._inbox.put(("failed", LabelError("no label")))
    assert list(job.poll()) == []
    with pytest.raises(LabelError, match="no label"):
        job.result  # noqa: B018 - the attribute raises


def test_what_the_user_asks_for_waits_in_its_order():
    job = InboxJob()
    job.prioritize(3)
    job.stop()
    assert [job._words.get_nowait() for _ in range(2)] == [3, "stop"]
