"""Initial networks: from a seed, or from a checkpoint of the right kind."""

import pytest
import torch
from torch import nn

from napari_motionseg.errors import CheckpointError
from napari_motionseg.models import (
    ModelCard,
    PWCNet,
    SegmentationNet,
    UNet,
    UNetConfig,
    save_model,
)
from napari_motionseg.training.engine.initial_networks import (
    describe_origin,
    load_initial_network,
    with_seed,
)

TINY = UNetConfig(width=2, depth=2, embedding_dim=4)


def test_weights_depend_on_the_seed_alone():
    first = with_seed(lambda: nn.Linear(3, 2), 5).weight
    torch.rand(7)
    assert torch.equal(with_seed(lambda: nn.Linear(3, 2), 5).weight, first)
    assert not torch.equal(with_seed(lambda: nn.Linear(3, 2), 6).weight, first)


def test_the_global_generator_is_left_as_it_was():
    before = torch.random.get_rng_state()
    with_seed(lambda: nn.Linear(3, 2), 5)
    assert torch.equal(torch.random.get_rng_state(), before)


@pytest.fixture
def embedding_file(tmp_path):
    """An embedding checkpoint."""
    path = tmp_path / "embedding.safetensors"
    configuration = {"width": 2, "depth": 2, "embedding_dim": 4}
    save_model(path, UNet(TINY), ModelCard("embedding", "UNet", configuration))
    return path


def test_the_origin_names_kind_and_weights(embedding_file):
    network, card = load_initial_network(embedding_file, "embedding", UNet, "x")
    assert isinstance(network, UNet)
    origin = describe_origin(network, card)
    assert origin["kind"] == "embedding"
    assert len(origin["weights_sha256"]) == 64


@pytest.mark.parametrize(
    ("kind", "network", "told"),
    [
        ("flow", PWCNet, "is a checkpoint of kind 'embedding'; choose one"),
        ("embedding", SegmentationNet, "holds a UNet, but a test starts from a Segm"),
    ],
)
def test_another_kind_or_class_is_refused(embedding_file, kind, network, told):
    with pytest.raises(CheckpointError, match=told):
        load_initial_network(embedding_file, kind, network, "a test")
