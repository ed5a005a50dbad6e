"""Scripts and benchmarks tell what they take, and refuse what they do not."""

import os
import re
import runpy
import sys
from pathlib import Path
from unittest import mock

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = [ROOT / "scripts", ROOT / "benchmarks"]
WINDOW = ("qtpy", "import napari\n", "real_window", "screenshots", "whole_path")


def _imports_window(path):
    """Return whether a script imports Qt or napari, itself or through its neighbours.

    Such a script cannot even print its help where no Qt binding is installed.
    """
    text = path.read_text(encoding="utf-8")
    if any(word in text for word in (*WINDOW, "from napari.")):
        return True
    names = re.findall(r"^(?:from|import) (\w+)", text, re.MULTILINE)
    beside = (path.parent / f"{name}.py" for name in names)
    return any(_imports_window(found) for found in beside if found.exists())


def _runs(path):
    """Return whether a script is run by itself, and without a window."""
    text = path.read_text(encoding="utf-8")
    return '__name__ == "__main__"' in text and not _imports_window(path)


RUN = [p for folder in FOLDERS for p in sorted(folder.glob("*.py")) if _runs(p)]


@pytest.fixture
def command(monkeypatch):
    """Run a script as its user does; return its exit code."""

    def run(path, *words):
        monkeypatch.setattr("sys.argv", [str(path), *words])
        for folder in FOLDERS:  # what they share lies beside them
            monkeypatch.syspath_prepend(folder)
        for window in ("qtpy", "napari"):  # as where no Qt binding is installed
            monkeypatch.setitem(sys.modules, window, None)
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


@pytest.mark.parametrize(
    "words", ["in_loop --loops p5_c1", "flow_real", "interactive --groups p5"]
)
def test_real_loops_that_are_nowhere(words, command, monkeypatch, capsys):
    monkeypatch.delenv("MOTIONSEG_DATA", raising=False)
    name, *options = words.split()
    assert command(ROOT / "benchmarks" / f"{name}.py", *options) == 2
    said = capsys.readouterr().err
    assert said == "MOTIONSEG_DATA is not set: no real loops to measure on\n"
