"""Checkpoints from elsewhere: one kind of error, no code, no memory on their word."""

import json
import os
import pickle
import struct

import pytest
import torch
from safetensors.torch import load_file, save_file

from napari_motionseg.errors import CheckpointError, MotionSegError, TrainingError
from napari_motionseg.models.architectures import ARCHITECTURES
from napari_motionseg.models.checkpoints import (
    CARD_KEY,
    ModelCard,
    load_model,
    read_card,
    save_model,
)
from napari_motionseg.models.published import read_published_pwcnet
from napari_motionseg.models.unet import SegmentationNet, UNetConfig
from napari_motionseg.training.engine.checkpointing import read_state

CONFIG = {"width": 2, "depth": 1, "embedding_dim": 2}
CONFIGS = {
    "SegmentationNet": {**CONFIG, "classes": 3},
    "LightPropagationNet": {"width": 4, "fine": 2, "encoder": {**CONFIG, "depth": 4}},
    "ConditionalPropagationNet": {
        "encoder": CONFIG, "head": {"image_channels": 4, "width": 4},
    },
}  # fmt: skip
WANTED = {"features.levels.1.0.0.weight": torch.zeros(16, 3, 3, 3)}
KEY = "moduleExtractor.moduleOne.0.weight"


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "net.safetensors"
    net = SegmentationNet(UNetConfig(**CONFIG), 2)
    card = ModelCard("segmentation", "SegmentationNet", {**CONFIG, "classes": 2})
    save_model(path, net, card)
    return path


def change(path, card=None, tensors=None):
    """Write the file anew with another card, as text or values, or other tensors."""
    held = load_file(path)
    if not isinstance(card, str):
        card = json.dumps({**read_card(path).__dict__, **(card or {})})
    save_file({**held, **(tensors or {})}, path, metadata={CARD_KEY: card})


@pytest.mark.parametrize(
    "card",
    [
        "[" * 100_000, '{"a":' * 100_000, "3", "null", "[]", "{}", '{"kind": 1}', "",
        {"architecture": ["SegmentationNet"]}, {"architecture": {}}, {"kind": None},
        {"architecture": "Segmentation"}, {"configuration": None},
        {"configuration": [1]}, {"provenance": "x"}, {"more": 1},
    ],
)  # fmt: skip
def test_cards_that_are_none(path, card):
    change(path, card)
    with pytest.raises(CheckpointError, match=r"net\.safetensors"):
        load_model(path)


@pytest.mark.parametrize(
    "configuration",
    [
        {"width": 3}, {"width": 10**6}, {"width": 10**30}, {"width": "2"},
        {"width": [2]}, {"width": -1}, {"width": 2.5}, {"depth": 2}, {"depth": 10**9},
        {"classes": 5}, {"classes": 2**40}, {"classes": 1}, {"classes": None},
        {"classes": "2"}, {"embedding_dim": 2**31}, {"unknown": 1}, {"head": []},
        {"head": "hypercolumn"}, {"octaves": 10**9}, {"in_channels": 2**40},
        {"familiar_noise": "loud"}, {"familiar_noise": -1},
    ],
)  # fmt: skip
def test_configurations_that_are_not_the_file_s(path, configuration):
    change(path, {"configuration": {**CONFIG, "classes": 2, **configuration}})
    with pytest.raises(CheckpointError, match=r"net\.safetensors"):
        load_model(path)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_are_named(path, value):
    name, tensor = next(
        (n, t) for n, t in load_file(path).items() if t.is_floating_point()
    )
    tensor = tensor.clone()
    tensor.flatten()[0] = value
    change(path, tensors={name: tensor})
    with pytest.raises(CheckpointError, match=f"{name}' holds values that are not"):
        load_model(path)


@pytest.mark.parametrize("dtype", [torch.int64, torch.uint8, torch.complex64])
def test_weights_of_another_type_are_named(path, dtype):
    name, tensor = next(
        (n, t) for n, t in load_file(path).items() if t.is_floating_point()
    )
    change(path, tensors={name: tensor.to(dtype)})
    with pytest.raises(CheckpointError, match=f"{name}' must be of type"):
        load_model(path)


@pytest.mark.parametrize("length", [0, 1, 2**26, 2**62, 2**64 - 1])
def test_headers_that_promise_too_much(path, length):
    content = path.read_bytes()
    path.write_bytes(struct.pack("<Q", length) + content[8:])
    with pytest.raises(CheckpointError, match="damaged"):
        load_model(path)


@pytest.mark.parametrize("share", [0.0, 0.001, 0.5, 0.99])
def test_cut_files(path, share):
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(CheckpointError, match="damaged"):
        load_model(path)


def test_what_is_no_file(tmp_path):
    os.mkfifo(tmp_path / "pipe.safetensors")
    os.mkfifo(tmp_path / "pipe.pth")
    (tmp_path / "folder.safetensors").mkdir()
    for name in ("pipe.safetensors", "folder.safetensors"):
        with pytest.raises(CheckpointError, match="is not a file"):
            load_model(tmp_path / name)
        with pytest.raises(TrainingError, match="not a readable training state"):
            read_state(tmp_path / name)
    with pytest.raises(CheckpointError, match="is not a file"):
        read_published_pwcnet(tmp_path / "pipe.pth", WANTED)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_networks_are_laid_out_without_memory_as_they_are_built(architecture):
    """The shapes that a file is compared with are those of the network."""
    config = CONFIGS.get(architecture, {} if "PWC" in architecture else CONFIG)
    with torch.device("meta"):
        layout = ARCHITECTURES[architecture](**config).state_dict()
    built = ARCHITECTURES[architecture](**config).state_dict()
    assert all(t.device.type == "meta" for t in layout.values())
    assert {n: (t.shape, t.dtype) for n, t in layout.items()} == {
        n: (t.shape, t.dtype) for n, t in built.items()
    }


class Evil:
    """Runs a command when it is unpickled."""

    def __reduce__(self):
        return os.mkdir, ("/tmp/motionseg-was-unpickled",)


@pytest.mark.parametrize("zipped", [True, False])
def test_pickles_of_others_run_nothing(tmp_path, zipped):
    path = tmp_path / "evil.pth"
    torch.save({KEY: Evil()}, path, _use_new_zipfile_serialization=zipped)
    with pytest.raises(CheckpointError, match="could run code"):
        read_published_pwcnet(path, WANTED)
    path.write_bytes(pickle.dumps(Evil()))
    with pytest.raises(CheckpointError, match=r"evil\.pth"):
        read_published_pwcnet(path, WANTED)
    assert not os.path.exists("/tmp/motionseg-was-unpickled")


@pytest.mark.parametrize(
    "tensor",
    [
        torch.zeros(16, 3, 3, 4),
        torch.full((16, 3, 3, 3), float("nan")),
        torch.zeros(16, 3, 3, 3, dtype=torch.int64),
        torch.zeros(16, 3, 3, 3).to_sparse(),
        torch.zeros(16, 3, 3, 3, device="meta"),
        torch.zeros(1).expand(2**20, 2**20, 2**8),
    ],
    ids=["shape", "nan", "int", "sparse", "meta", "expanded"],
)
def test_published_tensors_that_fit_nowhere(tmp_path, tensor):
    torch.save({KEY: tensor}, tmp_path / "a.pth")
    with pytest.raises(CheckpointError, match=r"a\.pth"):
        read_published_pwcnet(tmp_path / "a.pth", WANTED)


@pytest.mark.parametrize("content", [{1: torch.zeros(2)}, [], 3, {KEY: 1}, None])
def test_published_files_without_tensors(tmp_path, content):
    torch.save(content, tmp_path / "a.pth")
    with pytest.raises(CheckpointError, match="not hold a state dict of tensors"):
        read_published_pwcnet(tmp_path / "a.pth", WANTED)


@pytest.mark.parametrize("header", ["[" * 100_000, "3", "{}", '{"step": "x"}'])
def test_training_states_that_are_none(tmp_path, header):
    path = tmp_path / "a.state.safetensors"
    save_file({"losses": torch.zeros(1)}, path, {"motionseg-training-state": header})
    with pytest.raises(MotionSegError, match="not a readable training state"):
        read_state(path)
