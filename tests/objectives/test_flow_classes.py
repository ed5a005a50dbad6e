import math

import numpy as np
import pytest
import torch

from napari_motionseg.errors import SettingsError
from napari_motionseg.objectives.flow_classes import (
    ClassifiedFlow,
    FlowClasses,
    flow_class_loss,
    flow_classes,
)
from napari_motionseg.objectives.pixel_sampling import draw_pixels, vectors_at


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def scene(batch=2, points=9, bins=16, seed=0, dtype=torch.float64):
    rng = np.random.default_rng(seed)
    logits = torch.from_numpy(rng.normal(size=(batch, points, 2, bins))).to(dtype)
    flow = rng.normal(size=(batch, points, 2)) * 10 ** rng.uniform(-1, 2, (points, 1))
    return logits, torch.from_numpy(flow).to(dtype)


def slow_class(value, bins, bound):
    """Equation 6, then a walk from edge to edge."""
    normalized = min(1, np.log(abs(value) + 1) / np.log(bound + 1)) * np.sign(value)
    edges = np.linspace(-1, 1, bins + 1)
    found = 0
    while found < bins - 1 and normalized >= edges[found + 1]:
        found += 1
    return found


def slow_loss(logits, flow, bound=56.0):
    z, f = logits.double().numpy(), flow.double().numpy()
    batch, count, _, bins = z.shape
    total = 0.0
    for b, p, axis in np.ndindex(batch, count, 2):
        truth = slow_class(f[b, p, axis], bins, bound)
        probability = np.exp(z[b, p, axis]) / np.sum(np.exp(z[b, p, axis]))
        total -= np.log(probability[truth])
    return total


@pytest.mark.parametrize("bound", [56.0, 5.0])
@pytest.mark.parametrize("shape", [(2, 9, 16), (1, 30, 5), (3, 1, 2)])
def test_equals_slow_loops_over_pixels(shape, bound):
    logits, flow = scene(*shape)
    expected = slow_loss(logits, flow, bound)
    found = flow_class_loss(logits, flow, bound=bound, reduction="sum")
    np.testing.assert_allclose(found.item(), expected, rtol=1e-12)
    mean = flow_class_loss(logits, flow, bound=bound).item()
    np.testing.assert_allclose(mean, expected / (shape[0] * shape[1]), rtol=1e-12)


def test_equals_slow_loops_in_float32_and_from_bf16():
    logits, flow = scene(dtype=torch.float32)
    rounded = logits.bfloat16()
    found = flow_class_loss(rounded, flow, reduction="sum")
    assert found.dtype == torch.float32
    np.testing.assert_allclose(found.item(), slow_loss(rounded, flow), rtol=1e-6)


def test_gradient():
    logits, flow = scene(points=4, bins=5)
    logits.requires_grad_()
    assert torch.autograd.gradcheck(lambda z: flow_class_loss(z, flow), (logits,))


def test_classes_by_hand():
    """In normalised flow a class is 1/8 wide: its edges are 57^(k/8) - 1 px."""
    inner = [57 ** (k / 8) - 1 for k in range(1, 8)]
    just = [edge * 1.001 for edge in inner]
    flow = torch.tensor([0.0, -0.0, -1e-3, *just, 56.0, 1e30, -56.0, -1e30])
    expected = [8, 8, 7, *range(9, 16), 15, 15, 0, 0]
    assert flow_classes(flow).tolist() == expected
    assert flow_classes(torch.tensor([-9.0, 0.0, 9.0]), 3).tolist() == [0, 1, 2]


def test_a_mirrored_flow_has_the_mirrored_class():
    _, flow = scene(points=200)
    assert torch.equal(flow_classes(-flow), 15 - flow_classes(flow))


def test_knowing_nothing_costs_the_logarithm_of_the_classes_of_both_axes():
    _, flow = scene()
    loss = flow_class_loss(torch.zeros((2, 9, 2, 16), dtype=torch.float64), flow)
    assert loss.item() == pytest.approx(2 * math.log(16), rel=1e-12)


def test_knowing_all_costs_nothing():
    _, flow = scene()
    logits = 1e3 * torch.nn.functional.one_hot(flow_classes(flow), 16).double()
    assert flow_class_loss(logits, flow).item() == pytest.approx(0, abs=1e-12)
    _, metrics = FlowClasses().at_points(logits.flatten(2), flow)
    assert metrics["accuracy"] == metrics["explained"] == 1.0


@pytest.mark.parametrize("points", [1, 2, 6])
@pytest.mark.parametrize("scale", [(0, 1), (1e4, 0), (1, 1e35), (0, 0)])
def test_finite_on_degenerate_input(points, scale):
    logits, flow = scene(points=points, dtype=torch.float32)
    logits = (logits * scale[0]).requires_grad_()
    loss = flow_class_loss(logits, flow * scale[1])
    loss.backward()
    assert torch.isfinite(loss)
    assert torch.isfinite(logits.grad).all()


def test_the_objective_is_the_loss_of_drawn_pixels():
    logits = torch.randn((2, 32, 20, 21), generator=generator(1))
    flow = 3 * torch.randn((2, 2, 20, 21), generator=generator(2))
    loss, metrics = FlowClasses(points=30)(logits, flow, generator(3))
    pixels = draw_pixels(flow, 30, generator=generator(3))
    drawn = vectors_at(logits, pixels)
    split = torch.stack((drawn[..., :16], drawn[..., 16:]), dim=2)
    truth = vectors_at(flow, pixels)
    assert loss == flow_class_loss(split, truth)
    right = split.argmax(dim=-1) == flow_classes(truth)
    assert metrics["accuracy"] == pytest.approx(right.float().mean().item())


def test_a_layer_makes_classes_of_any_embedding():
    embedding = torch.randn((2, 7, 20, 21), generator=generator(1)).requires_grad_()
    flow = torch.randn((2, 2, 20, 21), generator=generator(2))
    module = FlowClasses(points=30, bins=4).learnable(7)
    assert isinstance(module, ClassifiedFlow)
    loss, _ = module(embedding, flow, generator(3))
    loss.backward()
    layer = module.classify
    everywhere = torch.einsum("kd,bdhw->bkhw", layer.weight, embedding)
    everywhere = everywhere + layer.bias[:, None, None]
    expected, _ = module.objective(everywhere, flow, generator(3))
    torch.testing.assert_close(loss, expected)
    assert embedding.grad.abs().sum() > 0
    assert layer.weight.grad.abs().sum() > 0


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"logits": torch.zeros(2, 9, 32)}, r"logits must be \(B, N, 2, K\)"),
        ({"logits": torch.zeros(2, 9, 3, 16)}, r"got \(2, 9, 3, 16\)"),
        ({"logits": torch.zeros(2, 9, 2, 1)}, "bins must be at least 2; got 1"),
        ({"flow": torch.zeros(2, 8, 2)}, r"flow must be \(2, 9, 2\) for logits"),
        ({"flow": torch.full((2, 9, 2), math.nan)}, "flow must be finite"),
        ({"bound": -1.0}, "bound must be positive and finite; got -1.0"),
        ({"reduction": "none"}, "unknown reduction 'none'"),
    ],
)
def test_rejected_input(change, words):
    logits, flow = scene(dtype=torch.float32)
    with pytest.raises(SettingsError, match=words):
        flow_class_loss(**({"logits": logits, "flow": flow} | change))


def test_an_embedding_that_is_no_logits_is_told_of_the_layer():
    flow = torch.zeros(1, 2, 4, 4)
    with pytest.raises(
        SettingsError, match="32 channels, 16 for each axis; got 7. Use `learna"
    ):
        FlowClasses(points=3)(torch.zeros(1, 7, 4, 4), flow, generator())


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"points": 0}, "points must be at least 1"),
        ({"bins": 1}, "bins must be at least 2"),
        ({"bound": math.nan}, "bound must be positive"),
    ],
)
def test_settings_of_the_objective_are_checked(wrong, words):
    with pytest.raises(SettingsError, match=words):
        FlowClasses(**wrong)
