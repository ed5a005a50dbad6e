"""Features at one scale before fine-tuning, whatever scale a start has."""

import copy
import dataclasses

import numpy as np
import pytest
import torch

from napari_motionseg.cine import Cine
from napari_motionseg.errors import SettingsError
from napari_motionseg.io.labels import Labels
from napari_motionseg.models import ModelCard, UNet, UNetConfig, load_model, save_model
from napari_motionseg.segmentation.feature_whitening import (
    frames_between,
    whiten_features,
)
from napari_motionseg.segmentation.finetune import finetune
from napari_motionseg.segmentation.settings import FinetuneSettings
from napari_motionseg.training.engine.loop import TrainingSettings

CONFIGS = [
    UNetConfig(width=4, depth=2, embedding_dim=8),
    UNetConfig(width=4, depth=2, embedding_dim=8, head="hypercolumn"),
]


def network(config):
    torch.manual_seed(1)
    return UNet(config)


def pictures(count=2):
    generator = torch.Generator().manual_seed(0)
    return [torch.rand(1, 1, 40, 36 + 4 * n, generator=generator) for n in range(count)]


def channels(model, shown):
    """Return the embedding of pictures in training mode as ``(D, N)``."""
    seen = copy.deepcopy(model).train()
    with torch.no_grad():
        return torch.cat([seen(one)[0].flatten(1) for one in shown], dim=1)


@pytest.mark.parametrize("config", CONFIGS)
def test_each_channel_gets_mean_0_and_deviation_1(config):
    model, shown = network(config), pictures()
    kept = {name: t.clone() for name, t in model.state_dict().items()}
    whiten_features(model, shown)
    found = channels(model, shown)
    assert float(found.mean(dim=1).abs().max()) < 1e-3
    assert float((found.std(dim=1, correction=0) - 1).abs().max()) < 1e-3
    changed = {n for n, t in model.state_dict().items() if not torch.equal(t, kept[n])}
    assert {name.rpartition(".")[0].split(".")[-1] for name in changed} == {"last"}


def test_a_channel_that_never_varies_stays_finite_and_small():
    model, shown = network(CONFIGS[0]), pictures()
    with torch.no_grad():
        model.last.weight[3] = 0
    whiten_features(model, shown)
    assert float(channels(model, shown)[3].abs().max()) < 1e-2


def test_without_pictures_nothing_changes():
    model = network(CONFIGS[0])
    before = model.last.weight.clone()
    whiten_features(model, [])
    assert torch.equal(model.last.weight, before)


def loop(frames, seed=0):
    pixels = np.random.default_rng(seed).integers(0, 256, (frames, 48, 56))
    return Cine.from_array(pixels.astype(np.uint8))


def test_frames_lie_evenly_in_all_loops():
    first, second = loop(4), loop(8, seed=1)
    found = frames_between([first, second, first], 3)
    wanted = [first.normalized(2), second.normalized(2), second.normalized(6)]
    for one, expected in zip(found, wanted, strict=True):
        np.testing.assert_array_equal(one[0, 0].numpy(), expected)
    assert len(frames_between([loop(2)], 5)) == 2
    assert frames_between([loop(2)], 0) == []


def striped():
    rng = np.random.default_rng(0)
    frames = rng.normal(170, 12, (3, 48, 56))
    labels = np.zeros(frames.shape, np.uint8)
    for t in range(3):
        labels[t, 18 + 3 * t : 23 + 3 * t] = 1
        frames[t][labels[t] == 1] -= 60
    cine = Cine.from_array(frames.clip(0, 255).astype(np.uint8))
    return cine, Labels(labels, np.arange(3) == 0, "dense")


def tuned_from(start, folder, frames):
    """Fine-tune a start; return the network's logits of the loop's frames."""
    path = folder / f"{frames}.safetensors"
    card = ModelCard("embedding", "UNet", dataclasses.asdict(start.config), {})
    save_model(path, start, card)
    training = TrainingSettings(steps=1, device="cpu", precision="float32")
    settings = FinetuneSettings(
        steps=6, batch=1, crop=32, whitening_frames=frames, training=training
    )
    cine, labels = striped()
    out = finetune([(cine, labels)], settings, start=path, out=folder / "o.safetensors")
    model, _ = load_model(out)
    with torch.no_grad():
        return model(torch.from_numpy(cine.normalized(1))[None, None])


@pytest.mark.parametrize("frames", [0, 3])
def test_the_scale_of_a_start_does_not_matter(tmp_path, frames):
    """A loss of directions leaves lengths free; without whitening they decide."""
    start = network(CONFIGS[0])
    scaled = copy.deepcopy(start)
    with torch.no_grad():
        scale = torch.logspace(-3, 2, 8)
        scaled.last.weight *= scale[:, None, None, None]
        scaled.last.bias.copy_(scaled.last.bias * scale + 5)
    results = []
    for name, model in {"a": start, "b": scaled}.items():
        (tmp_path / name).mkdir()
        results.append(tuned_from(model, tmp_path / name, frames))
    difference = float((results[0] - results[1]).abs().max())
    assert (difference < 0.05) is bool(frames)


def test_the_number_of_frames_is_checked():
    with pytest.raises(SettingsError, match="whitening_frames must be at least 0"):
        FinetuneSettings(whitening_frames=-1)
