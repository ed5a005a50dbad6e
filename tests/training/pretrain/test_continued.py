"""A pretraining that goes on from an embedding: weights, network and record."""

import numpy as np
import pytest
import torch

from napari_motionseg.cine import Cine
from napari_motionseg.errors import CheckpointError, MotionSegError
from napari_motionseg.evaluation.starts import shuffled_settings
from napari_motionseg.models import UNetConfig, load_model, read_card
from napari_motionseg.motion import FlowSettings
from napari_motionseg.training import PretrainSettings, TrainingSettings
from napari_motionseg.training.pretrain.job import pretrain
from napari_motionseg.training.pretrain.stored_settings import stored_settings

STARTED = UNetConfig(width=2, depth=2, embedding_dim=6)
OTHER = UNetConfig(width=4, depth=2, embedding_dim=8)


@pytest.fixture(scope="module")
def loop():
    pixels = np.random.default_rng(0).integers(0, 256, (4, 40, 36))
    return Cine.from_array(pixels.astype(np.uint8))


def settings(network, steps=1, rate=1e-3):
    return PretrainSettings(
        objective="flow-regression", steps=steps, batch=2, crop=32, points=40,
        network=network, flow=FlowSettings(method="ilk"), held_out=0,
        training=TrainingSettings(
            steps=1, learning_rate=rate, device="cpu", precision="float32"
        ),
    )  # fmt: skip


@pytest.fixture(scope="module")
def start(loop, tmp_path_factory):
    out = tmp_path_factory.mktemp("start") / "start.safetensors"
    return pretrain([loop], settings(STARTED), out=out, anyway=True)


def test_it_begins_with_the_weights_and_the_network_of_the_start(loop, start, tmp_path):
    out = tmp_path / "on.safetensors"
    still = settings(OTHER, rate=1e-9)
    pretrain([loop], still, out=out, start=start, anyway=True)
    before, after = (load_model(path, kind="embedding")[0] for path in (start, out))
    assert after.config == STARTED
    for name, weight in before.named_parameters():
        torch.testing.assert_close(after.get_parameter(name), weight, atol=1e-7, rtol=0)


def test_the_card_tells_the_start_and_can_be_read_back(loop, start, tmp_path):
    out = pretrain(
        [loop],
        settings(OTHER),
        out=tmp_path / "on.safetensors",
        start=start,
        anyway=True,
    )
    card = read_card(out)
    told = card.provenance["pretraining"]["start"]
    assert told["kind"] == "embedding"
    assert len(told["weights_sha256"]) == 64
    assert "start" not in read_card(start).provenance["pretraining"]
    assert stored_settings(card, out)[0].network == STARTED


def test_a_resume_needs_the_same_start(loop, start, tmp_path):
    out = tmp_path / "on.safetensors"
    pretrain([loop], settings(STARTED), out=out, start=start, anyway=True)
    longer = settings(STARTED, steps=2)
    with pytest.raises(MotionSegError, match="start"):
        pretrain([loop], longer, out=out, resume=True, anyway=True)
    pretrain([loop], longer, out=out, start=start, resume=True, anyway=True)
    assert read_card(out).provenance["training"]["steps_done"] == 2


def test_masks_are_no_start(loop, tmp_path):
    with pytest.raises(CheckpointError, match="segmentation"):
        pretrain(
            [loop], settings(OTHER), out=tmp_path / "e.safetensors", start="default",
            anyway=True,
        )  # fmt: skip


def test_the_control_of_a_continued_embedding_is_not_trained_from_random_weights(
    loop, start, tmp_path
):
    out = tmp_path / "on.safetensors"
    pretrain([loop], settings(OTHER), out=out, start=start, anyway=True)
    assert shuffled_settings(str(start))[0].shuffled
    with pytest.raises(MotionSegError, match="--shuffled-flow"):
        shuffled_settings(str(out))
