"""Checkpoints come back as they were written; others are refused."""

import dataclasses

import pytest
import torch

from napari_motionseg.errors import CheckpointError
from napari_motionseg.models import (
    ModelCard,
    PWCNet,
    UNet,
    UNetConfig,
    load_model,
    load_pwcnet,
    read_card,
    save_model,
)
from napari_motionseg.models.model_card import shipped_weights

SMALL = UNetConfig(width=4, depth=2, embedding_dim=6)
CARD = ModelCard("embedding", "UNet", dataclasses.asdict(SMALL), {"seed": 3})


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_checkpoints_come_back(tmp_path, dtype):
    model, path = UNet(SMALL).eval(), tmp_path / "a.safetensors"
    save_model(path, model, CARD, dtype=dtype)
    back, card = load_model(path, kind="embedding")
    assert card == CARD
    assert read_card(path) == CARD
    assert not back.training
    for name, weight in model.state_dict().items():
        wanted = (
            weight.to(dtype).to(weight.dtype) if weight.is_floating_point() else weight
        )
        assert torch.equal(back.state_dict()[name], wanted)


def test_checkpoints_that_do_not_fit(tmp_path):
    path = tmp_path / "a.safetensors"
    with pytest.raises(CheckpointError, match="no such checkpoint"):
        load_model(path)
    save_model(path, UNet(SMALL), CARD)
    with pytest.raises(
        CheckpointError, match="kind 'embedding'; choose one of kind 'flow'"
    ):
        load_model(path, kind="flow")
    with pytest.raises(CheckpointError, match="kind 'embedding'"):
        load_pwcnet(path)
    whole = path.read_bytes()
    for content in (b"", whole[:40], whole[: len(whole) // 2], b"\xff" * 64):
        path.write_bytes(content)
        with pytest.raises(CheckpointError, match=r"a\.safetensors"):
            load_model(path)
    other = dataclasses.replace(CARD, configuration={**CARD.configuration, "width": 8})
    save_model(path, UNet(SMALL), other)
    with pytest.raises(CheckpointError, match="tensor '.*' must have shape"):
        load_model(path)
    save_model(path, UNet(SMALL), dataclasses.replace(CARD, architecture="VGG"))
    with pytest.raises(CheckpointError, match="unknown architecture 'VGG'"):
        load_model(path)
    from safetensors.torch import save_file

    save_file({"a": torch.zeros(1)}, path)
    with pytest.raises(CheckpointError, match="not a checkpoint of motionseg"):
        load_model(path)


def test_a_flow_network_knows_its_variant(tmp_path):
    path = tmp_path / "flow.safetensors"
    card = ModelCard("flow", "PWCNet", {"in_channels": 1, "normalized": True}, {})
    save_model(path, PWCNet(1, normalized=True), card, dtype=torch.float16)
    model = load_pwcnet(path)
    assert (model.in_channels, model.normalized) == (1, True)
    assert path.stat().st_size < 20e6


def test_unknown_shipped_weights():
    with pytest.raises(CheckpointError, match="pwcnet-x"):
        shipped_weights("pwcnet-xx")


def test_the_embedding_that_motion_taught_ships():
    model, card = load_model("motion-xa", kind="embedding")
    facts = card.provenance["pretraining"]
    assert facts["pairs"]["estimated"] is False, "exact flow"
    assert facts["shuffled"] is False
    assert facts["loops"] == [], "no real loop"
    explained = card.provenance["explained"]
    assert explained["held_out_explained"] > explained["shuffled_explained"] + 0.3
    vessel = torch.full((1, 1, 96, 96), 0.7)
    vessel[..., 44:52] = 0.4
    with torch.no_grad():
        found = model(vessel)[0]
    inside, outside = found[:, 20:70, 47], found[:, 20:70, 12]
    spread = (inside - inside.mean(dim=1, keepdim=True)).norm(dim=0).mean()
    assert float((inside.mean(dim=1) - outside.mean(dim=1)).norm()) > 3 * float(spread)
