"""`motionseg train-flow` trains a flow network, resumes and refuses bad input."""

import numpy as np
import pytest
import torch
from helpers.commands import refused

from napari_motionseg.models import read_card
from napari_motionseg.synthesis import PairBatch


@pytest.fixture
def _cheap_pairs(monkeypatch):
    from napari_motionseg.training.flow import job as flow

    def noise(count, size, seed, config=None, device="cpu"):
        rng = np.random.default_rng(seed)
        first = rng.random((count, size, size), np.float32)
        flow = np.ones((count, 2, size, size), np.float16)
        arrays = first, np.roll(first, (1, 1), (1, 2)), flow, first > 0.9
        return PairBatch(*(torch.from_numpy(array) for array in arrays))

    monkeypatch.setattr(flow, "training_pairs", noise)


@pytest.mark.usefixtures("_cheap_pairs")
def test_flow_is_trained_used_and_resumed(motionseg, loop_file, tmp_path, monkeypatch):
    # held-out pairs of 128 px: their size is not what is tested, and they cost most
    monkeypatch.setattr("napari_motionseg.training.flow.settings.LEAST_PAIR_PX", 64)
    out = tmp_path / "flow.safetensors"
    words = ("train-flow", "--out", out, "--crop", 64, "--batch", 1, "--pool", 16)
    answer = motionseg(*words, "--steps", 1)
    assert answer.code == 0, answer.err
    assert "px on vessels" in answer.out
    assert read_card(out).kind == "flow"
    answer = motionseg(*words, "--steps", 1, "--resume", "--json")
    assert answer.code == 0, answer.err
    (row,) = answer.rows
    assert row["zero_flow_all"] == pytest.approx(2**0.5, rel=1e-3)
    used = ("--weights", out, "--out", tmp_path / "f.zarr")
    assert motionseg("flow", loop_file, *used).code == 0


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--crop", "100"), "multiple of 64"),
        (("--penalty", "l7"), "l7"),
        (("--start", "nowhere.safetensors"), "nowhere.safetensors"),
    ],
)
@pytest.mark.usefixtures("_cheap_pairs")
def test_train_flow_refuses(motionseg, tmp_path, words, told):
    out = tmp_path / "flow.safetensors"
    assert refused(motionseg("train-flow", "--out", out, *words), told)
