"""The examples run, and do what they say; they are at most 60 lines."""

from __future__ import annotations

import runpy
from pathlib import Path

import imageio.v3 as imageio
import numpy as np
import pytest

from napari_motionseg.io.dicom_writer import write_xa

EXAMPLES = sorted((Path(__file__).parents[1] / "examples").glob("*.py"))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda p: p.stem)
def test_example_is_short(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 60


def test_from_array_to_masks(tmp_path, capsys):
    path = next(p for p in EXAMPLES if p.stem == "from_array_to_masks")
    dice = runpy.run_path(str(path))["main"](tmp_path, steps=3)
    assert 0 <= dice <= 1
    assert "cldice" in capsys.readouterr().out
    with np.load(tmp_path / "masks.npz") as stored:
        assert stored["labels"].shape == (8, 128, 128)
        assert stored["frame_times"].shape == (8,)


def test_own_objective(monkeypatch, capsys):
    path = next(p for p in EXAMPLES if p.stem == "own_objective")
    monkeypatch.setattr("sys.argv", [str(path)])
    losses = runpy.run_path(str(path), run_name="__main__")["losses"]
    assert losses[-1] < losses[0] / 2
    assert "->" in capsys.readouterr().out


def test_compose_pairs(tmp_path, capsys):
    path = next(p for p in EXAMPLES if p.stem == "compose_pairs")
    picture = runpy.run_path(str(path))["main"](tmp_path, pairs=2, size=96)
    assert imageio.imread(picture).shape == (2 * 96, 3 * 96, 3)
    assert capsys.readouterr().out.count("vessel") == 2


def test_figure_3(tmp_path, capsys):
    path = next(p for p in EXAMPLES if p.stem == "figure3")
    auc = runpy.run_path(str(path))["main"](tmp_path, size=192, method="ilk")
    assert auc > 0.6
    assert "AUC" in capsys.readouterr().out
    assert imageio.imread(tmp_path / "figure3.png").shape[1] > 1000


def command(path, *words):
    """Run an example as its user does; return its exit code."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.argv", [str(path), *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            runpy.run_path(str(path), run_name="__main__")
    return ended.value.code


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda p: p.stem)
def test_help_and_unknown_words(path, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert command(path, "--help") == 0
    assert "usage" in capsys.readouterr().out
    assert command(path, "--no-such-option") == 2
    assert "error: unrecognized arguments" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["compose_pairs", "from_array_to_masks"])
def test_a_file_is_no_folder_to_write_to(name, tmp_path, capsys):
    (tmp_path / "file").touch()
    path = next(p for p in EXAMPLES if p.stem == name)
    assert command(path, tmp_path / "file") == 2
    assert f"{name}.py: error: [Errno" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["loop.dcm", "20,210"], "argument anchor: invalid place value: '20,210'"),
        (["none.dcm", "1,2,3"], "none.dcm"),
        (["loop.dcm"], "at least one anchor is needed: frame, row and column"),
        (["loop.dcm", "99,2,3"], "the anchor's frame must be from 0 to"),
    ],
)
def test_figure_3_says_what_is_wrong(
    words, said, tmp_path, monkeypatch, capsys, small_cine
):
    monkeypatch.chdir(tmp_path)
    write_xa(tmp_path / "loop.dcm", small_cine)
    path = next(p for p in EXAMPLES if p.stem == "figure3")
    assert command(path, "out", *words) == 2
    error = capsys.readouterr().err
    assert said in error
    assert "Traceback" not in error
