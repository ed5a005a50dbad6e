"""A worker that serves windows has a process ready before the first job."""

import pytest

pytest.importorskip("distributed")

from napari_motionseg.remote import hosted_job
from napari_motionseg.remote.ready_worker import ReadyWorker


def test_a_process_stands_ready_until_the_worker_ends():
    plugin = ReadyWorker(("fractions",))
    plugin.setup(None)
    runner = hosted_job.runner(("fractions",))
    assert runner.standby_bytes is not None
    plugin.teardown(None)
    assert runner.standby_bytes is None
    del hosted_job._RUNNERS[("fractions",)]
