"""The loss of the layered network against NumPy."""

import numpy as np
import pytest
import torch

from napari_motionseg.models import LayeredPWCNet
from napari_motionseg.models.layered_pwcnet import LayeredFlow
from napari_motionseg.training.flow.layered_loss import (
    LEVEL_WEIGHTS,
    layer_loss,
    layered_flow_loss,
    shape_loss,
)


def slow_layer_loss(flow, target, where):
    """Loops over coarse pixels and the pixels of each."""
    b, _, h, w = flow.shape
    f = target.shape[-1] // w
    total = weight = 0.0
    for n in range(b):
        for i in range(h):
            for j in range(w):
                block = np.s_[n, :, i * f : (i + 1) * f, j * f : (j + 1) * f]
                here = where[n, i * f : (i + 1) * f, j * f : (j + 1) * f]
                share = here.mean()
                if share < 1e-3:
                    continue
                mean = (target[block] * here).sum(axis=(1, 2)) / here.sum()
                count = min(share / 0.25, 1)
                total += count * np.linalg.norm(flow[n, :, i, j] - mean) / 20
                weight += count
    return total / max(weight, 1)


@pytest.mark.parametrize("factor", [1, 4])
def test_a_layer_is_compared_where_it_lies(factor):
    rng = np.random.default_rng(factor)
    flow = rng.normal(0, 5, (2, 2, 6, 8))
    target = rng.normal(0, 5, (2, 2, 6 * factor, 8 * factor))
    where = (rng.random((2, 6 * factor, 8 * factor)) < 0.3).astype(float)
    where[0, :, : 4 * factor] = 0
    found = layer_loss(*(torch.from_numpy(a) for a in (flow, target, where)))
    assert float(found) == pytest.approx(slow_layer_loss(flow, target, where), rel=1e-4)


def test_no_layer_no_loss():
    zero = layer_loss(
        torch.ones(1, 2, 4, 4), torch.zeros(1, 2, 16, 16), torch.zeros(1, 16, 16)
    )
    assert float(zero) == 0


def test_shape_loss_against_numpy():
    rng = np.random.default_rng(0)
    logits, where = rng.normal(size=(2, 5, 7)), (rng.random((2, 5, 7)) < 0.4) * 1.0
    p = 1 / (1 + np.exp(-logits))
    entropy = -(where * np.log(p) + (1 - where) * np.log(1 - p)).mean()
    dice = (2 * (p * where).sum() + 1) / (p.sum() + where.sum() + 1)
    found = shape_loss(torch.from_numpy(logits), torch.from_numpy(where))
    assert float(found) == pytest.approx(entropy + 1 - dice, rel=1e-5)


def test_the_truth_costs_next_to_nothing():
    rng = torch.Generator().manual_seed(0)
    vessel = torch.zeros(1, 64, 64, dtype=torch.bool)
    vessel[:, 20:28] = True
    target = torch.zeros(1, 2, 64, 64)
    target[:, 0] = torch.where(vessel, 6.0, -1.0)
    layers = torch.tensor([6.0, 0.0, -1.0, 0.0]).view(1, 4, 1, 1)
    levels = [
        layers.expand(1, 4, 64 >> n, 64 >> n) for n in sorted(LEVEL_WEIGHTS)[::-1]
    ]
    logits = torch.where(vessel, 20.0, -20.0)[:, None]
    right = layered_flow_loss(
        LayeredFlow(levels, logits), target, vessel, torch.ones(1, 64, 64)
    )
    assert float(right) < 0.02
    wrong = [level + torch.randn(level.shape, generator=rng) for level in levels]
    worse = layered_flow_loss(
        LayeredFlow(wrong, logits), target, vessel, torch.ones(1, 64, 64)
    )
    assert float(worse) > 10 * float(right)


def test_gradients_reach_every_weight():
    torch.manual_seed(0)
    model = LayeredPWCNet()
    pictures = torch.rand(2, 1, 64, 64)
    seen = model.see(model.pyramid(pictures), model.pyramid(pictures.flip(0)))
    vessel = torch.rand(2, 64, 64) < 0.2
    loss = layered_flow_loss(
        seen, torch.randn(2, 2, 64, 64), vessel, torch.ones(2, 64, 64)
    )
    loss.backward()
    without = [n for n, p in model.named_parameters() if p.grad is None]
    assert without == []
    assert all(bool(p.grad.isfinite().all()) for p in model.parameters())
