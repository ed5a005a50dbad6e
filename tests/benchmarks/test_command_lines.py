"""Scripts and benchmarks tell what they take, and refuse what they do not."""

import os
import runpy
from pathlib import Path
from unittest import mock

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = [ROOT / "scripts", ROOT / "benchmarks"]
WINDOW = ("qtpy", "import napari\n", "real_window", "screenshots", "whole_path")


def _runs(path):
    """Whether it is run by itself, and without a window."""
    text = path.read_text(encoding="utf-8")
    return '__name__ == "__main__"' in text and not any(w in text for w in WINDOW)


RUN = [p for folder in FOLDERS for p in sorted(folder.glob("*.py")) if _runs(p)]


@pytest.fixture
def command(monkeypatch):
    """Run a script as its user does; return its exit code."""

    def run(path, *words):
        monkeypatch.setattr("sys.argv", [str(path), *words])
        for folder in FOLDERS:  # what they share lies beside them
            monkeypatch.syspath_prepend(folder)
        # some set variables for the processes that they start
        with mock.patch.dict(os.environ), pytest.raises(SystemExit) as ended:
            runpy.run_path(str(path), run_name="__main__")
        return ended.value.code

    return run


@pytest.mark.parametrize("path", RUN, ids=lambda p: p.stem)
def test_help_and_unknown_words(path, command, capsys):
    assert command(path, "--help") == 0
    assert "usage" in capsys.readouterr().out
    assert command(path, "--no-such-option") == 2
    assert f"{path.name}: error: " in capsys.readouterr().err


def test_a_loop_without_masks_is_nothing_to_compose(command, capsys):
    assert command(ROOT / "scripts" / "figure_flow_training.py", "a.dcm") == 2
    assert "error: a loop needs --masks" in capsys.readouterr().err


@pytest.mark.parametrize("words", ["in_loop", "flow_real", "interactive --groups p5"])
def test_real_loops_that_are_nowhere(words, command, monkeypatch, capsys):
    monkeypatch.delenv("MOTIONSEG_DATA", raising=False)
    name, *options = words.split()
    assert command(ROOT / "benchmarks" / f"{name}.py", *options) == 2
    said = capsys.readouterr().err
    assert said == "MOTIONSEG_DATA is not set: no real loops to measure on\n"
