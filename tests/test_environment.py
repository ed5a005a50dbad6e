"""What auto and default mean, where the user has said so."""

import pytest
import torch

from napari_motionseg.errors import CheckpointError, SettingsError
from napari_motionseg.models import (
    ModelCard,
    SegmentationNet,
    UNetConfig,
    checkpoint_path,
    load_model,
    resolve_device,
    save_model,
)

SMALL = UNetConfig(width=4, embedding_dim=4, depth=2)


def test_auto_takes_the_device_of_the_user(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert resolve_device("auto").type == "cuda"
    monkeypatch.setenv("MOTIONSEG_DEVICE", "cpu")
    assert resolve_device("auto").type == "cpu"
    assert resolve_device("cuda:1") == torch.device("cuda:1"), "what is named counts"
    monkeypatch.setenv("MOTIONSEG_DEVICE", " auto ")
    assert resolve_device("auto").type == "cuda"


@pytest.mark.parametrize("name", ["cuda", "gpu"])
def test_a_device_that_is_not_there_names_the_variable(monkeypatch, name):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setenv("MOTIONSEG_DEVICE", name)
    with pytest.raises(SettingsError, match=f"MOTIONSEG_DEVICE: .*'{name}'"):
        resolve_device("auto")
    assert resolve_device("cpu").type == "cpu"


def test_default_is_the_checkpoint_of_the_user(monkeypatch, tmp_path):
    shipped = checkpoint_path("default")
    path = tmp_path / "mine.safetensors"
    card = ModelCard(
        "segmentation", "SegmentationNet",
        {"width": 4, "embedding_dim": 4, "depth": 2, "classes": 2},
    )  # fmt: skip
    save_model(path, SegmentationNet(SMALL, 2), card)
    monkeypatch.setenv("MOTIONSEG_MODEL", str(path))
    assert checkpoint_path("default") == path
    assert checkpoint_path("vessels-xa") == shipped, "a name stays what it names"
    network, _ = load_model("default")
    assert network.classes == 2


@pytest.mark.parametrize("name", ["", "  ", "default", "vessels-xa"])
def test_nothing_and_names_of_what_ships_are_what_ships(monkeypatch, name):
    shipped = checkpoint_path("vessels-xa")
    monkeypatch.setenv("MOTIONSEG_MODEL", name)
    assert checkpoint_path("default") == shipped


def test_a_checkpoint_that_is_gone_is_named(monkeypatch, tmp_path):
    monkeypatch.setenv("MOTIONSEG_MODEL", str(tmp_path / "gone.safetensors"))
    with pytest.raises(CheckpointError, match=r"gone\.safetensors"):
        load_model("default")
