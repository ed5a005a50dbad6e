"""A folded network predicts what the network itself predicts."""

import pytest
import torch
from torch import nn

from napari_motionseg.models import SegmentationNet, UNetConfig, folded_unet
from napari_motionseg.models.acceleration import TiledConvolution, accelerate
from napari_motionseg.models.folded_unet import FoldedNet, folded

CONFIGS = {
    "plain": UNetConfig(width=4, depth=2, embedding_dim=6),
    "default": UNetConfig(
        width=4, depth=2, embedding_dim=6, flat_field=True, octaves=2,
        familiar_noise=0.003,
    ),
    "bilinear": UNetConfig(width=4, depth=3, embedding_dim=5, enlarging="bilinear"),
    "three octaves": UNetConfig(width=3, depth=1, embedding_dim=4, octaves=3),
}  # fmt: skip


def trained(config, classes=2):
    """Return a network whose batch norms are not the identity."""
    torch.manual_seed(1)
    model = SegmentationNet(config, classes)
    with torch.no_grad():
        for name, value in model.state_dict().items():
            if name.endswith("running_var"):
                value.uniform_(0.3, 3)
            elif name.endswith(("running_mean", "bias")):
                value.normal_(0, 0.3)
    return model.eval()


@pytest.mark.parametrize("name", CONFIGS)
@pytest.mark.parametrize("classes", [2, 4])
@pytest.mark.parametrize("size", [(40, 56), (33, 21)])
def test_probabilities_are_those_of_the_network(name, classes, size):
    model = trained(CONFIGS[name], classes)
    frames = torch.rand(2, 1, *size)
    quick = folded(model)
    assert isinstance(quick, FoldedNet)
    with torch.no_grad():
        wanted, logits = model.probabilities(frames), model(frames)
        found = quick.probabilities(frames)
        assert quick.classes == classes
        torch.testing.assert_close(quick(frames), logits, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(found, wanted, atol=1e-5, rtol=1e-5)
    assert wanted.std() > 0.01


@pytest.mark.parametrize("name", CONFIGS)
@pytest.mark.parametrize("size", [(40, 56), (33, 21), (2, 80)])
def test_strips_of_the_last_level_are_the_whole(name, size, monkeypatch):
    model, frames = folded(trained(CONFIGS[name])), torch.rand(2, 1, *size)
    with torch.inference_mode():
        whole = model(frames)
        for values in (1, 1500, 5000):
            monkeypatch.setattr(folded_unet, "STRIP_VALUES", values)
            torch.testing.assert_close(model(frames), whole, atol=1e-5, rtol=1e-5)


def test_an_accelerated_network_has_fewer_layers_and_the_same_scores():
    model = folded(trained(UNetConfig(width=16, depth=2, octaves=2, flat_field=True)))
    fast, frames = accelerate(model), torch.rand(1, 1, 97, 131)
    with torch.inference_mode():
        torch.testing.assert_close(fast(frames), model(frames), atol=1e-3, rtol=1e-3)
    assert any(isinstance(module, TiledConvolution) for module in fast.modules())
    assert not any(isinstance(module, nn.ReLU) for module in fast.modules())


def test_the_network_itself_is_not_changed():
    model = trained(CONFIGS["default"])
    before = {name: value.clone() for name, value in model.state_dict().items()}
    folded(model)
    assert all(parameter.requires_grad for parameter in model.parameters())
    torch.testing.assert_close(model.state_dict(), before, rtol=0, atol=0)


class Shy(SegmentationNet):
    def probabilities(self, frame):
        return super().probabilities(frame).clamp(max=0.5)


@pytest.mark.parametrize(
    "model",
    [Shy(CONFIGS["plain"]), SegmentationNet(UNetConfig(width=4, head="hypercolumn"))],
)
def test_what_computes_otherwise_stays_as_it_is(model):
    assert folded(model.train()) is model
    assert not model.training
