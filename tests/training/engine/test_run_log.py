"""Curves and pictures beside a checkpoint."""

import csv
import sys
import types
from pathlib import Path

import imageio.v3 as imageio
import numpy as np
import pytest
from helpers.toy_training import Toy, settings

from napari_motionseg.errors import MissingDependencyError, WriteError
from napari_motionseg.jobs import Progress, run
from napari_motionseg.training.engine.loop import train_job
from napari_motionseg.training.engine.run_log import (
    CURVES,
    RunLog,
    as_picture,
    log_folder_of,
)


def rows(folder):
    with (folder / CURVES).open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_row_a_step_with_rate_loss_and_metrics(tmp_path):
    how = settings(4, schedule="cosine", preview_every=2)
    record = run(train_job(Toy(), how, log_folder=tmp_path / "run.log"))
    found = rows(tmp_path / "run.log")
    assert [int(row["step"]) for row in found] == [1, 2, 3, 4]
    assert [float(row["loss"]) for row in found] == record.losses
    assert [float(row["half"]) for row in found] == [x / 2 for x in record.losses]
    assert float(found[0]["learning_rate"]) == how.learning_rate
    assert float(found[3]["learning_rate"]) < how.learning_rate / 4
    assert float(found[3]["seconds"]) >= float(found[0]["seconds"]) >= 0
    pictures = sorted(path.name for path in (tmp_path / "run.log").glob("*.png"))
    assert pictures == [f"step-00000{step}.png" for step in (1, 2, 4)]
    picture = imageio.imread(tmp_path / "run.log" / "step-000004.png")
    assert picture.shape == (2, 2)


def test_nothing_is_written_where_nothing_is_asked_for(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run(train_job(Toy(), settings(2)))
    assert not list(tmp_path.iterdir())


def test_steps_that_a_kill_has_undone_are_dropped(tmp_path):
    """The log is ahead of the last state on disk; its last row may be cut."""
    with RunLog(tmp_path, settings(), 0) as log:
        for step in range(1, 8):
            log.write(Progress(step, 10, metrics={"loss": float(step)}))
    with (tmp_path / CURVES).open("a") as file:
        file.write("8,0.1")
    with RunLog(tmp_path, settings(), 5) as log:
        log.write(Progress(6, 10, metrics={"loss": 60.0}))
    found = rows(tmp_path)
    assert [float(row["loss"]) for row in found] == [1, 2, 3, 4, 5, 60]


def test_a_fresh_run_drops_all_rows_of_an_older_one(tmp_path):
    for loss in (1.0, 2.0):
        with RunLog(tmp_path, settings(), 0) as log:
            log.write(Progress(1, 10, metrics={"loss": loss}))
    assert [row["loss"] for row in rows(tmp_path)] == ["2.0"]


def test_a_metric_that_comes_late_gets_its_column(tmp_path):
    with RunLog(tmp_path, settings(), 0) as log:
        log.write(Progress(1, 3, metrics={"loss": 3.0}))
        log.write(Progress(2, 3, metrics={"loss": 2.0, "epe": 0.5}))
        log.write(Progress(3, 3, metrics={"loss": 1.0}))
    found = rows(tmp_path)
    assert [row["epe"] for row in found] == ["", "0.5", ""]
    assert [row["loss"] for row in found] == ["3.0", "2.0", "1.0"]


def test_a_log_that_cannot_be_written_is_said_and_the_state_is_kept(tmp_path):
    (tmp_path / "log").touch()  # a file where the folder should be
    state = tmp_path / "s.safetensors"
    with pytest.raises(WriteError, match=r"cannot write .*curves\.csv"):
        run(
            train_job(Toy(), settings(4), state_path=state, log_folder=tmp_path / "log")
        )
    assert state.exists()


def test_previews_that_are_pictures():
    assert as_picture(np.zeros((4, 5, 3), np.uint8)).shape == (4, 5, 3)
    shades = as_picture(np.array([[0, 0.5], [1, 2]], np.float16))
    np.testing.assert_array_equal(shades, [[0, 128], [255, 255]])
    for other in (None, "text", (1, np.zeros((2, 2))), np.zeros((2, 3, 4, 4))):
        assert as_picture(other) is None


def test_the_folder_lies_beside_the_checkpoint():
    assert log_folder_of(Path("a/mine.safetensors")) == Path("a/mine.log")


def test_without_tensorboard_its_files_are_refused(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    job = train_job(Toy(), settings(2, tensorboard=True), log_folder=tmp_path)
    with pytest.raises(MissingDependencyError, match="pip install tensorboard"):
        run(job)


def test_with_tensorboard_every_metric_is_a_scalar(tmp_path, monkeypatch):
    told = []

    class SummaryWriter:
        def __init__(self, folder, purge_step):
            told.append((folder, purge_step))

        def add_scalar(self, *scalar):
            told.append(scalar)

        def close(self):
            told.append("closed")

    stub = types.ModuleType("torch.utils.tensorboard")
    stub.SummaryWriter = SummaryWriter
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", stub)
    record = run(
        train_job(Toy(), settings(1, tensorboard=True), log_folder=tmp_path / "t")
    )
    assert told == [
        (str(tmp_path / "t"), 1),
        ("loss", record.losses[0], 1),
        ("half", record.losses[0] / 2, 1),
        ("learning_rate", 0.01, 1),
        "closed",
    ]
