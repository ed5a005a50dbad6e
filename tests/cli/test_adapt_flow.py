"""`motionseg adapt-flow`."""

import shutil

import numpy as np
import pytest

from napari_motionseg.models import read_card

SMALL = ("--crop", 64, "--largest-crop", 64, "--batch", 1, "--device", "cpu")


@pytest.fixture
def adapt(motionseg, loop_file, label_file, tmp_path):
    """Adapt to the loop; the words of a caller come last."""

    def call(*words):
        out = ("--out", tmp_path / "mine.safetensors")
        return motionseg(
            "adapt-flow", loop_file, "--labels", label_file, *out, *SMALL, *words
        )

    return call


def test_flow_is_adapted_used_and_resumed(adapt, motionseg, loop_file, tmp_path):
    out = tmp_path / "mine.safetensors"
    answer = adapt("--steps", 1)
    assert answer.code == 0, answer.err
    assert "end-point error on held-out pairs" in answer.out
    assert "on vessels" in answer.out
    card = read_card(out)
    assert card.kind == "flow"
    assert card.provenance["loops"][0]["painted_frames"] == [6]

    answer = adapt("--steps", 1, "--resume", "--json")
    assert answer.code == 0, answer.err
    (row,) = answer.rows
    assert row["out"] == str(out)
    assert row["before"]["zero_flow_all"] == row["after"]["zero_flow_all"] > 0
    assert row["before"]["epe_all"] != row["after"]["epe_all"]
    for text in row["notes"]:
        assert f"note: {text}" in answer.err

    used = ("--weights", out, "--out", tmp_path / "f.zarr")
    assert motionseg("flow", loop_file, *used).code == 0
    assert adapt("--steps", 1, "--start", out, "--resume").code == 2  # its own output
    other = shutil.copyfile(out, tmp_path / "other.safetensors")
    started = adapt("--steps", 1, "--start", other, "--resume")
    assert started.code == 1
    assert "another run" in started.err or "start" in started.err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--crop", "100"), "multiple of 64"),
        (("--start", "nowhere.safetensors"), "nowhere.safetensors"),
        (("--frame", "3"), "frame 3 is not labelled"),
        (("--label-mode", "scribbles"), "no vessel is painted (mode 'scribbles')"),
        (("--label-mode", "guess"), "'guess'"),
        (("--steps", "0"), "--steps"),
    ],
)
def test_adapt_flow_refuses(adapt, tmp_path, words, told):
    answer = adapt(*words)
    assert answer.code == 2, answer.err
    assert answer.out == ""
    (line,) = answer.err.strip().splitlines()
    assert told in line
    assert list(tmp_path.glob("mine*")) == []


def test_labels_of_another_loop_are_refused(motionseg, loop_file, tmp_path):
    labels = np.zeros((3, 20, 20), np.uint8)
    labels[1, 5:9] = 1
    np.savez(tmp_path / "other.npz", labels=labels)
    answer = motionseg(
        "adapt-flow", loop_file, "--labels", tmp_path / "other.npz",
        "--out", tmp_path / "mine.safetensors",
    )  # fmt: skip
    assert answer.code == 2
    assert "(3, 20, 20)" in answer.err
