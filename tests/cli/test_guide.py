"""`motionseg guide` moves a frame as arrows say."""

import numpy as np
import pytest
from helpers.propagation import save_tiny

from napari_motionseg.io import read_cine
from napari_motionseg.io.flow_files import read_flo, write_flo


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    return save_tiny(tmp_path_factory.mktemp("network") / "tiny.safetensors")


def test_a_movie_and_its_flow_are_written(motionseg, loop_file, network, tmp_path):
    out, flow = tmp_path / "movie.gif", tmp_path / "flow.flo"
    measured = tmp_path / "measured.flo"
    write_flo(measured, np.zeros((2, 96, 96), np.float32))
    answer = motionseg(
        "guide", loop_file, "--frame", 2, "--arrow", "40,30,2,-1", "50,60,0,100",
        "--still", "5,6", "--out", out, "--flow", flow, "--frames", 5,
        "--model", network, "--whole-picture", "--compare", measured, "--json",
    )  # fmt: skip
    assert answer.code == 0, answer.err
    (row,) = answer.rows
    assert read_cine(out).shape[1:] == (96, 96)
    field = read_flo(flow)
    assert field.shape == (2, 96, 96)
    speed = np.linalg.norm(field, axis=0)
    assert row["longest_px"] == pytest.approx(speed.max(), abs=1e-3)
    assert row["mean_difference_px"] == pytest.approx(speed.mean(), abs=1e-3)
    assert "1 arrow was shortened to 4 px" in row["note"]
    assert "1 arrow was shortened" in answer.err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--arrow", "40,30,2,1"], "name a movie with --out"),
        (["--out", "m.gif"], "at least one arrow with a length"),
        (["--out", "m.gif", "--still", "4,5"], "at least one arrow with a length"),
        (["--out", "m.avi", "--arrow", "4,5,1,1"], "must end in .mp4 or .gif"),
        (["--flow", "f.npy", "--arrow", "4,5,1,1"], "must end in .flo"),
        (["--out", "m.gif", "--arrow", "4,5,1"], "--arrow takes R,C,DR,DC in pixels"),
        (["--out", "m.gif", "--arrow", "99,5,1,1"], "outside the frame"),
    ],
)
def test_bad_input_is_one_line(
    motionseg, loop_file, network, tmp_path, monkeypatch, words, message
):
    monkeypatch.chdir(tmp_path)
    answer = motionseg("guide", loop_file, "--model", network, "--whole-picture",
                       *words)  # fmt: skip
    assert answer.code == 2
    assert message in answer.err
    assert len(answer.err.splitlines()) == 1
    assert not [*tmp_path.iterdir()]
