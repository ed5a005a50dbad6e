"""The network of two layers, its loss and the fit to the pictures."""

import copy

import numpy as np
import pytest
import torch
from scipy import ndimage

from napari_motionseg.models import LayeredPWCNet
from napari_motionseg.models.layer_refinement import (
    Fit,
    Scale,
    refine,
    settle,
    slope,
)
from napari_motionseg.models.layered_pwcnet import LayeredFlow
from napari_motionseg.training.flow.layered_loss import (
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


def branches(shift=(0.0, 0.0), size=192):
    """A trunk and two branches, soft at the edges, moved as a whole."""
    rows, columns = np.mgrid[:size, :size].astype(float)
    x, y = columns - shift[0], rows - shift[1]
    trunk = np.abs(y - 60 - 12 * np.sin(x / 19))
    branch = np.abs(x - 110 - 0.3 * (y - 60) + 6 * np.cos(y / 11)) + 99 * (y < 60)
    twig = np.abs(x - 60 + 0.4 * (y - 60)) + 99 * (y < 66)
    ends = 99 * ((x < 30) | (x > 165) | (y > 150))
    distance = np.minimum.reduce((trunk, branch, twig)) + ends
    return torch.from_numpy(1 / (1 + np.exp(distance - 4))).float()[None, None]


def constant(x, y, size=192):
    return torch.tensor([x, y]).view(1, 2, 1, 1).expand(1, 2, size, size)


@pytest.mark.parametrize("start", [(0.0, 0.0), (12.0, -3.0)])
@pytest.mark.parametrize("shift", [(2.0, -1.5), (14.0, 9.0)])
def test_the_fit_brings_the_shape_to_lie_on_itself(shift, start):
    first, second = branches(), branches(shift)
    found = refine(first, second, constant(*start))
    off = torch.linalg.vector_norm(found - constant(*shift), dim=1)
    vessel = first[0] > 0.5
    before = np.hypot(shift[0] - start[0], shift[1] - start[1])
    assert float(off[vessel].mean()) < 0.3 * before


def slow_step(ours, theirs, weight, flow, window, smooth):
    """One Gauss-Newton step in NumPy and SciPy, a 2 x 2 system a pixel."""

    def blur(a, sigma):
        return ndimage.gaussian_filter(a, sigma, mode="nearest", truncate=3)

    def slopes(a):
        x, y = np.zeros_like(a), np.zeros_like(a)
        x[:, 1:-1] = (a[:, 2:] - a[:, :-2]) / 2
        y[1:-1] = (a[2:] - a[:-2]) / 2
        return x, y

    trust = weight + 1e-3
    flow = np.stack([blur(c * trust, smooth) / blur(trust, smooth) for c in flow])
    rows, columns = np.mgrid[: ours.shape[0], : ours.shape[1]]
    at = [rows + flow[1], columns + flow[0]]
    inside = np.logical_and.reduce([(a >= 0) & (a <= len(ours) - 1) for a in at])
    there = [
        ndimage.map_coordinates(a, at, order=1, mode="nearest") * inside
        for a in (theirs, *slopes(theirs))
    ]
    left = there[0] - ours
    gx, gy = ((a + b) / 2 for a, b in zip(slopes(ours), there[1:], strict=True))
    counts = weight * inside / (1 + left**2)
    mass = blur(weight, window) + 1e-3
    xx, xy, yy, xr, yr = (
        blur(counts * product, window) / mass
        for product in (gx * gx, gx * gy, gy * gy, gx * left, gy * left)
    )
    moved = flow.copy()
    for i, j in np.ndindex(ours.shape):
        system = np.array([[xx[i, j], xy[i, j]], [xy[i, j], yy[i, j]]])
        step = -np.linalg.solve(system + 0.05 * np.eye(2), [xr[i, j], yr[i, j]])
        moved[:, i, j] += step * min(1, 2 / np.linalg.norm(step))
    return moved


def test_a_step_against_numpy():
    rng = np.random.default_rng(0)
    ours, theirs = ndimage.gaussian_filter(rng.random((2, 24, 24)), (0, 2, 2)) * 6
    weight, flow = rng.random((24, 24)), rng.normal(0, 1, (2, 24, 24))
    scale = Scale(factor=4, blur=0.0, window=8.0, smooth=12.0, steps=1)
    batches = (torch.from_numpy(a)[None, None] for a in (ours, theirs, weight))
    found = Fit(*batches, scale).step(torch.from_numpy(flow)[None])[0]
    wanted = slow_step(ours, theirs, weight, flow, window=2.0, smooth=3.0)
    np.testing.assert_allclose(found, wanted, atol=1e-4)


def test_both_ways_at_once_are_each_way(network):
    pictures = torch.rand(2, 1, 64, 128)
    with torch.inference_mode():
        ours, theirs = network.pyramid(pictures), network.pyramid(pictures.flip(0))
        there, back = network.decode_both(ours, theirs)
        np.testing.assert_allclose(there, network.decode(ours, theirs), atol=1e-4)
        np.testing.assert_allclose(back, network.decode(theirs, ours), atol=1e-4)


def test_the_background_agrees_with_itself_there_and_back(network):
    """Where no vessel lies, both ways are one field with two signs."""
    pictures = torch.rand(2, 1, 64, 128)
    shapeless = copy.deepcopy(network)
    torch.nn.init.constant_(shapeless.shape.at_whole[1].bias, -30.0)
    with torch.inference_mode():
        pyramids = shapeless.pyramid(pictures), shapeless.pyramid(pictures.flip(0))
        there, back = shapeless.decode_both(*pyramids)
    assert float(there.abs().max()) > 0
    np.testing.assert_allclose(there, -back, atol=1e-5)


def test_a_settled_background_forgets_noise_and_what_a_vessel_drags_along():
    rng = np.random.default_rng(0)
    weight = torch.zeros(1, 1, 192, 192)
    weight[..., 90:102, :] = 1
    noise = torch.from_numpy(rng.normal(0, 1, (1, 2, 192, 192))).float()
    flow = torch.tensor([2.0, -1.0]).view(1, 2, 1, 1) + noise
    flow[..., 80:112, :] += 9
    found = settle(flow, weight) - torch.tensor([2.0, -1.0]).view(1, 2, 1, 1)
    assert float(found.norm(dim=1).max()) < 0.6


def test_a_settled_shear_stays_a_shear():
    ramp = torch.linspace(-3, 3, 256).view(1, 1, 256, 1).expand(1, 2, 256, 256)
    found = settle(ramp, torch.zeros(1, 1, 256, 256))
    inner = np.s_[..., 100:156, 100:156]
    np.testing.assert_allclose(found[inner], ramp[inner], atol=0.05)


def test_no_shape_no_change():
    nothing = torch.zeros(1, 1, 64, 64)
    flow = constant(1.5, 1.5, 64)
    np.testing.assert_allclose(refine(nothing, nothing, flow), flow, atol=1e-4)


def test_slopes_are_central_differences():
    picture = torch.arange(20.0).view(1, 1, 4, 5)
    x, y = slope(picture)
    assert bool((x[..., 1:-1] == 1).all())
    assert bool((y[..., 1:-1, :] == 5).all())
    assert float(x[..., 0].abs().max()) == 0
