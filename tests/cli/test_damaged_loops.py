"""Commands go on over damaged frames, leave them out and say how many there are."""

import dataclasses

import numpy as np
import pytest

from napari_motionseg.models import (
    ModelCard,
    SegmentationNet,
    UNetConfig,
    save_model,
)


@pytest.fixture
def model_file(tmp_path):
    import torch

    torch.manual_seed(0)
    config = UNetConfig(width=4, depth=2, embedding_dim=6)
    path = tmp_path / "model.safetensors"
    configuration = {**dataclasses.asdict(config), "classes": 2}
    card = ModelCard("segmentation", "SegmentationNet", configuration, {})
    save_model(path, SegmentationNet(config, 2), card)
    return path


def test_masks_of_damaged_frames_are_empty_and_not_labelled(
    motionseg, damaged_file, model_file, tmp_path
):
    out = tmp_path / "out"
    words = ("segment", damaged_file, "--model", model_file, "--out", out)
    answer = motionseg(*words)
    assert answer.code == 0
    assert "2 of 8 frames are damaged and left out (2, 5)" in answer.out
    assert answer.err.count("note:") == 1
    (file,) = out.glob("*.npz")
    with np.load(file) as stored:
        assert np.flatnonzero(~stored["labelled"]).tolist() == [2, 5]
        assert not stored["labels"][[2, 5]].any()


def test_flow_says_which_pairs_are_missing(motionseg, damaged_file, tmp_path):
    words = ("--method", "ilk", "--gap", "1", "--no-cache", "--json")
    answer = motionseg("flow", damaged_file, "--out", tmp_path / "flow", *words)
    assert answer.code == 0
    (row,) = answer.rows
    assert row["missing_pairs"] == [1, 2, 4, 5]
    assert "flow of 4 pairs is missing" in answer.err


def test_a_damaged_frame_is_not_suggested(motionseg, damaged_file, model_file):
    words = ("--model", model_file, "--json")
    (row,) = motionseg("suggest", damaged_file, *words).rows
    assert row["frame"] not in (2, 5)


def test_an_anchor_on_a_damaged_frame_is_refused(
    motionseg, damaged_file, model_file, tmp_path
):
    words = ("--model", model_file, "--out", tmp_path / "out", "--anchor", "2,40,40")
    answer = motionseg("embed", damaged_file, *words)
    assert answer.code == 2
    assert "the anchor's frame 2 is damaged" in answer.err
