"""The network of two layers, its loss and the fit to the pictures."""

import numpy as np
import pytest
import torch
from scipy import ndimage

from napari_motionseg.models import LayeredPWCNet
from napari_motionseg.models.layer_refinement import evened, refine, slope
from napari_motionseg.models.layered_pwcnet import LayeredFlow
from napari_motionseg.models.sampling import sample_along
from napari_motionseg.training.layered_loss import (
    LEVEL_WEIGHTS,
    layer_loss,
    layered_flow_loss,
    shape_loss,
)


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return LayeredPWCNet().eval()


def test_the_flow_is_the_mixture_of_two(network):
    pictures = torch.rand(2, 1, 64, 128)
    with torch.inference_mode():
        pyramids = network.pyramid(pictures), network.pyramid(pictures.flip(0))
        seen = network.see(*pyramids)
    assert [flow.shape[-1] for flow in seen.levels] == [2, 4, 8, 16, 32]
    vessel, background = seen.layers()
    alpha = seen.logits.sigmoid()
    wanted = alpha * vessel + (1 - alpha) * background
    np.testing.assert_allclose(seen.flow(), wanted, atol=1e-4)


@pytest.mark.parametrize("size", [(64, 64), (70, 101)])
def test_any_size_gives_its_own(network, size):
    with torch.inference_mode():
        flow = network(torch.rand(1, 1, *size), torch.rand(1, 1, *size))
    assert flow.shape == (1, 2, *size)
    assert bool(flow.isfinite().all())


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


# the fit


def scene(shift, size=128):
    """A dark line over a textured ground that stands still."""
    rng = np.random.default_rng(1)
    ground = 0.6 + 0.03 * ndimage.gaussian_filter(rng.normal(size=(size, size)), 3) * 10
    rows, columns = np.mgrid[:size, :size]

    def line(dx, dy):
        course = size / 2 + 14 * np.sin((columns - dx) / 11) + dy
        return np.exp(-(((rows - course) / 4.0) ** 2))

    def picture(dx, dy):
        return torch.from_numpy(ground * (1 - 0.5 * line(dx, dy))).float()[None, None]

    weight = torch.from_numpy((line(0, 0) > 0.3) * 1.0).float()[None, None]
    return picture(0, 0), picture(*shift), weight


@pytest.mark.parametrize("start", [(0.0, 0.0), (4.0, 1.0)])
def test_the_fit_brings_the_vessel_to_lie_on_itself(start):
    """Along a smooth line it may slide: no picture tells."""
    first, second, weight = scene((2.0, -1.5))
    flow = torch.tensor(start).view(1, 2, 1, 1).expand(1, 2, 128, 128)
    inner = weight[0, 0, 20:-20, 20:-20] > 0.5

    def left(flow):
        warped, _ = sample_along(second, flow)
        return float((warped - first)[0, 0, 20:-20, 20:-20][inner].abs().mean())

    assert left(refine(first, second, flow, weight)) < 0.25 * left(flow)


def test_no_structure_no_change():
    flat = torch.full((1, 1, 64, 64), 0.5)
    flow = torch.full((1, 2, 64, 64), 1.5)
    found = refine(flat, flat, flow, torch.ones(1, 1, 64, 64))
    np.testing.assert_allclose(found, flow, atol=1e-4)


def test_evening_out_takes_lighting_away():
    rng = np.random.default_rng(0)
    texture = ndimage.gaussian_filter(rng.normal(size=(128, 128)), 2) * 0.3
    ramp = np.linspace(-0.3, 0.3, 128)[None]
    plain, lit = (
        evened(torch.from_numpy(0.5 + p).float()[None, None])[0, 0, 30:-30, 30:-30]
        for p in (texture, texture + ramp)
    )
    assert float((plain - lit).abs().mean()) < 0.1 * float(plain.abs().mean())


def test_slopes_are_central_differences():
    picture = torch.arange(20.0).view(1, 1, 4, 5)
    x, y = slope(picture)
    assert bool((x[..., 1:-1] == 1).all())
    assert bool((y[..., 1:-1, :] == 5).all())
    assert float(x[..., 0].abs().max()) == 0
