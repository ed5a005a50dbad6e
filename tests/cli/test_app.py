"""The command as a whole: help, version, exit codes and tracebacks."""

import subprocess
import sys

import pytest
from helpers.commands import refused

from napari_motionseg import __version__


def test_help_without_arguments(motionseg):
    answer = motionseg()
    assert answer.code == 0
    for command in (
        "info",
        "synth",
        "flow",
        "pretrain",
        "finetune",
        "segment",
        "train-flow",
        "demo",
    ):
        assert command in answer.out


def test_version(motionseg):
    assert __version__ in motionseg("--version").out


@pytest.mark.parametrize("words", [("dance",), ("info",), ("info", "--loud", "x")])
def test_wrong_words_are_bad_input(motionseg, words):
    assert refused(motionseg(*words), "--help")


def test_debug_shows_the_traceback(motionseg):
    answer = motionseg("info", "nowhere.dcm")
    assert refused(answer, "nowhere.dcm")
    answer = motionseg("segment", "x.dcm", "--model", "no", "--out", "o", "--debug")
    assert answer.code == 2
    assert "Traceback" in answer.err


def test_an_unexpected_failure_is_one_line(motionseg, monkeypatch, loop_file):
    from napari_motionseg.cli import info

    def fail(*_, **__):
        raise ZeroDivisionError("by zero")

    monkeypatch.setattr(info, "describe", fail)
    answer = motionseg("info", loop_file)
    assert answer.code == 1
    assert "ZeroDivisionError" in answer.err
    assert "Traceback" not in answer.err


def test_ctrl_c_cancels(motionseg, monkeypatch, loop_file):
    from napari_motionseg.cli import info

    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(info, "describe", interrupt)
    answer = motionseg("info", loop_file)
    assert answer.code == 130
    assert "cancelled" in answer.err


def test_as_a_module():
    command = [sys.executable, "-m", "napari_motionseg", "info", "nowhere.dcm"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stdout == ""
    assert "nowhere.dcm" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_error_of_the_system_names_its_path(motionseg):
    assert refused(motionseg("deidentify", "x" * 300, "--out", "o"), "too long")
    for words in (
        ("--model", "x" * 300),
        ("--model", "default", "--labels", "x" * 300),
    ):
        answer = motionseg("suggest", "nowhere.dcm", *words)
        assert answer.code == 2
        assert "unexpected" not in answer.err


def test_too_little_memory_is_one_line(motionseg, monkeypatch, loop_file):
    from napari_motionseg.cli import info

    def fail(*_, **__):
        raise MemoryError

    monkeypatch.setattr(info, "describe", fail)
    answer = motionseg("info", loop_file)
    assert answer.code == 1
    assert "more memory is needed than is free" in answer.err


def test_many_lines_of_a_library_become_one(motionseg, monkeypatch, loop_file):
    from napari_motionseg.cli import info

    def fail(*_, **__):
        raise RuntimeError("a size is too large\nframe #1\nframe #2")

    monkeypatch.setattr(info, "describe", fail)
    answer = motionseg("info", loop_file)
    assert len(answer.err.strip().splitlines()) == 1


@pytest.mark.parametrize(
    "words",
    [
        ("synth", "o", "--seed", "99999999999999999999"),
        ("finetune", "x", "--labels", "x", "--model", "default", "--out", "o",
         "--seed", "99999999999999999999"),
        ("click", "x", "--out", "o.npz", "--class", "256"),
        ("guide", "x", "--frames", "99999999999999999999"),
    ],
)  # fmt: skip
def test_numbers_that_are_too_large_are_bad_input(motionseg, words):
    assert refused(motionseg(*words), "Invalid value for")
