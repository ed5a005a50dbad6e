"""A session knows loops by layer, networks, and runs one job at a time."""

import gc
import os
import tempfile
import time
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from helpers.plain_layers import PlainLayer

from napari_motionseg.errors import CheckpointError, JobError
from napari_motionseg.io import temporary
from napari_motionseg.jobs import Progress
from napari_motionseg.viewmodel.session import Model, Session

PIXELS = np.random.default_rng(0).integers(0, 255, (4, 10, 12), dtype=np.uint8)


def wait_job():
    yield Progress(0, 1)
    import time

    time.sleep(60)


def test_a_layer_keeps_its_loop_until_its_pixels_change(session):
    layer = PlainLayer(PIXELS)
    loop = session.loop(layer)
    assert session.loop(layer) is loop
    layer.data = PIXELS[:3]
    assert session.loop(layer) is not loop
    assert session.loop(layer, refresh=True).cine.shape == (3, 10, 12)


def test_a_layer_that_goes_takes_its_loop_along(session):
    layer = PlainLayer(PIXELS)
    session.loop(layer)
    assert len(session._loops) == 1
    del layer
    gc.collect()
    assert len(session._loops) == 0


def test_models_are_told_once(session, tmp_path):
    told = []
    session.models_changed.connect(told.append)
    model = Model(tmp_path / "a.safetensors", "embedding", "a")
    session.add_model(model)
    session.add_model(model)
    assert told == [model]


def test_a_network_that_is_not_there_is_refused(session, tmp_path):
    with pytest.raises(CheckpointError, match="no such"):
        session.network(tmp_path / "a.safetensors")


def test_one_job_at_a_time(session):
    titles = []
    session.job_changed.connect(titles.append)
    job = session.start("Waiting", wait_job)
    with pytest.raises(JobError, match="Waiting is still running"):
        session.start("Another", wait_job)
    job.cancel()
    session.job_ended(job)
    assert titles == ["Waiting", None]


def test_closing_ends_the_job_and_removes_the_files():
    session = Session()
    job = session.start("Waiting", wait_job)
    path = session.new_path("model")
    assert path != session.new_path("model")
    path.write_text("x")
    session.close()
    assert not job.running
    assert not session.folder.exists()


def test_two_networks_stay_at_hand(session, embedding_file, tmp_path):
    import shutil

    others = [tmp_path / f"{name}.safetensors" for name in "bc"]
    for other in others:
        shutil.copyfile(embedding_file, other)
    first = session.network(embedding_file)
    second = session.network(others[0])
    assert session.network(embedding_file) is first
    session.network(others[1])
    assert session.network(embedding_file) is first
    assert session.network(others[0]) is not second  # asked for longest ago


def leaves_a_temporary_file(steps):
    """Make a temporary file, as training does, and never remove it."""
    handle, name = tempfile.mkstemp()
    os.close(handle)
    for step in range(steps):
        yield Progress(step, steps, name)
        time.sleep(0.01)
    return name


@pytest.mark.parametrize("end", ["finished", "cancelled"])
def test_temporary_files_of_a_job_go_with_it(end):
    session = Session()
    job = session.start(
        "work", leaves_a_temporary_file, 3 if end == "finished" else 9999
    )
    names = []
    while not names:
        names = [Path(progress.message) for progress in job.poll()]
        time.sleep(0.01)
    assert session.folder in names[0].parents
    assert names[0].exists()
    if end == "cancelled":
        job.cancel()
    while job.running:
        list(job.poll())
        time.sleep(0.01)
    session.job_ended(job)
    assert job.state == end
    assert job.wait_gone(60)
    assert not names[0].exists()
    session.close()
    assert not session.folder.exists()


def test_what_a_killed_session_has_left_is_cleared_by_the_next(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    killed, owner = temporary._own_folder(tmp_path)
    (killed / "flow-1.npy").write_bytes(b"flow")
    owner.close()  # as if its process had ended
    (tmp_path / "motionseg-mine").mkdir()
    session = Session()
    assert not killed.exists()
    assert (tmp_path / "motionseg-mine").exists()
    session.close()


def test_the_device_is_saved_with_the_project_and_comes_back(session):
    told = []
    session.device_changed.connect(told.append)
    assert session.device == "auto"
    session.device = "cpu"
    session.device = "cpu"
    assert session.settings["jobs"] == {"device": "cpu"}
    session.restore_settings({"jobs": {"device": "cuda:1"}})
    session.restore_settings({"segment": {}})  # of a project without it
    session.restore_settings({"jobs": {"device": 3}})  # of a damaged one
    assert told == ["cpu", "cuda:1", "auto"]


def test_a_worker_is_made_ready_for_panels_alone(session):
    class Runner:
        standby_bytes = None
        calls: ClassVar[list[str]] = []

        def keep_ready(self):
            self.calls.append("ready")

        def release(self):
            self.calls.append("release")

    session.runner.release()
    session.runners.now = Runner()
    session.expect_job()
    assert Runner.calls == []  # nobody can start a job
    session.panel_opened()
    session.panel_opened()
    session.expect_job()
    session.panel_closed()
    assert Runner.calls == ["ready"]
    session.panel_closed()
    assert Runner.calls == ["ready", "release"]


def test_the_worker_that_stands_ready_is_told_of_in_words(session):
    class Runner:
        standby_bytes: int | None = None

        def release(self):
            pass

    session.runner.release()
    session.runners.now = Runner()
    assert session.standby_words().startswith("No worker process stands ready")
    session.runner.standby_bytes = 0
    assert "is being made ready" in session.standby_words()
    session.runner.standby_bytes = 312 * 2**20
    assert session.standby_words().endswith("it takes 312 MiB.")
