"""Learning what moves together: it is learnt, resumed, started from masks."""

import dataclasses

import numpy as np
import pytest
import torch

from napari_motionseg.errors import CheckpointError
from napari_motionseg.guidance import Propagator
from napari_motionseg.jobs import run
from napari_motionseg.models import (
    ModelCard,
    SegmentationNet,
    UNetConfig,
    load_model,
    read_card,
    save_model,
)
from napari_motionseg.models.light_propagation import LightPropagationNet
from napari_motionseg.models.light_propagation_config import LightPropagationConfig
from napari_motionseg.models.propagation_network import ConditionalPropagationNet
from napari_motionseg.synthesis.camera import CameraConfig
from napari_motionseg.synthesis.part_stills import PartStills
from napari_motionseg.training import TrainingSettings
from napari_motionseg.training.propagation import job as module
from napari_motionseg.training.propagation.job import (
    initial_network,
    train_propagation,
    train_propagation_job,
)
from napari_motionseg.training.propagation.settings import (
    PropagationTrainingSettings,
)

TINY = LightPropagationConfig(
    width=8, fine=8, rounds=1, bins=7, limit=10.0,
    encoder=UNetConfig(width=4, embedding_dim=4),
)  # fmt: skip
QUIET = CameraConfig(
    noise=(0.001, 0.002), film=0, streaks=0, enhancement=(0, 0), trail=0, field=0,
    lines=0, gamma=0, brightness=0, contrast=(1, 1), jpeg=(97, 97), blur=(0, 0),
)  # fmt: skip


def bars(count, size, seed, config=None, device="cpu"):
    """Two dark bars on gray, at random places; each is a part and a group."""
    rng = np.random.default_rng(seed)
    parts = np.zeros((count, size, size), np.int16)
    for part in parts:
        first = rng.integers(2, size // 2 - 8)
        part[:, first : first + 6] = 1
        second = rng.integers(size // 2 + 2, size - 8)
        part[:, second : second + 6] = 2
    numbers = torch.from_numpy(parts)
    pictures = torch.where(numbers > 0, 0.3, 0.7)
    flow = torch.zeros(count, 2, size, size)
    return PartStills(pictures, numbers, numbers, flow, numbers > 0)


@pytest.fixture
def _bars(monkeypatch):
    monkeypatch.setattr(module, "part_stills", bars)
    original = LightPropagationNet.__init__
    monkeypatch.setattr(
        LightPropagationNet, "__init__",
        lambda self, config=None: original(self, config or TINY),
    )  # fmt: skip


def settings(steps=3, **others):
    training = TrainingSettings(
        steps=steps, learning_rate=0.01, device="cpu", precision="float32",
        preview_every=2,
    )  # fmt: skip
    small = {
        "batch": 2, "motions": 2, "pixels": 400, "crop": 32, "still_size": 64,
        "pool_size": 4, "block": 2, "held_out": 2, "refresh_every": 2,
        "zoom": (1.0, 1.5), "camera": QUIET, "layer_share": 0.0, "click_share": 1.0,
        "scene_share": 0.0, "training": training, "synthesis": None,
    }  # fmt: skip
    return PropagationTrainingSettings(**(small | others))


@pytest.mark.usefixtures("_bars")
def test_training_learns(tmp_path):
    out = train_propagation(settings(40), out=tmp_path / "net.safetensors")
    network, card = load_model(out, kind="propagation")
    assert isinstance(network, LightPropagationNet)
    training = card.provenance["training"]
    assert training["last_losses_mean"] < 0.7 * training["first_loss"]
    assert card.provenance["held_out_error_px"] > 0


@pytest.mark.usefixtures("_bars")
def test_a_stopped_training_resumes_to_the_same_weights(tmp_path):
    whole = train_propagation(settings(4), out=tmp_path / "whole.safetensors")
    out = tmp_path / "cut.safetensors"
    job = train_propagation_job(settings(4), out=out)
    for progress in job:
        if progress.metrics.get("loss") and progress.step == 2:
            assert progress.preview.shape == (64, 128)
            job.close()
            break
    assert not out.exists()
    run(train_propagation_job(settings(4), out=out, resume=True))
    first, second = (load_model(path)[0].state_dict() for path in (whole, out))
    for name, weight in first.items():
        assert torch.equal(weight, second[name]), name


@pytest.mark.usefixtures("_bars")
def test_training_starts_from_a_segmentation_network(tmp_path):
    start = tmp_path / "masks.safetensors"
    config = UNetConfig(width=4, embedding_dim=4, octaves=2)
    masks = SegmentationNet(config, 3)
    save_model(start, masks, ModelCard(
        "segmentation", "SegmentationNet", dataclasses.asdict(config) | {"classes": 3},
    ))  # fmt: skip
    model, origin = initial_network(start, settings())
    assert origin["kind"] == "segmentation"
    for name, weight in masks.embedding.state_dict().items():
        assert torch.equal(model.encoder.state_dict()[name], weight), name
    assert model.config.encoder.octaves == 1
    out = train_propagation(settings(1), out=tmp_path / "n.safetensors", start=start)
    assert read_card(out).provenance["start"] == origin
    again, origin = initial_network(out, settings())
    assert isinstance(again, LightPropagationNet)
    assert origin["kind"] == "propagation"
    with pytest.raises(CheckpointError, match="layout 'resnet50' cannot start"):
        initial_network(out, settings(network="resnet50"))


@pytest.mark.usefixtures("_bars")
def test_the_papers_layout_is_trained_and_kept_whole(tmp_path, monkeypatch):
    from napari_motionseg.models.resnet_dilated import ResNetConfig

    original = ConditionalPropagationNet.__init__
    small = ResNetConfig(width=2, blocks=(1, 1, 1, 1))
    monkeypatch.setattr(
        ConditionalPropagationNet, "__init__",
        lambda self, encoder=None, config=None: original(
            self, encoder or small, config
        ),
    )  # fmt: skip
    how = settings(2, network="resnet50", labels="nearest")
    out = train_propagation(how, out=tmp_path / "paper.safetensors")
    network, card = load_model(out, kind="propagation")
    assert isinstance(network, ConditionalPropagationNet)
    assert card.architecture == "ConditionalPropagationNet"
    picture = Propagator(network, "cpu").prepare(np.full((130, 140), 0.5, np.float32))
    assert Propagator(network, "cpu").flows(picture, [[]]).shape == (1, 2, 130, 140)


def test_another_kind_of_start_is_refused(tmp_path):
    start = tmp_path / "flow.safetensors"
    model = SegmentationNet(UNetConfig(width=2, depth=2))
    config = dataclasses.asdict(model.embedding.config) | {"classes": 2}
    save_model(start, model, ModelCard("flow", "SegmentationNet", config))
    with pytest.raises(CheckpointError, match="'propagation' or 'segmentation'"):
        initial_network(start, settings())
