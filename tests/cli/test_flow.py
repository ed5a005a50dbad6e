"""`motionseg flow` estimates flow, writes it and refuses bad input."""

import numpy as np
import pytest
from helpers.commands import refused

from napari_motionseg.cine import Cine
from napari_motionseg.io import read_cine
from napari_motionseg.io.dicom_writer import write_xa
from napari_motionseg.io.flow_files import read_flo, read_flow_zarr, read_kitti


def test_flow_is_written_with_what_it_rests_on(motionseg, tmp_path, loop_file):
    out = tmp_path / "flow.zarr"
    answer = motionseg(
        "flow", loop_file, "--method", "ilk", "--backward", "--out", out, "--json"
    )
    assert answer.code == 0, answer.err
    (row,) = answer.rows
    assert (row["gap"], row["pairs"]) == (2, 6)
    assert 0 <= row["agreement"] <= 1
    forward, backward, attributes = read_flow_zarr(out)
    assert forward.shape == backward.shape == (6, 2, 96, 96)
    assert attributes["gap"] == 2
    assert attributes["method"] == "ilk"
    lengths = np.hypot(forward[:, 0], forward[:, 1])
    assert row["median_px"] == pytest.approx(float(np.median(lengths)), abs=1e-2)


def test_flow_is_kept_for_next_time(motionseg, tmp_path, loop_file, monkeypatch):
    monkeypatch.setenv("MOTIONSEG_CACHE", str(tmp_path / "kept"))
    words = ("flow", loop_file, "--method", "ilk", "--gap", "1", "--out")
    assert motionseg(*words, tmp_path / "a.zarr", "--no-cache").code == 0
    assert not (tmp_path / "kept").exists()
    assert motionseg(*words, tmp_path / "b.zarr").code == 0
    flows = tmp_path / "kept" / "motionseg-cache" / "flow"
    assert len([entry for entry in flows.iterdir() if entry.is_dir()]) == 1
    monkeypatch.setattr(
        "napari_motionseg.motion.classical.ClassicalEstimator.flow",
        lambda *_: pytest.fail("estimated again"),
    )
    assert motionseg(*words, tmp_path / "c.zarr").code == 0
    kept, again = (read_flow_zarr(tmp_path / f"{n}.zarr")[0] for n in "bc")
    np.testing.assert_array_equal(kept, again)


def test_flow_says_its_result_in_a_line(motionseg, tmp_path, loop_file):
    words = ("--method", "ilk", "--gap", 3, "--out", tmp_path / "f.zarr")
    answer = motionseg("flow", loop_file, *words)
    assert "5 pairs by ilk" in answer.out
    assert "gap 3" in answer.out


def test_flow_as_a_movie_and_as_one_frame(motionseg, tmp_path, loop_file):
    words = ("flow", loop_file, "--method", "ilk", "--out")
    assert motionseg(*words, tmp_path / "flow.mp4").code == 0
    assert read_cine(tmp_path / "flow.mp4").shape == (6, 96, 96)
    assert motionseg(*words, tmp_path / "flow.png", "--frame", 2).code == 0
    found, valid = read_kitti(tmp_path / "flow.png")
    assert found.shape == (2, 96, 96)
    assert valid.any()
    assert motionseg(*words, tmp_path / "f.flo", "--frame", 2).code == 0
    assert read_flo(tmp_path / "f.flo").shape == (2, 96, 96)
    answer = motionseg(*words, tmp_path / "g.flo", "--frame", 6)
    assert answer.code == 2
    assert "from 0 to 5" in answer.err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--gap", "0"), "gap"),
        (("--gap", "nine"), "nine"),
        (("--gap", "99"), "99"),
        (("--method", "magic"), "magic"),
        (("--weights", "nowhere.pth"), "nowhere.pth"),
        (("--device", "abacus"), "abacus"),
    ],
)
def test_flow_refuses(motionseg, tmp_path, loop_file, words, told):
    out = tmp_path / "f.zarr"
    assert refused(motionseg("flow", loop_file, "--out", out, *words), told)
    assert not out.exists()


def test_motion_needs_two_frames(motionseg, tmp_path):
    write_xa(tmp_path / "one.dcm", Cine.from_array(np.zeros((1, 64, 64), np.uint8)))
    words = ("--method", "ilk", "--out", tmp_path / "f.zarr")
    assert refused(motionseg("flow", tmp_path / "one.dcm", *words), "two")


def test_help_lists_every_method(motionseg):
    from napari_motionseg.motion import ESTIMATORS

    text = motionseg("flow", "--help").out
    assert [name for name in ESTIMATORS if name not in text] == []
