"""`motionseg click` turns clicks on a frame into a mask."""

import numpy as np
import pytest
from helpers.propagation import save_tiny

from napari_motionseg.io import read_labels


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    return save_tiny(tmp_path_factory.mktemp("network") / "tiny.safetensors")


def test_a_mask_is_written_for_its_frame(motionseg, loop_file, network, tmp_path):
    out = tmp_path / "mask.npz"
    answer = motionseg(
        "click", loop_file, "--frame", 3, "--positive", "40,30", "48,52.5",
        "--negative", "5,6", "--out", out, "--model", network, "--threshold", 0.001,
        "--class", 7, "--whole-picture", "--json",
    )  # fmt: skip
    assert answer.code == 0, answer.err
    (row,) = answer.rows
    read = read_labels(out, shape=(8, 96, 96))
    assert read.labelled.tolist() == [t == 3 for t in range(8)]
    assert set(np.unique(read.labels[3])) <= {0, 7}
    assert int((read.labels[3] == 7).sum()) == row["pixels"]
    assert not read.labels[np.arange(8) != 3].any()
    assert row["frame"] == 3


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--negative", "5,6"], "at least one positive point"),
        (["--positive", "40,30", "--negative", "40,30"], "both positive and negative"),
        (["--positive", "96,0"], "row 96, column 0 is outside the frame"),
        (["--positive", "40;30"], "--positive takes R,C in pixels, such as 10,11"),
        (["--positive", "40,30,2"], "got '40,30,2'"),
        (["--positive", "40,nan"], "must be finite"),
        (["--positive", "40,30", "--frame", "8"], "--frame must be from 0 to 7"),
        (["--positive", "40,30", "--extent", "trees"], "did you mean 'tree'"),
        (["--positive", "40,30", "--threshold", "0"], "threshold must lie between"),
        (["--positive", "40,30", "--model", "vessels-xa"], "has no propagation head"),
        (["--positive", "40,30", "70"], "unexpected extra argument"),
    ],
)
def test_bad_input_is_one_line(motionseg, loop_file, network, tmp_path, words, message):
    out = tmp_path / "mask.npz"
    answer = motionseg("click", loop_file, "--out", out, "--model", network,
                       "--whole-picture", *words)  # fmt: skip
    assert answer.code == 2
    assert message in answer.err
    assert len(answer.err.splitlines()) == 1
    assert not out.exists()


def test_the_loop_is_never_overwritten(motionseg, loop_file, network):
    before = loop_file.read_bytes()
    answer = motionseg("click", loop_file, "--positive", "40,30", "--out", loop_file,
                       "--model", network)  # fmt: skip
    assert answer.code == 2
    assert loop_file.read_bytes() == before
