"""Flow regression against a slow least squares fit, and on flows that are linear."""

import numpy as np
import pytest
import torch

from napari_motionseg.errors import SettingsError
from napari_motionseg.objectives import OBJECTIVES
from napari_motionseg.objectives.flow_regression import (
    LEAST_RIDGE,
    FlowRegression,
    flow_regression_loss,
    ridge_map,
)


def vectors(batch=2, points=30, depth=5, seed=0):
    """Embeddings and flow of pixels, and of a neighbour of each."""
    rng = np.random.default_rng(seed)
    shapes = [(batch, points, depth)] * 2 + [(batch, points, 2)] * 2
    return [torch.from_numpy(rng.normal(size=shape)) for shape in shapes]


def slow_loss(embedding, embedding_near, flow, flow_near, settings):
    """The module's equations, one picture after the other.

    Ridge regression is a least squares fit with a row for each channel added.
    """
    losses, left, whole = [], 0.0, 0.0
    for e, e_near, f, f_near in zip(
        *(x.double().numpy() for x in (embedding, embedding_near, flow, flow_near)),
        strict=True,
    ):
        centred, wanted = e - e.mean(axis=0), f - f.mean(axis=0)
        depth = e.shape[1]
        penalty = settings.ridge * (centred**2).sum() / depth + LEAST_RIDGE
        rows = np.vstack((centred, np.sqrt(penalty) * np.eye(depth)))
        values = np.vstack((wanted, np.zeros((depth, 2))))
        linear = np.linalg.lstsq(rows, values, rcond=None)[0]
        count = len(e)
        error = np.abs(centred @ linear - wanted).sum()
        loss = error / (np.abs(wanted).sum() + settings.floor * count)
        asked = f_near - f
        uneven = np.abs((e_near - e) @ linear - asked).sum()
        uneven /= np.abs(asked).sum() + settings.floor * count
        losses.append(loss + settings.boundary * uneven)
        left, whole = left + error, whole + np.abs(wanted).sum()
    return np.mean(losses), 1 - left / whole


@pytest.mark.parametrize("boundary", [0.0, 0.7])
@pytest.mark.parametrize("shape", [(2, 30, 5), (1, 7, 12)])
def test_equals_a_slow_least_squares_fit(shape, boundary):
    parts = vectors(*shape)
    settings = FlowRegression(ridge=0.03, boundary=boundary, floor=0.4)
    loss, metrics = flow_regression_loss(*parts, settings=settings)
    expected, explained = slow_loss(*parts, settings)
    assert float(loss) == pytest.approx(expected, rel=1e-9)
    assert metrics["explained"] == pytest.approx(explained, abs=1e-9)


def test_gradient():
    embedding, near, flow, flow_near = vectors(points=9, depth=3)
    embedding.requires_grad_()
    near.requires_grad_()
    assert torch.autograd.gradcheck(
        lambda a, b: flow_regression_loss(a, b, flow, flow_near)[0], (embedding, near)
    )


def test_the_fit_itself_gets_a_gradient():
    embedding, _, flow, _ = vectors(points=9, depth=3)
    embedding.requires_grad_()
    assert torch.autograd.gradcheck(lambda a: ridge_map(a, flow, 0.1), (embedding,))


def test_flow_that_is_a_linear_map_is_explained():
    embedding, near, _, _ = vectors(depth=6)
    linear = torch.randn(6, 2, generator=torch.Generator().manual_seed(3)).double()
    settings = FlowRegression(ridge=1e-9)
    loss, metrics = flow_regression_loss(
        embedding, near, embedding @ linear + 5, near @ linear + 5, settings=settings
    )
    assert float(loss) < 1e-4
    assert metrics["explained"] > 0.999


def test_an_embedding_that_is_the_same_everywhere_explains_nothing():
    _, _, flow, flow_near = vectors()
    same = torch.ones(2, 30, 5, dtype=torch.float64, requires_grad=True)
    loss, metrics = flow_regression_loss(same, same, flow, flow_near)
    assert metrics["explained"] == pytest.approx(0, abs=1e-12)
    loss.backward()
    assert bool(torch.isfinite(same.grad).all())


def test_turns_of_the_embedding_do_not_matter():
    embedding, near, flow, flow_near = vectors()
    turn = torch.linalg.qr(torch.randn(5, 5).double())[0]
    before = flow_regression_loss(embedding, near, flow, flow_near)[0]
    after = flow_regression_loss(embedding @ turn, near @ turn, flow, flow_near)[0]
    assert float(after) == pytest.approx(float(before), rel=1e-9)


def test_the_length_of_the_flow_counts():
    """Other than in flow consistency, whose target is relative to the length."""
    embedding, near, flow, flow_near = vectors()
    slow, fast = (
        flow_regression_loss(embedding, near, scale * flow, scale * flow_near)[0]
        for scale in (0.01, 100.0)
    )
    assert float(slow) < 0.2 * float(fast)


def test_without_motion_there_is_nothing_to_learn():
    embedding, near, flow, _ = vectors()
    embedding.requires_grad_()
    still = torch.zeros_like(flow)
    loss, metrics = flow_regression_loss(embedding, near, still, still)
    loss.backward()
    assert float(loss.detach()) == 0
    assert metrics == {"information": 0.0}
    assert bool(torch.isfinite(embedding.grad).all())


def bar(height=40, width=48):
    """A background that drifts, and a bar that moves across it."""
    flow = torch.zeros(1, 2, height, width)
    flow[:, 0] = 3 + 0.05 * torch.arange(width)
    flow[:, 1, 18:22] += 6
    return flow


def test_the_objective_sees_what_moves_apart_and_not_the_drift():
    objective = OBJECTIVES.load("flow-regression")(points=300)
    flow = bar()
    drift = torch.arange(48.0).expand(1, 1, 40, 48)
    vessel = (flow[:, 1:] > 1).float()
    seen = {}
    for name, embedding in {"drift": drift, "vessel": vessel}.items():
        generator = torch.Generator().manual_seed(0)
        seen[name] = objective(embedding, flow, generator)[1]["explained"]
    assert seen["vessel"] > 0.9
    assert seen["drift"] < 0.1


def test_autocast_does_not_round_the_fit():
    embedding, near, flow, flow_near = (x.float() for x in vectors())
    plain = flow_regression_loss(embedding, near, flow, flow_near)[0]
    with torch.autocast("cpu", torch.bfloat16):
        cast = flow_regression_loss(embedding, near, flow, flow_near)[0]
    assert float(cast) == float(plain)
    assert cast.dtype == torch.float32


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"points": 0}, "points must be at least 1; got 0"),
        ({"reach": 0}, "reach must be at least 1"),
        ({"changes": 1.5}, r"changes must be 0 to 1; got 1\.5"),
        ({"ridge": 0.0}, "ridge must be positive"),
        ({"floor": float("nan")}, "floor must be positive and finite; got nan"),
        ({"boundary": -1.0}, "boundary must be at least 0; got -1"),
    ],
)
def test_settings_are_checked(wrong, words):
    with pytest.raises(SettingsError, match=words):
        FlowRegression(**wrong)


@pytest.mark.parametrize(
    ("place", "value", "words"),
    [
        (2, torch.zeros(2, 30, 3), "flow must be"),
        (1, torch.zeros(2, 30), "embedding_near must be"),
        (3, torch.full((2, 30, 2), torch.nan), "flow must be finite"),
    ],
)
def test_rejected_input(place, value, words):
    parts = vectors()
    parts[place] = value
    with pytest.raises(SettingsError, match=words):
        flow_regression_loss(*parts)
