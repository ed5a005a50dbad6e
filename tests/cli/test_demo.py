"""`motionseg demo`: bars, table, JSON, and the window in a process of its own."""

import subprocess
import sys

import pytest
from helpers.commands import refused

SMALL = ("--size", 96, "--frames", 6, "--steps", 2, "--flow-method", "ilk")


def test_a_bar_for_each_stage_and_a_table(motionseg, tmp_path):
    answer = motionseg("demo", "--out", tmp_path, *SMALL)
    assert answer.code == 0, answer.err
    for number, stage in enumerate(
        ("Making a loop", "Optical flow", "Pretraining", "Fine-tuning", "Segmenting"), 1
    ):
        assert f"{number}/6 {stage}" in answer.err
    assert "other frames" in answer.out
    assert "not a medical device" in answer.err
    assert (tmp_path / "report.html").exists()


def test_as_json_and_with_the_window(motionseg, tmp_path, monkeypatch):
    started = []

    def start(words, **_):
        started.append(words)
        return subprocess.CompletedProcess(words, 0)

    monkeypatch.setattr(subprocess, "run", start)
    answer = motionseg("demo", "--out", tmp_path, "--json", "--gui", *SMALL)
    assert answer.code == 0, answer.err
    (row,) = answer.rows
    assert 0 <= row["dice"] <= 1
    (words,) = started
    assert words[:3] == [sys.executable, "-m", "napari_motionseg.widgets.common.window"]
    assert words[3:] == [row["cine"], "--masks", row["masks"]]


def test_a_window_that_fails_is_a_failure(motionseg, tmp_path, monkeypatch):
    from napari_motionseg.cli import demo
    from napari_motionseg.errors import JobError

    monkeypatch.setattr(
        subprocess, "run", lambda words, **_: subprocess.CompletedProcess(words, 3)
    )

    class Result:
        files = {"cine": tmp_path / "a", "masks": tmp_path / "b"}

    with pytest.raises(JobError, match="exit code 3"):
        demo.open_window(Result())


def test_a_demo_that_cannot_be_is_refused(motionseg, tmp_path):
    answer = motionseg("demo", "--out", tmp_path, "--size", 10)
    assert answer.code == 2
    assert "size" in answer.err


@pytest.mark.parametrize(
    ("words", "said"),
    [(("--device", "abacus"), "unknown device"), (("--flow-method", "x"), "choices")],
)
def test_unknown_names_are_refused_before_anything_is_written(
    motionseg, tmp_path, words, said
):
    assert refused(motionseg("demo", "--out", tmp_path / "o", *words), said)
    assert not (tmp_path / "o").exists()
