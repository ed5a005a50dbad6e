"""`motionseg suggest`, and what `segment` and `finetune` do along the flow."""

import dataclasses

import numpy as np
import pytest
import torch
from scipy import ndimage

from napari_motionseg.io import read_labels
from napari_motionseg.models import (
    ModelCard,
    SegmentationNet,
    UNetConfig,
    load_model,
    read_card,
    save_model,
)

GAIN = 60.0  # logits of a whole step of brightness, far above what rounding changes


@pytest.fixture
def light(tmp_path, small_cine):
    """A network set by hand: vessel is whatever is darker than the loop's median.

    Grain falls on both sides of the median, so the masks have specks and flicker.
    """
    config = UNetConfig(width=1, depth=1, embedding_dim=1)
    network = SegmentationNet(config).eval()
    with torch.no_grad():
        for weight in network.parameters():
            weight.zero_()
        hand_on_the_brightness(network)
        network.head.weight[:] = -GAIN
        frames = [small_cine.normalized(t) for t in range(len(small_cine))]
        network.head.bias[:] = GAIN * float(np.median(frames))
    path = tmp_path / "light.safetensors"
    configuration = {**dataclasses.asdict(config), "classes": 2}
    save_model(
        path, network, ModelCard("segmentation", "SegmentationNet", configuration, {})
    )
    return path


def hand_on_the_brightness(network):
    """Let every layer on the way along the first skip return its first channel."""
    last = network.embedding.up[-1].convolutions
    for module in (*network.embedding.down[0], *last):
        if isinstance(module, torch.nn.Conv2d):
            module.weight[0, 0, 1, 1] = 1
        elif isinstance(module, torch.nn.BatchNorm2d):
            module.weight.fill_(1)
    network.embedding.last.weight[0, 0] = 1


def test_the_network_set_by_hand_answers_darker_than_the_median(light, small_cine):
    network, _ = load_model(light)
    frame = torch.from_numpy(small_cine.normalized(3))[None, None]
    with torch.inference_mode():
        found = network.probabilities(frame)[0, 1] > 0.5
    median = np.median([small_cine.normalized(t) for t in range(len(small_cine))])
    clear = (frame[0, 0] - median).abs() > 0.01  # what no rounding moves across it
    assert clear.float().mean() > 0.5
    assert torch.equal(found[clear], (frame[0, 0] < median)[clear])


@pytest.fixture
def exact_flow(monkeypatch, synthetic):
    from napari_motionseg.motion import FlowSequence
    from napari_motionseg.segmentation import temporal_smoothing as smoothing
    from napari_motionseg.segmentation import weak_labels as weak

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

    def changes(mask):  # of a pixel from one frame to the next
        return np.mean(mask[1:] != mask[:-1])

    # 0.44 in float32 and 0.47 in bf16, whatever the processor
    assert changes(masks[1]) < 0.7 * changes(masks[0])
    for mask in masks[1]:
        parts, _ = ndimage.label(mask, np.ones((3, 3)))
        assert (np.bincount(parts.ravel())[1:] >= 40).all()


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
