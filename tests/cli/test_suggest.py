"""`motionseg suggest`, and what `segment` and `finetune` do along the flow."""

import dataclasses

import numpy as np
import pytest
import torch

from napari_motionseg.io import read_labels
from napari_motionseg.models import (
    ModelCard,
    SegmentationNet,
    UNetConfig,
    read_card,
    save_model,
)


@pytest.fixture
def light(tmp_path, small_cine):
    """A small network that knows nothing, and calls half of a frame vessel."""
    torch.manual_seed(0)
    config = UNetConfig(width=4, depth=2, embedding_dim=6)
    path = tmp_path / "light.safetensors"
    configuration = {**dataclasses.asdict(config), "classes": 2}
    card = ModelCard("segmentation", "SegmentationNet", configuration, {})
    network = SegmentationNet(config).eval()
    with torch.no_grad():
        logits = network(torch.from_numpy(small_cine.normalized(0))[None, None])
        network.head.bias -= logits.median()
    save_model(path, network, card)
    return path


@pytest.fixture
def exact_flow(monkeypatch, synthetic):
    from napari_motionseg.motion import FlowSequence
    from napari_motionseg.segmentation import smoothing, weak

    pairs = range(len(synthetic.cine) - 1)
    flow = FlowSequence(
        np.stack([synthetic.flow(t, t + 1) for t in pairs]),
        np.stack([synthetic.flow(t + 1, t) for t in pairs]),
        1,
        "exact",
    )
    for module in (smoothing, weak):
        monkeypatch.setattr(module, "lazy_flow", lambda *a: flow)


def test_a_frame_and_why(motionseg, loop_file, label_file, light):
    (row,) = motionseg("suggest", loop_file, "--model", light, "--json").rows
    assert 0 <= row["frame"] < 8
    assert "labelled" not in row["reason"]
    words = ("--model", light, "--labels", label_file)
    answer = motionseg("suggest", loop_file, *words)
    assert answer.code == 0
    assert "nearest labelled frame is" in answer.out
    assert not answer.out.startswith("Frame 6")


def test_labels_of_another_loop_are_refused(motionseg, loop_file, light, tmp_path):
    np.savez(tmp_path / "l.npz", labels=np.ones((2, 4, 4), np.uint8))
    answer = motionseg(
        "suggest", loop_file, "--model", light, "--labels", tmp_path / "l.npz"
    )
    assert answer.code == 2
    assert "(8, 96, 96)" in answer.err


def test_smooth_masks_without_specks(
    motionseg, loop_file, light, tmp_path, exact_flow, synthetic
):
    plain = ("segment", loop_file, "--model", light, "--out")
    assert motionseg(*plain, tmp_path / "a").code == 0
    answer = motionseg(*plain, tmp_path / "b", "--smooth", "--smallest", 40)
    assert answer.code == 0, answer.err
    masks = [
        read_labels(tmp_path / f / "loop_masks.npz", shape=(8, 96, 96)).labels > 0
        for f in "ab"
    ]
    assert (masks[0] != masks[1]).any()

    def there_and_back(mask):  # changes from frame to frame, at resting pixels
        return np.mean(mask[1:] != mask[:-1])

    assert there_and_back(masks[1]) < there_and_back(masks[0])


def test_labels_are_carried(
    motionseg, loop_file, label_file, light, tmp_path, exact_flow
):
    out = tmp_path / "m.safetensors"
    answer = motionseg(
        "finetune", loop_file, "--labels", label_file, "--model", light, "--out", out,
        "--steps", 2, "--crop", 48, "--batch", 1, "--carry", "--kept", 0.5,
    )  # fmt: skip
    assert answer.code == 0, answer.err
    settings = read_card(out).provenance["settings"]
    assert settings["carry"]["steps"] == 2
    assert settings["kept"] == 0.5
