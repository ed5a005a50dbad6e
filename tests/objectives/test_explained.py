"""What is explained, against slow versions that look at one pixel after the other."""

import math

import numpy as np
import pytest
import torch

from napari_motionseg.objectives import OBJECTIVES
from napari_motionseg.objectives.conditional_propagation import ConditionalPropagation
from napari_motionseg.objectives.cross_pixel import CrossPixel, log_normalized_flow
from napari_motionseg.objectives.explained import explained_metrics, pooled_explained
from napari_motionseg.objectives.flow_classes import FlowClasses, flow_classes
from napari_motionseg.objectives.flow_consistency import (
    FlowConsistency,
    point_terms,
    sample_points,
)
from napari_motionseg.objectives.grouping import Grouping
from napari_motionseg.objectives.moving_apart import (
    MovingApart,
    loss_bounds,
    moving_apart_loss,
    moving_share,
)
from napari_motionseg.objectives.weighted_sum import ObjectiveSet

# its least loss is reached by a constant, so it has nothing to explain
WITHOUT = {"temporal-consistency"}


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def scene(depth=6, side=24, seed=0):
    """A square that moves to the right on a ground that moves up, and embeddings."""
    rng = np.random.default_rng(seed)
    flow = np.zeros((2, 2, side, side))
    flow[:, 1] = -2
    flow[:, :, 5:15, 6:16] = np.array([3, 0.5])[:, None, None]
    flow += 0.1 * rng.normal(size=flow.shape)
    embedding = torch.from_numpy(rng.normal(size=(2, depth, side, side)))
    return embedding, torch.from_numpy(flow)


def kl(p, q):
    return sum(a * math.log(a / b) for a, b in zip(p, q, strict=True) if a > 0)


def slow_flow_consistency(embedding, flow, points, settings):
    """Weighted sums of KL(P_f, P_phi) and KL(P_f, uniform), neighbour by neighbour."""
    phi, f = embedding.numpy(), flow.numpy()
    steps = settings.dilation * np.arange(-2, 3)
    told = possible = 0.0
    for b in range(len(phi)):
        for row, column in points[b].tolist():
            f_p, phi_p = f[b, :, row, column], phi[b, :, row, column]
            moves, looks = [], []
            for r, c in [(row + i, column + j) for i in steps for j in steps]:
                inside = 0 <= r < f.shape[2] and 0 <= c < f.shape[3]
                if (r, c) == (row, column) or not inside:
                    continue
                apart = np.sum((f_p - f[b, :, r, c]) ** 2) / (np.sum(f_p**2) + 1)
                moves.append(math.exp(-apart / (2 * settings.sigma**2)))
                phi_q = phi[b, :, r, c]
                cosine = phi_p @ phi_q / math.sqrt((phi_p @ phi_p) * (phi_q @ phi_q))
                looks.append((1 + cosine) / 2)
            p_f, p_phi = np.array(moves) / sum(moves), np.array(looks) / sum(looks)
            length = math.sqrt(f_p @ f_p)
            told += length * kl(p_f, p_phi)
            possible += length * kl(p_f, np.full(len(p_f), 1 / len(p_f)))
    return told, possible


def test_flow_consistency_equals_the_slow_version():
    embedding, flow = scene()
    settings = FlowConsistency(points=40, dilation=2, sigma=0.25)
    points = sample_points(flow, 40, generator=generator(3))
    told, possible = slow_flow_consistency(embedding, flow, points, settings)
    weight = point_terms(embedding, flow, points, settings).weight.sum().item()
    _, metrics = settings(embedding, flow, generator(3))
    assert metrics["information"] == pytest.approx(possible / weight, rel=1e-6)
    assert metrics["explained"] == pytest.approx(1 - told / possible, rel=1e-6)
    assert metrics["explained"] < 0 < metrics["information"]  # worse than a constant


def test_cross_pixel_equals_the_slow_version():
    rng = np.random.default_rng(1)
    phi, f = rng.normal(size=(30, 5)), 3 * rng.normal(size=(30, 2))
    moves = log_normalized_flow(torch.from_numpy(f)).numpy()
    sigma, told, possible = 0.3, 0.0, 0.0
    for q in range(30):
        targets, looks, alike = [], [], []
        for p in range(30):
            apart = np.sum((moves[p] - moves[q]) ** 2)
            targets.append(math.exp(math.exp(-apart / (2 * sigma**2)) - (p == q)))
            cosine = phi[p] @ phi[q] / np.linalg.norm(phi[p]) / np.linalg.norm(phi[q])
            looks.append(math.exp(cosine / 4 - (p == q)))
            alike.append(math.exp(1 / 4 - (p == q)))
        target = np.array(targets) / sum(targets)
        told += kl(target, np.array(looks) / sum(looks))
        possible += kl(target, np.array(alike) / sum(alike))
    _, metrics = CrossPixel(sigma=sigma).at_points(
        torch.from_numpy(phi)[None], torch.from_numpy(f)[None]
    )
    assert metrics["information"] == pytest.approx(possible / 30, rel=1e-6)
    assert metrics["explained"] == pytest.approx(1 - told / possible, rel=1e-6)


def test_flow_classes_are_measured_against_their_frequencies():
    rng = np.random.default_rng(2)
    flow = torch.from_numpy(4 * rng.normal(size=(1, 60, 2)))
    logits = torch.from_numpy(rng.normal(size=(1, 60, 8)))
    classes = flow_classes(flow, 4)[0].numpy()
    loss = constant = 0.0
    for axis in range(2):
        shares = np.bincount(classes[:, axis], minlength=4) / 60
        for scores, one in zip(logits[0].numpy(), classes[:, axis], strict=True):
            own = np.exp(scores.reshape(2, 4)[axis])
            loss -= math.log(own[one] / own.sum()) / 60
            constant -= math.log(shares[one]) / 60
    _, metrics = FlowClasses(bins=4).at_points(logits, flow)
    assert metrics["information"] == pytest.approx(constant, rel=1e-5)
    assert metrics["explained"] == pytest.approx(1 - loss / constant, rel=1e-5)


def test_no_answer_is_below_the_least_loss_of_moving_apart():
    """The bounds are those that a search over logits finds."""
    _, flow = scene()
    target = moving_share(flow, 3.0).flatten(1)[:, ::7]
    constant, least = loss_bounds(target)
    tried = torch.linspace(-3, 3, 601, dtype=target.dtype)
    found = [moving_apart_loss(torch.full_like(target, u), target) for u in tried]
    assert float(min(found)) == pytest.approx(constant, rel=1e-4)
    logits = torch.zeros_like(target, requires_grad=True)
    search = torch.optim.LBFGS([logits], max_iter=200, line_search_fn="strong_wolfe")

    def closure():
        search.zero_grad()
        loss = moving_apart_loss(logits, target)
        loss.backward()
        return loss

    for _ in range(20):
        search.step(closure)
    assert float(closure().detach()) == pytest.approx(least, rel=1e-3)
    assert 0 < least < constant


@pytest.mark.parametrize("kind", ["affine", "affine-own", "entropy"])
def test_segments_are_measured_against_a_single_one(kind):
    embedding, flow = scene()
    alike = torch.zeros_like(embedding)
    _, metrics = Grouping(kind=kind)(alike, flow, generator())
    assert metrics["explained"] == pytest.approx(0, abs=1e-6)
    parts = torch.zeros_like(embedding)
    parts[:, 0] = -50
    parts[:, 0, 5:15, 6:16] = 50
    _, metrics = Grouping(kind=kind, bin_width=0.5)(parts, flow, generator())
    assert 0.4 < metrics["explained"] < 1


def test_propagation_is_measured_against_the_frequencies_of_its_bins():
    embedding, flow = scene()
    objective = ConditionalPropagation(bins=5, limit=4.0, nms_kernel=5, grid_stride=8)
    frequencies = torch.zeros(2, 2, 5)
    bins = np.clip(np.floor((flow.numpy() + 4) / 8 * 5), 0, 4).astype(int)
    for axis in range(2):
        counts = np.bincount(bins[:, axis].ravel(), minlength=5)
        frequencies[:, axis] = torch.from_numpy(np.log(counts + 1e-12))
    logits = frequencies[..., None, None].expand(2, 2, 5, 24, 24)
    _, metrics = objective(embedding, flow, generator(), lambda *_: logits)
    assert metrics["explained"] == pytest.approx(0, abs=1e-5)
    assert metrics["information"] > 0


@pytest.mark.parametrize("name", [n for n in OBJECTIVES if n not in WITHOUT])
def test_every_objective_tells_what_is_explained(name):
    """Flow that is the same everywhere has no information where it is compared."""
    embedding, flow = scene(side=96)
    embedding, flow = embedding.float(), flow.float()
    objective = OBJECTIVES.load(name)()
    if hasattr(objective, "learnable"):
        objective = objective.learnable(embedding.shape[1])
    _, metrics = objective(embedding, flow, generator())
    assert metrics["information"] > 0
    assert metrics["explained"] <= 1
    _, metrics = objective(embedding, torch.zeros_like(flow), generator())
    assert metrics["information"] < 1e-3
    assert "explained" not in metrics or name == "cross-pixel"


def test_alike_embeddings_explain_nothing():
    _, flow = scene(side=40)
    alike = torch.ones((2, 6, 40, 40), dtype=torch.float64)
    for objective in (
        FlowConsistency(points=50),
        FlowConsistency(points=50, kernel="softmax", background="removed"),
        CrossPixel(points=50),
        CrossPixel(points=50, criterion="alignment"),
    ):
        _, metrics = objective(alike, flow, generator())
        assert metrics["explained"] == pytest.approx(0, abs=1e-6)
    _, metrics = MovingApart(points=50)(0 * alike[:, :1], flow, generator())
    assert metrics["explained"] == pytest.approx(0, abs=1e-6)


def test_several_objectives_count_by_weight_and_information():
    embedding, flow = scene(side=40)
    parts = {"flow-consistency": FlowConsistency(), "cross-pixel": CrossPixel()}
    weights = {"flow-consistency": 2.0, "cross-pixel": 0.5}
    both = ObjectiveSet(parts, weights).learnable(6)
    _, metrics = both(embedding, flow, generator())
    told = sum(
        weight * metrics[f"{name}.information"] * metrics[f"{name}.explained"]
        for name, weight in weights.items()
    )
    whole = sum(w * metrics[f"{n}.information"] for n, w in weights.items())
    assert metrics["explained"] == pytest.approx(told / whole, rel=1e-6)


def test_batches_are_pooled_by_their_information():
    loud = explained_metrics(0.6, 1.0, 0.2)
    assert loud == pytest.approx({"explained": 0.5, "information": 0.8})
    faint = explained_metrics(0.1, 1e-3)
    assert faint["explained"] == pytest.approx(-99)
    pooled = pooled_explained([loud, faint])
    assert pooled["explained"] == pytest.approx(1 - (0.4 + 0.1) / (0.8 + 1e-3))
    silent = explained_metrics(0.3, 0.3, 0.3)
    assert silent == {"information": 0.0}
    assert pooled_explained([{"carried": 1.0}, silent]) == {"information": 0.0}
    assert pooled_explained([{"carried": 1.0}]) == {}
