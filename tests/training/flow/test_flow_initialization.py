"""The start of flow training: signals live, flow is zero and is handed on."""

import pytest
import torch

from napari_motionseg.models import PWCNet
from napari_motionseg.training.flow.flow_initialization import initialize_weights


@pytest.fixture(scope="module")
def pictures():
    generator = torch.Generator().manual_seed(0)
    coarse = torch.rand(2, 2, 33, 33, generator=generator)
    return torch.nn.functional.interpolate(coarse, (256, 256), mode="bicubic").clamp(
        0, 1
    )


def started(pictures, seed=1):
    model = PWCNet(1, normalized=True)
    initialize_weights(model, pictures, torch.Generator().manual_seed(seed))
    return model


def test_every_layer_passes_a_signal_of_unit_variance(pictures):
    model = started(pictures)
    spread = {}

    def remember(name):
        def hook(module, inputs, output):
            spread.setdefault(name, output.std(dim=(0, 2, 3), correction=0).mean())

        return hook

    names = [
        n for n, m in model.named_modules()
        if isinstance(m, torch.nn.Conv2d) and "predict" not in n
    ]  # fmt: skip
    for name in names[:-1]:  # the last one is the context network's correction: zero
        model.get_submodule(name).register_forward_hook(remember(name))
    with torch.no_grad():
        model(pictures[:, :1], pictures[:, 1:])
    assert len(spread) > 40
    # what is below the hand-over differs a little from what was standardised
    assert all(0.3 < value < 3 for value in spread.values()), spread


def test_the_flow_begins_at_zero(pictures):
    model = started(pictures)
    with torch.no_grad():
        flow = model(pictures[:, :1], pictures[:, 1:])
    assert flow.abs().max() < 1e-5


def test_a_level_hands_on_the_flow_of_the_one_above(pictures):
    model = started(pictures)
    with torch.no_grad():
        coarsest = next(iter(model.decoders.values()))
        coarsest.predict.bias.copy_(torch.tensor([0.5, -0.25]))
        flow = model(pictures[:, :1], pictures[:, 1:])
    inner = flow[..., 112:144, 112:144]  # zero padding wears the edges down
    assert inner[:, 0].mean() == pytest.approx(10, rel=0.1)
    assert inner[:, 1].mean() == pytest.approx(-5, rel=0.1)


def test_the_same_seed_gives_the_same_start(pictures):
    first, again, other = (started(pictures, seed) for seed in (1, 1, 2))
    for name, tensor in first.state_dict().items():
        assert torch.equal(tensor, again.state_dict()[name])
    assert not torch.equal(next(first.parameters()), next(other.parameters()))


def test_flat_pictures_leave_finite_weights():
    model = started(torch.full((1, 2, 64, 64), 0.5))
    assert all(torch.isfinite(p).all() for p in model.parameters())
