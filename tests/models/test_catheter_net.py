"""A second network tells catheters beside the one that finds vessels."""

import numpy as np
import pytest
import torch

from napari_motionseg.cine import Cine
from napari_motionseg.errors import CheckpointError
from napari_motionseg.models import ModelCard, SegmentationNet, UNetConfig, save_model
from napari_motionseg.models.catheter_net import CatheterNet
from napari_motionseg.segmentation.catheter_rule import CatheterRule
from napari_motionseg.segmentation.predict import load_segmentation, segment

TINY = UNetConfig(width=4, depth=2, embedding_dim=8)
SMALLER = UNetConfig(width=4, depth=2, embedding_dim=8, largest_side=32)


def network(classes=2, config=TINY, seed=0):
    torch.manual_seed(seed)
    return SegmentationNet(config, classes).eval()


def catheter_network():
    model = network(3, SMALLER, seed=1)
    with torch.no_grad():
        model.head.weight *= 300  # its answers differ from pixel to pixel
        model.eval()
        image = torch.rand(1, 1, 24, 32)
        model.head.bias -= model(image).mean(dim=(0, 2, 3))
    return model


def saved(path, model, provenance=None):
    configuration = {"width": 4, "depth": 2, "embedding_dim": 8}
    side = model.embedding.config.largest_side
    configuration |= {"classes": model.classes, "largest_side": side}
    card = ModelCard("segmentation", "SegmentationNet", configuration, provenance or {})
    save_model(path, model, card)
    return path


def test_masks_have_a_class_for_what_the_other_network_calls_catheter(tmp_path):
    beside = saved(tmp_path / "c.safetensors", catheter_network())
    vessels = saved(tmp_path / "v.safetensors", network(), {"catheters": str(beside)})
    cine = Cine.from_array(
        np.random.default_rng(0).integers(0, 256, (2, 48, 64), np.uint8)
    )
    alone, both = network(), load_segmentation(vessels)
    assert not any("catheters" in name for name in both.state_dict())
    found = segment(cine, both, whole_picture=True, device="cpu")
    plain = segment(cine, alone, whole_picture=True, device="cpu")
    for t in range(2):
        image = torch.from_numpy(cine.normalized(t))[None, None]
        c = CatheterNet(catheter_network(), "c").probability(image)[0].numpy()
        c = CatheterRule(np.ones((48, 64), bool)).believed(c)
        vessel = plain.probabilities[t].astype(float)
        wanted = 1 - (1 - vessel) * (1 - c)
        np.testing.assert_allclose(found.probabilities[t], wanted, atol=5e-3)
        sure = np.abs(c - vessel * (1 - c)) > 0.01
        wanted = np.where(c > vessel * (1 - c), 2, 1)
        assert (found.likeliest[t] == wanted)[sure].all()
    assert set(np.unique(found.likeliest)) == {1, 2}
    unasked = segment(cine, both, whole_picture=True, device="cpu", catheters=False)
    assert (unasked.probabilities == plain.probabilities).all()
    assert set(np.unique(plain.likeliest)) == {1}


def test_the_network_beside_sees_its_own_size():
    seen = []
    net = network(3, SMALLER)
    net.register_forward_pre_hook(lambda _, given: seen.append(given[0].shape[-2:]))
    answer = CatheterNet(net, "c").probability(torch.rand(1, 1, 48, 64))
    assert seen == [(24, 32)]
    assert answer.shape == (1, 48, 64)


@pytest.mark.parametrize("classes", [2, 4])
def test_another_network_is_refused(tmp_path, classes):
    beside = saved(tmp_path / "c.safetensors", network(classes))
    with pytest.raises(CheckpointError, match="background, vessel and catheter"):
        CatheterNet.of_card({"catheters": str(beside)})


def test_a_missing_network_is_said(tmp_path):
    gone = tmp_path / "gone.safetensors"
    vessels = saved(tmp_path / "v.safetensors", network(), {"catheters": str(gone)})
    with pytest.raises(CheckpointError, match=r"gone\.safetensors"):
        load_segmentation(vessels)


def test_a_network_that_knows_three_classes_stays_alone(tmp_path):
    beside = saved(tmp_path / "c.safetensors", network(3))
    own = saved(tmp_path / "own.safetensors", network(3), {"catheters": str(beside)})
    assert load_segmentation(own).catheters is None
