"""Embeddings that flow carries along: a slow version, properties, what is refused."""

import numpy as np
import pytest
import torch

from napari_motionseg.errors import SettingsError
from napari_motionseg.objectives.temporal_consistency import (
    TemporalConsistency,
    temporal_consistency_loss,
)


def scene(shape=(2, 5, 7, 9), points=11, seed=0):
    rng = np.random.default_rng(seed)
    batch, _, height, width = shape
    first, second = (torch.from_numpy(rng.standard_normal(shape)) for _ in range(2))
    flow = torch.from_numpy(2 * rng.standard_normal((batch, 2, height, width)))
    rows = rng.integers(0, height, (batch, points))
    columns = rng.integers(0, width, (batch, points))
    return first, second, flow, torch.from_numpy(np.stack((rows, columns), -1))


def slow(first, second, flow, points):
    """One point after the other, bilinear by hand."""
    first, second, flow = (part.numpy() for part in (first, second, flow))
    height, width = first.shape[-2:]
    losses = []
    for b, chosen in enumerate(points.tolist()):
        for row, column in chosen:
            x, y = flow[b, :, row, column]
            r, c = row + y, column + x
            if not (0 <= r <= height - 1 and 0 <= c <= width - 1):
                continue
            top, left = min(int(r), height - 2), min(int(c), width - 2)
            down, right = r - top, c - left
            there = (
                second[b, :, top, left] * (1 - down) * (1 - right)
                + second[b, :, top, left + 1] * (1 - down) * right
                + second[b, :, top + 1, left] * down * (1 - right)
                + second[b, :, top + 1, left + 1] * down * right
            )
            here = first[b, :, row, column]
            cosine = here @ there / np.linalg.norm(here) / np.linalg.norm(there)
            losses.append(1 - cosine)
    return np.mean(losses)


@pytest.mark.parametrize("shape", [(2, 5, 7, 9), (1, 3, 12, 5)])
def test_equals_slow_loops_over_points(shape):
    parts = scene(shape, points=40)
    found = temporal_consistency_loss(*parts)
    np.testing.assert_allclose(found.item(), slow(*parts), rtol=1e-12)


def test_gradient():
    first, second, flow, points = scene((1, 3, 5, 6), points=8)

    def loss(first, second):
        return temporal_consistency_loss(first, second, flow, points)

    inputs = first.requires_grad_(), second.requires_grad_()
    assert torch.autograd.gradcheck(loss, inputs)


def test_a_picture_that_moves_as_a_whole_costs_nothing():
    first = torch.randn((1, 4, 10, 12), generator=torch.Generator().manual_seed(0))
    second = 3 * torch.roll(first, (2, -1), (2, 3))  # 2 down, 1 left, and longer
    flow = torch.zeros((1, 2, 10, 12))
    flow[:, 0], flow[:, 1] = -1, 2
    grid = torch.cartesian_prod(torch.arange(10), torch.arange(12))[None]
    assert temporal_consistency_loss(first, second, flow, grid) < 1e-6
    assert temporal_consistency_loss(first, second, 0 * flow, grid) > 0.5


@pytest.mark.parametrize("far", [1e6, torch.inf, torch.nan])
def test_where_all_leaves_the_picture_there_is_nothing_to_learn(far):
    first, second, flow, points = scene()
    first.requires_grad_()
    loss = temporal_consistency_loss(first, second, torch.full_like(flow, far), points)
    loss.backward()
    assert loss == 0
    assert not first.grad.any()


def test_embeddings_without_a_direction_are_finite():
    first, second, flow, points = scene()
    first = torch.zeros_like(first).requires_grad_()
    loss = temporal_consistency_loss(first, second, flow * 0, points)
    loss.backward()
    assert loss == 1
    assert not first.grad.any()


def test_the_objective_is_the_loss_of_drawn_points():
    first, second, flow, _ = scene()
    objective = TemporalConsistency(points=20)
    assert objective.needs_second_frame
    generator = torch.Generator().manual_seed(1)
    loss, metrics = objective(first, flow, generator, second)
    assert metrics["carried"] == pytest.approx(1 - loss.item())
    other, _ = objective(first, flow, torch.Generator().manual_seed(1), second)
    assert loss == other


def test_what_does_not_fit_is_refused():
    first, second, flow, points = scene()
    with pytest.raises(
        SettingsError, match=r"second must have the shape \(2, 5, 7, 9\)"
    ):
        temporal_consistency_loss(first, second[:, :3], flow, points)
    with pytest.raises(SettingsError, match="flow must be"):
        temporal_consistency_loss(first, second, flow[:, :1], points)
    with pytest.raises(SettingsError, match="points must be at least 1; got 0"):
        TemporalConsistency(points=0)
