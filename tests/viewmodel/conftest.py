"""A session, and a checkpoint to embed frames with."""

import dataclasses

import pytest

from napari_motionseg.models import ModelCard, UNet, UNetConfig, save_model
from napari_motionseg.viewmodel.session import Session


@pytest.fixture
def session():
    made = Session()
    yield made
    made.close()


@pytest.fixture
def embedding_file(tmp_path):
    config = UNetConfig(width=4, depth=2, embedding_dim=6)
    path = tmp_path / "embedding.safetensors"
    card = ModelCard("embedding", "UNet", dataclasses.asdict(config), {})
    save_model(path, UNet(config), card)
    return path
