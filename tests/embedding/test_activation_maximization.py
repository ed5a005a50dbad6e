import numpy as np
import pytest
import torch

from napari_motionseg.embedding.activation_maximization import (
    PreferredSettings,
    gallery,
    layers_of,
    preferred_job,
)
from napari_motionseg.errors import SettingsError
from napari_motionseg.jobs import STOP, run
from napari_motionseg.models import UNet, UNetConfig

TINY = UNetConfig(width=4, depth=2, embedding_dim=6)
FEW = PreferredSettings(size=24, steps=12)


@pytest.fixture
def model():
    torch.manual_seed(0)
    return UNet(TINY)


def activation(model, pictures, unit):
    with torch.no_grad():
        return model.eval()(torch.from_numpy(pictures)[:, None])[:, unit].mean().item()


def test_a_unit_is_driven_higher_than_by_where_it_began(model):
    told = []
    rough = PreferredSettings(size=24, steps=12, variation=0)
    found = run(preferred_job(model, "embedding", [1, 4], rough, "cpu"), told.append)
    assert (found.shape, found.dtype) == ((2, 24, 24), np.float32)
    assert found.min() >= 0
    assert found.max() <= 1
    assert [p.metrics["activation"] for p in told][-1] > told[0].metrics["activation"]
    gray = np.full((1, 24, 24), 0.5, np.float32)
    for picture, unit in zip(found, (1, 4), strict=True):
        own = activation(model, picture[None], unit)
        assert own > activation(model, gray, unit)


def test_the_network_is_left_as_it_was(model):
    before = {name: value.clone() for name, value in model.state_dict().items()}
    model.train()
    run(preferred_job(model, "level 1", [0], FEW, "cpu"))
    assert model.training
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name]), name
    assert all(parameter.grad is None for parameter in model.parameters())


def test_one_seed_is_one_gallery(model):
    first, again = (run(preferred_job(model, "level 0", [2], FEW)) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    other = PreferredSettings(size=24, steps=12, seed=1)
    assert (run(preferred_job(model, "level 0", [2], other)) != first).any()


def test_smoother_is_smoother(model):
    def roughness(variation):
        settings = PreferredSettings(size=24, steps=12, variation=variation)
        found = run(preferred_job(model, "embedding", [0], settings))
        return np.abs(np.diff(found, axis=1)).mean()

    assert roughness(50.0) < roughness(0.0)


def test_it_stops_when_it_is_told(model):
    job = preferred_job(model, "embedding", [0], FEW)
    next(job)
    with pytest.raises(StopIteration) as end:
        job.send(STOP)
    assert end.value.value.shape == (1, 24, 24)
    closed = preferred_job(model.train(), "embedding", [0], FEW)
    next(closed)
    closed.close()
    assert model.training


def test_layers_and_units_that_are_not_there(model):
    assert layers_of(TINY) == {
        "level 0": 4, "level 1": 8, "level 2": 16, "embedding": 6,
    }  # fmt: skip
    with pytest.raises(SettingsError, match="layer must be one of embedding, level 0"):
        next(preferred_job(model, "level 3", [0]))
    with pytest.raises(SettingsError, match=r"must be 0 to 5; got \[6\]"):
        next(preferred_job(model, "embedding", [0, 6]))
    with pytest.raises(SettingsError, match="got none"):
        next(preferred_job(model, "embedding", []))
    with pytest.raises(SettingsError, match="steps must be positive; got 0"):
        PreferredSettings(steps=0)
    with pytest.raises(SettingsError, match="variation must not be negative"):
        PreferredSettings(variation=-1)


def test_a_gallery_has_each_picture_in_its_place():
    pictures = np.random.default_rng(0).random((5, 6, 7)).astype(np.float32)
    grid = gallery(pictures, columns=3)
    assert grid.shape == (2 * 8, 3 * 9)
    fourth = grid[8 + 1 : 8 + 7, 1:8]
    low, high = pictures[3].min(), pictures[3].max()
    expected = 255 * (pictures[3] - low) / (high - low)
    np.testing.assert_allclose(fourth, expected, atol=1)
    assert not grid[8:, 18:].any()
    assert not gallery(np.ones((1, 3, 3))).any()
