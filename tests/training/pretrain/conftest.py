"""What the tests of pretraining share."""

import pytest

from napari_motionseg.training.pretrain import job


@pytest.fixture
def no_signal_check(monkeypatch):
    """Let trainings begin whose flow is made up later; see test_signal.py."""

    def nothing_to_measure(*_):
        yield from ()
        return {}

    monkeypatch.setattr(job, "signal_job", nothing_to_measure)
