"""`motionseg embed` writes figure 3 and its pictures; bad input is one line."""

import dataclasses

import imageio.v3 as imageio
import numpy as np
import pytest

from napari_motionseg.embedding import embed_frame, similarity_map
from napari_motionseg.io import read_cine
from napari_motionseg.models import ModelCard, UNet, UNetConfig, load_model, save_model


@pytest.fixture
def checkpoint(tmp_path):
    config = UNetConfig(width=4, depth=2, embedding_dim=6)
    path = tmp_path / "small.safetensors"
    card = ModelCard("embedding", "UNet", dataclasses.asdict(config), {})
    save_model(path, UNet(config), card)
    return path


@pytest.fixture
def quick(checkpoint):
    """Words of a command that takes no time."""
    return ("--model", checkpoint, "--method", "ilk", "--gap", 1)


def test_the_pictures_are_written(
    motionseg, loop_file, label_file, checkpoint, quick, tmp_path
):
    out = tmp_path / "out"
    words = ("--anchor", "6,40,50", "--anchor", "6,10,12", "--labels", label_file)
    answer = motionseg("embed", loop_file, *quick, *words, "--out", out, "--json")
    assert answer.code == 0, answer.err
    (row,) = answer.rows
    assert row["anchors"] == [[40, 50], [10, 12]]
    assert row["flow"] is True
    assert 0 <= row["auc"] <= 1
    assert imageio.imread(row["figure"]).ndim == 3
    names = {path.name for path in out.glob("f*")}
    assert "frame006_small_shifted_flow.png" in names
    assert len(names) == 1 + 5 + 1

    frame = read_cine(loop_file).normalized(6)
    embedding = embed_frame(load_model(checkpoint)[0], frame)
    expected = np.maximum(
        *(similarity_map(embedding, anchor) for anchor in ((40, 50), (10, 12)))
    )
    with np.load(out / "frame006_small.npz") as stored:
        np.testing.assert_allclose(stored["similarity"], expected, atol=1e-5)
        assert stored["projection"].shape == (96, 96, 3)
    picture = imageio.imread(out / "frame006_small_similarity.png")
    assert picture[40, 50].tolist() == [252, 254, 164]  # the bright end of inferno


def test_a_frame_without_flow_says_so(motionseg, loop_file, quick, tmp_path):
    answer = motionseg(
        "embed", loop_file, *quick, "--anchor", "7,40,50", "--out", tmp_path / "out"
    )
    assert answer.code == 0
    assert "no flow begins at frame 7" in answer.err
    assert "frame 7, small" in answer.out


@pytest.mark.parametrize(
    ("anchor", "more", "words"),
    [
        ("6,40", (), "--anchor T,Y,X must be 3 integers"),
        ("6,400,50", (), "(row 400, column 50) is outside the image of 96 rows"),
        ("8,40,50", (), "frame must be from 0 to 7; got 8"),
        ("6,40,50", ("--kernel", "relativ"), "kernel 'relativ'"),
        ("6,40,50", ("--projection", "umap"), "projection 'umap'"),
        ("6,40,50", ("--model", "pwcnet-xa"), "of kind 'flow'"),
        ("6,40,50", ("--shift", "96,0"), "shift (96, 0) must be smaller"),
    ],
)
def test_bad_input_is_one_line(
    motionseg, loop_file, quick, tmp_path, anchor, more, words
):
    out = tmp_path / "out"
    answer = motionseg(
        "embed", loop_file, *quick, "--anchor", anchor, "--out", out, *more
    )
    assert answer.code == 2, answer.err
    assert words in answer.err.strip().splitlines()[-1]
    assert "Traceback" not in answer.err
    assert not out.exists()
