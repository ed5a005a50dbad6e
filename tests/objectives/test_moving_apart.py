"""Moving apart against loops over pixels, on flows whose answer is known."""

import math
import pickle

import numpy as np
import pytest
import torch
from torch import nn

from napari_motionseg.errors import SettingsError
from napari_motionseg.objectives import OBJECTIVES
from napari_motionseg.objectives.moving_apart import (
    MovingApart,
    moving_apart_loss,
    moving_share,
)


def table_with_a_vessel(height=24, width=30, speed=6.0):
    """An affine background, with a bar that moves across it."""
    y, x = torch.meshgrid(
        torch.arange(height, dtype=torch.float64),
        torch.arange(width, dtype=torch.float64),
        indexing="ij",
    )
    flow = torch.stack((2 + 0.05 * x, -1 + 0.02 * y))[None]
    vessel = torch.zeros(1, height, width, dtype=torch.bool)
    vessel[:, 10:13] = True
    flow[:, 1][vessel] += speed
    return flow, vessel


def slow_loss(logits, target):
    """The module's equation, pixel by pixel."""
    moving = still = apart = along = 0.0
    for u, t in zip(logits.ravel(), target.ravel(), strict=True):
        chance = 1 / (1 + math.exp(-u))
        apart -= t * math.log(chance)
        along -= (1 - t) * math.log(1 - chance)
        moving, still = moving + t, still + 1 - t
    return (apart / moving + along / still) / 2


def test_loss_is_the_equation():
    rng = np.random.default_rng(0)
    logits, target = rng.normal(0, 2, (3, 17)), rng.random((3, 17))
    found = moving_apart_loss(torch.from_numpy(logits), torch.from_numpy(target))
    assert float(found) == pytest.approx(slow_loss(logits, target), abs=1e-12)


def test_gradient():
    rng = torch.Generator().manual_seed(1)
    logits = torch.randn(2, 9, generator=rng, dtype=torch.float64, requires_grad=True)
    target = torch.rand(2, 9, generator=rng, dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda u: moving_apart_loss(u, target), (logits,))


def test_what_moves_with_the_background_does_not_move_apart():
    flow, vessel = table_with_a_vessel()
    share = moving_share(flow, sigma=3.0)
    torch.testing.assert_close(
        share[vessel],
        torch.full_like(share[vessel], 1 - math.exp(-4)),
        atol=0.01,
        rtol=0,
    )
    assert float(share[~vessel].max()) < 1e-3


def test_an_even_guess_costs_log_2_however_few_pixels_move():
    for moving in (1, 50):
        target = torch.zeros(1, 100)
        target[:, :moving] = 1
        loss = moving_apart_loss(torch.zeros(1, 100), target)
        assert float(loss) == pytest.approx(math.log(2))


@pytest.mark.parametrize("flow", [torch.zeros(1, 2, 20, 20), torch.ones(1, 2, 20, 20)])
def test_no_motion_apart_teaches_nothing(flow):
    embedding = torch.randn(1, 5, 20, 20, requires_grad=True)
    module = MovingApart(points=50).learnable(5)
    loss, metrics = module(embedding, flow, torch.Generator().manual_seed(0))
    loss.backward()
    assert float(loss.detach()) == 0
    assert metrics["moving"] == pytest.approx(0, abs=1e-6)
    assert bool(torch.isfinite(embedding.grad).all())
    assert float(embedding.grad.abs().sum()) == 0


def test_a_layer_learns_where_the_vessel_is():
    """An embedding that holds the vessel in one of its channels is enough."""
    flow, vessel = table_with_a_vessel()
    rng = torch.Generator().manual_seed(2)
    embedding = torch.randn(1, 4, *vessel.shape[1:], generator=rng)
    embedding[:, 2] = vessel.float()
    torch.manual_seed(0)
    module = MovingApart(points=300).learnable(4)
    optimizer = torch.optim.Adam(module.parameters(), lr=0.1)
    losses = []
    for _ in range(60):
        loss, _ = module(embedding, flow.float(), rng)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert np.mean(losses[-5:]) < 0.3 * losses[0]
    assert int(module.logit.weight.abs().argmax()) == 2


def test_it_is_among_the_objectives_and_travels():
    objective = OBJECTIVES.load("moving-apart")(points=99, sigma=2.0)
    assert pickle.loads(pickle.dumps(objective)) == MovingApart(99, 2.0)
    flow, _ = table_with_a_vessel()
    logits = torch.zeros(1, 1, *flow.shape[2:])
    loss, _ = objective(logits, flow.float(), torch.Generator().manual_seed(0))
    assert float(loss) == pytest.approx(math.log(2), abs=1e-6)


def test_what_is_refused():
    with pytest.raises(SettingsError, match="points must be at least 1; got 0"):
        MovingApart(points=0)
    with pytest.raises(
        SettingsError, match="sigma must be positive and finite; got -1"
    ):
        MovingApart(sigma=-1)
    flow, generator = torch.ones(1, 2, 8, 8), torch.Generator()
    with pytest.raises(SettingsError, match="one channel; got 3. Use `learnable`"):
        MovingApart(points=4)(torch.zeros(1, 3, 8, 8), flow, generator)
    with pytest.raises(SettingsError, match="flow must be finite"):
        moving_share(flow * torch.nan, 1.0)
    with pytest.raises(SettingsError, match=r"got \(1, 3\) and \(1, 4\)"):
        moving_apart_loss(torch.zeros(1, 3), torch.zeros(1, 4))
    with pytest.raises(SettingsError, match="target must lie between 0 and 1"):
        moving_apart_loss(torch.zeros(1, 3), torch.full((1, 3), 1.5))
    assert isinstance(MovingApart().learnable(2), nn.Module)
