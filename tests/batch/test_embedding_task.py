"""Statistics of the embedding are those of the pixels in the field of view."""

import dataclasses
import json

import numpy as np
import pytest

from napari_motionseg.batch.embedding_task import EmbeddingTask
from napari_motionseg.batch.records import Draft
from napari_motionseg.cine import FrameStack
from napari_motionseg.cine.field_of_view import find_cine_field_of_view
from napari_motionseg.embedding import embed_frame
from napari_motionseg.models import ModelCard, UNet, UNetConfig, save_model


@pytest.fixture
def network(tmp_path):
    config = UNetConfig(width=4, depth=2, embedding_dim=6)
    made = UNet(config)
    path = tmp_path / "embedding.safetensors"
    save_model(
        path, made, ModelCard("embedding", "UNet", dataclasses.asdict(config), {})
    )
    return path, made


def test_mean_and_spread_of_each_usable_frame(small_cine, network, tmp_path):
    pixels = np.asarray(small_cine.frames[:4])
    frames = FrameStack.from_array(pixels, damaged=[1])
    cine = dataclasses.replace(small_cine, frames=frames, frame_times=None)
    path, made = network
    draft = Draft(tmp_path)
    told = EmbeddingTask(str(path), "cpu").run(cine, "f" * 64, draft)
    inside = find_cine_field_of_view(cine).mask
    with np.load(tmp_path / draft.names[0]) as file:
        assert file["frames"].tolist() == [0, 2, 3]
        assert file["mean"].shape == file["spread"].shape == (3, 6)
        vectors = embed_frame(made, cine.normalized(2), device="cpu")[:, inside]
        np.testing.assert_allclose(file["mean"][1], vectors.mean(1), atol=1e-4)
        np.testing.assert_allclose(file["spread"][1], vectors.std(1), atol=1e-4)
    assert told["dimensions"] == 6
    json.dumps(told)


def test_results_depend_on_the_weights(network):
    path, _ = network
    settings = EmbeddingTask(str(path)).settings()
    assert settings["task"] == "embed"
    assert settings["model"] == path.name
    assert len(settings["model_sha256"]) == 64
