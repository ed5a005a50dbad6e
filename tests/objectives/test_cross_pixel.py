import dataclasses
import math

import numpy as np
import pytest
import torch

from napari_motionseg.errors import SettingsError
from napari_motionseg.objectives.cross_pixel import (
    CrossPixel,
    LearnedSigma,
    cross_pixel_loss,
    embedding_kernel,
    flow_kernel,
    kernel_target_alignment,
    log_normalized_flow,
)
from napari_motionseg.objectives.pixel_sampling import draw_pixels, vectors_at

SIGMA = 0.3


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def scene(batch=2, points=9, depth=5, seed=0, dtype=torch.float64):
    """Embeddings, and flows of all lengths up to beyond M."""
    rng = np.random.default_rng(seed)
    embedding = torch.from_numpy(rng.normal(size=(batch, points, depth))).to(dtype)
    flow = rng.normal(size=(batch, points, 2)) * 10 ** rng.uniform(-1, 2, (points, 1))
    return embedding, torch.from_numpy(flow).to(dtype)


def slow_kernels(embedding, flow, sigma, bound=56.0):
    """Equations 6 and 2 as they stand, for one picture."""
    phi, f = embedding.double().numpy(), flow.double().numpy()
    count = len(phi)
    normalized = np.zeros_like(f)
    for p in range(count):
        for axis in range(2):
            length = min(1, np.log(abs(f[p, axis]) + 1) / np.log(bound + 1))
            normalized[p, axis] = np.sign(f[p, axis]) * length
    k_phi, k_f = np.zeros((count, count)), np.zeros((count, count))
    for p in range(count):
        for q in range(count):
            lengths = np.sqrt(phi[p] @ phi[p]) * np.sqrt(phi[q] @ phi[q])
            k_phi[p, q] = phi[p] @ phi[q] / lengths / 4
            square = np.sum((normalized[p] - normalized[q]) ** 2)
            k_f[p, q] = np.exp(-square / (2 * sigma**2))
    return k_phi, k_f


def slow_loss(embedding, flow, sigma, bound=56.0, columns=False):
    """Equations 4, 5 and 3, pair by pair; `columns` normalises as the text says."""
    total = 0.0
    for phi, f in zip(embedding, flow, strict=True):
        k_phi, k_f = slow_kernels(phi, f, sigma, bound)
        count = len(phi)
        for q in range(count):
            for p in range(count):
                fixed = q if columns else p
                others = [r for r in range(count) if r != fixed]
                sum_f = sum(np.exp(k_f[fixed, r]) for r in others) + 1
                sum_phi = sum(np.exp(k_phi[fixed, r]) for r in others) + np.exp(-3 / 4)
                s_f = (1 if p == q else np.exp(k_f[p, q])) / sum_f
                s_phi = (np.exp(-3 / 4) if p == q else np.exp(k_phi[p, q])) / sum_phi
                total -= s_f * np.log(s_phi)
    return total


@pytest.mark.parametrize("columns", [False, True])
@pytest.mark.parametrize("sigma", [math.sqrt(0.0067), 0.3, 5.0])
@pytest.mark.parametrize("shape", [(2, 9, 5), (1, 16, 16), (3, 2, 1), (2, 1, 4)])
def test_equals_slow_loops_over_pairs(shape, sigma, columns):
    """In print rows are normalised, in the text columns: the loss is the same."""
    embedding, flow = scene(*shape)
    expected = slow_loss(embedding, flow, sigma, columns=columns)
    width = torch.tensor(sigma, dtype=torch.float64)
    found = cross_pixel_loss(embedding, flow, width, reduction="sum")
    np.testing.assert_allclose(found.item(), expected, rtol=1e-12, atol=1e-14)
    mean = cross_pixel_loss(embedding, flow, width).item()
    count = shape[0] * shape[1]
    np.testing.assert_allclose(mean, expected / count, rtol=1e-12, atol=1e-14)


def test_equals_slow_loops_in_float32_and_with_another_bound():
    embedding, flow = scene(dtype=torch.float32)
    expected = slow_loss(embedding, flow, SIGMA, bound=7.0)
    found = cross_pixel_loss(embedding, flow, SIGMA, bound=7.0, reduction="sum")
    assert found.dtype == torch.float32
    np.testing.assert_allclose(found.item(), expected, rtol=1e-6)


@pytest.mark.parametrize("sigma", [math.sqrt(0.0067), 0.3, 5.0])
def test_gradients_of_embedding_and_width(sigma):
    embedding, flow = scene(points=6)
    width = torch.tensor(sigma, dtype=torch.float64, requires_grad=True)
    embedding.requires_grad_()

    def loss(embedding, width):
        return cross_pixel_loss(embedding, flow, width)

    assert torch.autograd.gradcheck(loss, (embedding, width))


def test_gradient_of_the_alignment():
    embedding, flow = scene(points=6)
    width = torch.tensor(SIGMA, dtype=torch.float64, requires_grad=True)
    embedding.requires_grad_()

    def loss(embedding, width):
        return kernel_target_alignment(
            embedding_kernel(embedding), flow_kernel(flow, width)
        )

    assert torch.autograd.gradcheck(loss, (embedding, width))


def test_no_gradient_goes_into_the_flow():
    embedding, flow = scene()
    flow.requires_grad_()
    cross_pixel_loss(embedding.requires_grad_(), flow, SIGMA).backward()
    assert flow.grad is None


def test_normalized_flow_is_equation_6():
    flow = torch.tensor(
        [0.0, 56.0, -56.0, 1e30, -57.0, math.sqrt(57) - 1, 1 - 57**0.25]
    )
    expected = torch.tensor([0.0, 1.0, -1.0, 1.0, -1.0, 0.5, -0.25])
    torch.testing.assert_close(log_normalized_flow(flow), expected)
    one = log_normalized_flow(torch.tensor(3.0), bound=3.0)
    torch.testing.assert_close(one, torch.tensor(1.0))


def test_alike_everywhere_costs_no_more_than_the_entropy():
    """One embedding, one flow: S_f and S_phi are equal, e off the diagonal, 1 on it."""
    count = 7
    embedding = torch.ones((1, count, 3), dtype=torch.float64)
    flow = torch.full((1, count, 2), -4.0, dtype=torch.float64)
    total = (count - 1) * math.e + 1
    entropy = (count - 1) * math.e / total * (math.log(total) - 1)
    entropy += math.log(total) / total
    loss = cross_pixel_loss(embedding, flow, SIGMA)
    assert loss.item() == pytest.approx(entropy, rel=1e-12)
    _, metrics = CrossPixel(sigma=SIGMA).at_points(embedding, flow)
    assert metrics["divergence"] == pytest.approx(0, abs=1e-12)


def test_two_points_in_closed_form():
    """Opposite embeddings that move together: K_phi = -1/4, K_f = 1."""
    embedding = torch.tensor([[[1.0], [-2.0]]], dtype=torch.float64)
    flow = torch.ones((1, 2, 2), dtype=torch.float64)
    s_f = math.e / (math.e + 1)
    s_phi = math.exp(-1 / 4) / (math.exp(-1 / 4) + math.exp(-3 / 4))
    expected = -s_f * math.log(s_phi) - (1 - s_f) * math.log(1 - s_phi)
    loss = cross_pixel_loss(embedding, flow, SIGMA)
    assert loss.item() == pytest.approx(expected, rel=1e-12)


def test_length_and_turns_of_embeddings_do_not_matter():
    embedding, flow = scene()
    loss = cross_pixel_loss(embedding, flow, SIGMA)
    turn = torch.linalg.qr(torch.randn((5, 5), generator=generator()).double())[0]
    lengths = torch.rand((2, 9, 1), generator=generator()).double() + 0.1
    torch.testing.assert_close(cross_pixel_loss(embedding @ turn, flow, SIGMA), loss)
    scaled = embedding * lengths
    torch.testing.assert_close(cross_pixel_loss(scaled, flow, SIGMA), loss)


def test_mirrors_of_flow_and_order_of_pixels_do_not_matter():
    embedding, flow = scene()
    loss = cross_pixel_loss(embedding, flow, SIGMA)
    for other in (flow * torch.tensor([-1.0, 1.0]), -flow, flow.flip(-1)):
        torch.testing.assert_close(cross_pixel_loss(embedding, other, SIGMA), loss)
    order = torch.randperm(9, generator=generator())
    shuffled = cross_pixel_loss(embedding[:, order], flow[:, order], SIGMA)
    torch.testing.assert_close(shuffled, loss)


def test_pictures_are_not_compared_with_each_other():
    embedding, flow = scene()
    alone = [
        cross_pixel_loss(embedding[i : i + 1], flow[i : i + 1], 1.0) for i in (0, 1)
    ]
    both = cross_pixel_loss(embedding, flow, 1.0)
    torch.testing.assert_close(both, (alone[0] + alone[1]) / 2)


def test_two_motions_become_two_directions():
    """Descent from random embeddings, the width learnt with them."""
    flow = torch.zeros((1, 24, 2))
    flow[:, 12:, 0] = 5
    embedding = torch.randn((1, 24, 8), generator=generator()).requires_grad_()
    objective = CrossPixel(points=24).learnable(8)
    optimizer = torch.optim.Adam([embedding, *objective.parameters()], lr=0.05)
    for _ in range(200):
        optimizer.zero_grad()
        loss, _ = objective.objective.at_points(embedding, flow, objective.sigma)
        loss.backward()
        optimizer.step()
    cosine = 4 * embedding_kernel(embedding.detach())[0]
    assert cosine[:12, :12].min() > 0.95
    assert cosine[12:, 12:].min() > 0.95
    assert cosine[:12, 12:].max() < -0.95


@pytest.mark.parametrize("points", [1, 2, 6])
@pytest.mark.parametrize(
    "degenerate",
    ["still", "no embedding", "equal", "opposite", "huge flow", "long", "short"],
)
@pytest.mark.parametrize("sigma", [1e-30, 1e-4, 0.08, 1e10])
@pytest.mark.parametrize("criterion", ["cross-entropy", "alignment"])
def test_finite_on_degenerate_input(points, degenerate, sigma, criterion):
    embedding, flow = scene(points=points, dtype=torch.float32)
    embedding, flow = {
        "still": (embedding, flow * 0),
        "no embedding": (embedding * 0, flow),
        "equal": (torch.ones_like(embedding), torch.ones_like(flow)),
        "opposite": (embedding[:, :1] * (-1) ** torch.arange(points)[:, None], flow),
        "huge flow": (embedding, flow * 1e35),
        "long": (embedding * 1e15, flow),
        "short": (embedding * 1e-15, flow),
    }[degenerate]
    embedding = embedding.clone().requires_grad_()
    width = torch.tensor(sigma, requires_grad=True)
    loss, metrics = CrossPixel(criterion=criterion).at_points(embedding, flow, width)
    loss.backward()
    assert torch.isfinite(loss)
    assert loss >= 0
    assert torch.isfinite(embedding.grad).all()
    assert torch.isfinite(width.grad)
    assert all(math.isfinite(value) for value in metrics.values())


def test_bf16_and_autocast_are_computed_in_float32():
    embedding, flow = scene(dtype=torch.float32)
    rounded = embedding.bfloat16()
    expected = cross_pixel_loss(rounded.float(), flow, SIGMA)
    assert cross_pixel_loss(rounded, flow, SIGMA).dtype == torch.float32
    with torch.autocast("cpu", torch.bfloat16):
        torch.testing.assert_close(cross_pixel_loss(rounded, flow, SIGMA), expected)


def test_alignment_is_the_cosine_of_kernels():
    first, second = np.random.default_rng(0).normal(size=(2, 3, 4, 4))
    found = kernel_target_alignment(torch.from_numpy(first), torch.from_numpy(second))
    for b in range(3):
        product = sum(first[b, p, q] * second[b, p, q] for p, q in np.ndindex(4, 4))
        squares = np.sum(first[b] ** 2) * np.sum(second[b] ** 2)
        assert found[b].item() == pytest.approx(product / np.sqrt(squares), rel=1e-12)
    itself = kernel_target_alignment(
        torch.from_numpy(first), torch.from_numpy(3 * first)
    )
    torch.testing.assert_close(itself, torch.ones(3, dtype=torch.float64))


def test_alignment_of_one_embedding_rewards_a_wide_kernel():
    """Why it fails: a picture that says nothing scores as well as can be."""
    _, flow = scene()
    nothing = embedding_kernel(torch.ones((2, 9, 3), dtype=torch.float64))
    narrow, wide = (
        kernel_target_alignment(nothing, flow_kernel(flow, sigma)).mean()
        for sigma in (0.1, 100.0)
    )
    assert wide > 0.999 > narrow


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"embedding": torch.zeros(2, 9)}, r"embedding must be \(B, N, D\)"),
        ({"embedding": torch.zeros(2, 0, 5)}, r"without a 0; got \(2, 0, 5\)"),
        ({"flow": torch.zeros(2, 8, 2)}, r"flow must be \(2, 9, 2\)"),
        ({"flow": torch.zeros(2, 2, 9)}, r"got \(2, 2, 9\)"),
        ({"flow": torch.full((2, 9, 2), math.nan)}, "flow must be finite"),
        ({"flow": torch.full((2, 9, 2), math.inf)}, "flow must be finite"),
        ({"sigma": 0.0}, "sigma must be positive and finite; got 0.0"),
        ({"sigma": torch.tensor(-1.0)}, "sigma must be positive and finite; got -1.0"),
        ({"sigma": math.nan}, "sigma must be positive and finite; got nan"),
        (
            {"sigma": torch.ones(2)},
            r"sigma must be one number; got a tensor of shape \(2,\)",
        ),
        ({"bound": 0.0}, "bound must be positive and finite; got 0.0"),
        ({"reduction": "none"}, "unknown reduction 'none'"),
    ],
)
def test_rejected_input(change, words):
    embedding, flow = scene(dtype=torch.float32)
    given = {"embedding": embedding, "flow": flow, "sigma": SIGMA} | change
    with pytest.raises(SettingsError, match=words):
        cross_pixel_loss(**given)


@pytest.mark.parametrize(
    "shapes", [((2, 3), (2, 3)), ((1, 2, 3), (1, 2, 3)), ((1, 2, 2), (2, 2, 2))]
)
def test_kernels_to_align_are_checked(shapes):
    with pytest.raises(SettingsError, match=r"kernels must both be \(B, N, N\)"):
        kernel_target_alignment(*(torch.ones(shape) for shape in shapes))


def test_the_objective_is_the_loss_of_drawn_pixels():
    rng = generator(1)
    embedding = torch.randn((2, 7, 20, 21), generator=rng)
    flow = torch.randn((2, 2, 20, 21), generator=rng)
    objective = CrossPixel(points=30)
    loss, metrics = objective(embedding, flow, generator(3))
    pixels = draw_pixels(flow, 30, generator=generator(3))
    parts = vectors_at(embedding, pixels), vectors_at(flow, pixels)
    assert loss == cross_pixel_loss(*parts, objective.sigma)
    assert metrics["divergence"] > 0
    assert metrics["sigma"] == pytest.approx(math.sqrt(0.0067))
    aligned = dataclasses.replace(objective, criterion="alignment")
    loss, metrics = aligned(embedding, flow, generator(3))
    assert loss.item() == pytest.approx(1 - metrics["alignment"])


def test_the_learnt_width_moves_and_is_kept_with_the_weights():
    rng = generator(1)
    embedding = torch.randn((2, 7, 20, 21), generator=rng)
    flow = torch.randn((2, 2, 20, 21), generator=rng)
    objective = CrossPixel(points=30)
    module = objective.learnable(7)
    before = objective(embedding, flow, generator())
    torch.testing.assert_close(module(embedding, flow, generator()), before)
    optimizer = torch.optim.SGD(module.parameters(), lr=1e4)
    module(embedding, flow, generator())[0].backward()
    optimizer.step()
    assert module.sigma > 0
    assert module.sigma != objective.sigma
    other = LearnedSigma(objective)
    other.load_state_dict(module.state_dict())
    assert other.sigma == module.sigma


def test_a_width_that_is_not_to_be_learnt_gets_no_gradient():
    module = CrossPixel(learn_sigma=False).learnable(16)
    assert not any(p.requires_grad for p in module.parameters())


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"points": 1}, "points must be at least 2; got 1"),
        ({"sigma": -1.0}, "sigma must be positive"),
        ({"bound": math.inf}, "bound must be positive and finite"),
        ({"criterion": "aligment"}, "did you mean 'alignment'"),
    ],
)
def test_settings_of_the_objective_are_checked(wrong, words):
    with pytest.raises(SettingsError, match=words):
        CrossPixel(**wrong)


def test_fields_are_checked():
    objective = CrossPixel(points=5)
    with pytest.raises(SettingsError, match=r"embedding must be \(B, D, H, W\)"):
        objective(torch.zeros(1, 3, 4), torch.zeros(1, 2, 4, 4), generator())
    with pytest.raises(SettingsError, match=r"flow must be \(1, 2, 4, 4\)"):
        objective(torch.zeros(1, 3, 4, 4), torch.zeros(1, 2, 4, 5), generator())
    with pytest.raises(SettingsError, match="1 to the 4 pixels of a picture; got 5"):
        objective(torch.zeros(1, 3, 2, 2), torch.zeros(1, 2, 2, 2), generator())


def test_two_points_are_the_fewest_that_have_a_loss():
    objective = CrossPixel(points=2)
    embedding = torch.rand(1, 3, 4, 4, generator=generator())
    flow = torch.rand(1, 2, 4, 4, generator=generator())
    loss, _ = objective(embedding, flow, generator())
    assert torch.isfinite(loss)
