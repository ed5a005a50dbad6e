"""Frames are brought to the size that the network knows, and their flow back."""

import numpy as np
import pytest
import torch
from helpers.propagation import save_tiny, tiny_network

from napari_motionseg.errors import CheckpointError, SettingsError
from napari_motionseg.guidance import Arrow, Propagator, load_propagator
from napari_motionseg.models import ModelCard, UNet, UNetConfig, save_model


@pytest.fixture(scope="module")
def propagator():
    return Propagator(tiny_network(), "cpu")


def frame(*shape):
    return np.random.default_rng(0).random(shape, dtype=np.float32)


@pytest.mark.parametrize(
    ("shape", "size"),
    [((130, 200), (130, 200)), ((60, 140), (180, 420)), ((1, 5), (4, 20)),
     ((700, 350), (512, 256))],
)  # fmt: skip
def test_every_size_gets_flow_of_its_own_size(propagator, shape, size):
    prepared = propagator.prepare(frame(*shape))
    assert prepared.size == size
    flow = propagator.flows(prepared, [[Arrow(0, 0, 1, 2)], [Arrow(0, 0)]])
    assert flow.shape == (2, 2, *shape)
    assert np.isfinite(flow).all()


def test_the_answer_is_that_of_the_network(propagator, monkeypatch):
    # in bf16, a cell that two points reach equally well may change hands
    monkeypatch.setenv("MOTIONSEG_BF16", "off")
    picture = frame(130, 140)
    prepared = propagator.prepare(picture)
    found = propagator.flows(prepared, [[Arrow(40, 50, -2, 3), Arrow(90, 9)]])
    sparse = torch.zeros(1, 3, 130, 140)
    sparse[0, :, 40, 50] = torch.tensor([3.0, -2, 1])
    sparse[0, 2, 90, 9] = 1
    network = tiny_network()
    with torch.inference_mode():
        features = network.encode(torch.from_numpy(picture)[None, None])
        expected = network.flow(features, sparse).numpy()
    np.testing.assert_allclose(found, expected, atol=1e-3)


def test_arrows_are_scaled_with_the_frame(propagator):
    prepared = propagator.prepare(frame(60, 140))
    assert propagator.longest(prepared) == pytest.approx(8 / 3)
    sparse = propagator._sparse(prepared, [Arrow(10, 20, 1, 2), Arrow(10, 20, 3, 0)])
    assert sparse[:, 31, 61].tolist() == [3, 6, 1]  # the mean of both, times 3
    assert sparse[2].sum() == 1


def test_colours_and_stored_values_are_refused(propagator):
    with pytest.raises(SettingsError, match="convert colours to gray"):
        propagator.prepare(frame(9, 9, 3))
    with pytest.raises(SettingsError, match="gray values in"):
        propagator.prepare(frame(9, 9) * 255)


def test_a_checkpoint_without_a_propagation_head_is_refused(tmp_path):
    path = tmp_path / "embedding.safetensors"
    model = UNet(UNetConfig(width=2, depth=2))
    save_model(path, model, ModelCard("embedding", "UNet", vars(model.config)))
    with pytest.raises(CheckpointError, match="kind 'embedding', which has no propag"):
        load_propagator(path)
    assert load_propagator(save_tiny(tmp_path / "tiny.safetensors"), "cpu").limit == 10


@pytest.mark.parametrize("shape", [(130, 141), (60, 90)])
def test_connected_has_the_size_of_the_frame(propagator, shape):
    prepared = propagator.prepare(frame(*shape))
    found = propagator.connected(prepared, [Arrow(20, 30, 0, 5), Arrow(50, 60)])
    assert found.shape == shape
    assert ((found >= 0) & (found <= 1)).all()
    assert found[20, 30] > found[50, 60]
