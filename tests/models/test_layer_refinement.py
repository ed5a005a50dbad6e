"""The refinement of layers against NumPy, and its fixed points."""

import numpy as np
import pytest
import torch
from scipy import ndimage

from napari_motionseg.models.layer_refinement import (
    Fit,
    Scale,
    consistent,
    register,
    settle,
    slope,
)


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
    forward, backward = constant(*start), constant(-start[0], -start[1])
    found = register(first, second, forward, backward)
    before = np.hypot(shift[0] - start[0], shift[1] - start[1])
    for flow, sign, shape in zip(found, (1, -1), (first, second), strict=True):
        off = torch.linalg.vector_norm(flow - sign * constant(*shift), dim=1)
        assert float(off[shape[0] > 0.5].mean()) < 0.3 * before


def slow_step(ours, theirs, weight, flow, window, smooth):
    """One Gauss-Newton step in NumPy and SciPy, a 2 x 2 system a pixel."""

    def blur(a, sigma):
        return ndimage.gaussian_filter(a, sigma, mode="mirror", truncate=3)

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
        step = -np.linalg.solve(system + 0.1 * np.eye(2), [xr[i, j], yr[i, j]])
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


def test_a_side_branch_keeps_a_vessel_from_sliding_along_itself():
    rows, columns = np.mgrid[:192, :192].astype(float)
    away = np.minimum(
        np.abs(rows - 96),
        np.abs((columns - 60) % 40 - 20) + 99 * (np.abs(rows - 106) > 12),
    )
    first = torch.from_numpy(1 / (1 + np.exp(2 * (away - 3)))).float()[None, None]
    second = torch.roll(first, 5, dims=-1)
    start = constant(0.0, 0.0)
    forward, _ = register(first, second, start, start)
    along = forward[0, 0, 96, 60:132]
    assert float((along - 5).abs().max()) < 0.1


def test_no_shape_no_change():
    nothing = torch.zeros(1, 1, 64, 64)
    flow = constant(1.5, 1.5, 64)
    found = register(nothing, nothing, flow, flow)
    np.testing.assert_allclose(found[0], flow, atol=1e-4)
    np.testing.assert_allclose(found[1], flow, atol=1e-4)


def test_consistency_against_numpy():
    rng = np.random.default_rng(0)
    forward, backward = rng.normal(0, 2, (2, 2, 24, 20))
    first, second = rng.random((2, 24, 20))
    batches = (torch.from_numpy(a)[None] for a in (forward, backward))
    shares = (torch.from_numpy(a)[None, None] for a in (first, second))
    found = consistent(*batches, *shares)
    rows, columns = np.mgrid[:24, :20].astype(float)
    for flow, other, seen, got in (
        (forward, backward, second, found[0]),
        (backward, forward, first, found[1]),
    ):
        at = [rows + flow[1], columns + flow[0]]
        ends = zip(at, (23, 19), strict=True)
        inside = np.logical_and.reduce([(a >= 0) & (a <= end) for a, end in ends])
        x, y, share = (
            ndimage.map_coordinates(a, at, order=1, mode="nearest")
            for a in (*other, seen)
        )
        wanted = flow - 0.3 * inside * share * (flow + np.stack((x, y)))
        np.testing.assert_allclose(got[0], wanted, atol=1e-5)


def test_there_and_back_agree_where_shapes_alone_do_not_tell():
    """A straight vessel may slide along itself: only the other direction knows."""
    line = torch.zeros(1, 1, 128, 128)
    line[..., 60:68, :] = 1
    found = register(line, line, constant(6.0, 0.0, 128), constant(0.0, 0.0, 128))
    missed = (found[0] + found[1])[..., 60:68, 32:96]
    assert float(missed.abs().max()) < 0.1
    assert 1 < float(found[0][:, 0, 64, 64].mean()) < 5


def test_slopes_are_central_differences():
    picture = torch.arange(20.0).view(1, 1, 4, 5)
    x, y = slope(picture)
    assert bool((x[..., 1:-1] == 1).all())
    assert bool((y[..., 1:-1, :] == 5).all())
    assert float(x[..., 0].abs().max()) == 0
