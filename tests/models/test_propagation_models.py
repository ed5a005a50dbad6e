from __future__ import annotations

from pathlib import Path

import pytest
import torch

from napari_motionseg.models import ModelCard, UNetConfig, load_model, save_model
from napari_motionseg.models.propagation_models import PROPAGATION
from napari_motionseg.models.propagation_network import (
    ConditionalPropagationNet,
    PropagationConfig,
)
from napari_motionseg.models.resnet_dilated import ResNetConfig

SMALL = PropagationConfig(bins=5, image_channels=4, motion_channels=4, width=3)


@pytest.mark.parametrize(
    "encoder",
    [ResNetConfig(width=4, blocks=(1, 1, 1, 1)), UNetConfig(width=2, embedding_dim=4)],
)
def test_the_papers_layout_is_kept_whole_in_a_checkpoint(
    encoder, tmp_path: Path
) -> None:
    model = ConditionalPropagationNet(encoder, SMALL).eval()
    path = tmp_path / "paper.safetensors"
    card = ModelCard(PROPAGATION, "ConditionalPropagationNet", model.configuration())
    save_model(path, model, card)
    loaded, _ = load_model(path, kind=PROPAGATION)
    assert isinstance(loaded, ConditionalPropagationNet)
    assert loaded.head.config == SMALL
    assert loaded.limit == 20
    assert loaded.bins == 5
    picture, sparse = torch.rand(1, 1, 32, 48), torch.zeros(1, 3, 32, 48)
    sparse[0, :, 9, 9] = 1
    torch.testing.assert_close(loaded(picture, sparse), model(picture, sparse))


@torch.inference_mode()
def test_several_guidances_share_an_encoded_picture() -> None:
    encoder = ResNetConfig(width=4, blocks=(1, 1, 1, 1))
    model = ConditionalPropagationNet(encoder, SMALL).eval()
    pictures, sparse = torch.rand(2, 1, 32, 48), torch.zeros(4, 3, 32, 48)
    sparse[range(4), :, 9, [3, 9, 20, 40]] = torch.tensor([3.0, -1, 1])
    logits = model.propagate(model.encode(pictures), sparse)
    torch.testing.assert_close(
        logits[2:], model(pictures[1:].repeat(2, 1, 1, 1), sparse[2:])
    )
    at = torch.randint(32 * 48, (4, 7))
    chosen = model.propagate(model.encode(pictures), sparse, at)
    index = at[:, None, None].expand(-1, 2, 5, -1)
    torch.testing.assert_close(chosen, logits.flatten(3).gather(3, index))
    assert model.flow(model.encode(pictures), sparse).shape == (4, 2, 32, 48)
