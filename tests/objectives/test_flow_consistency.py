import math

import numpy as np
import pytest
import torch

from napari_motionseg.errors import SettingsError
from napari_motionseg.objectives import OBJECTIVES
from napari_motionseg.objectives.flow_consistency import (
    FlowConsistency,
    flow_consistency_loss,
    point_terms,
    sample_points,
)

KERNELS = ["shifted-cosine", "softmax"]


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def scene(shape=(2, 7, 9, 11), points=13, seed=0, dtype=torch.float64):
    """Random embeddings, flows of a few pixels, and points up to the corners."""
    rng = np.random.default_rng(seed)
    batch, depth, height, width = shape
    embedding = torch.from_numpy(rng.normal(size=shape)).to(dtype)
    flow = torch.from_numpy(3 * rng.normal(size=(batch, 2, height, width))).to(dtype)
    rows = rng.integers(0, height, (batch, points))
    columns = rng.integers(0, width, (batch, points))
    chosen = np.stack((rows, columns), axis=-1)
    chosen[:, :4] = [
        (0, 0),
        (0, width - 1),
        (height - 1, 0),
        (height - 1, width - 1),
    ]
    return embedding, flow, torch.from_numpy(chosen)


def slow_loss(
    embedding,
    flow,
    points,
    neighborhood=5,
    sigma=0.5,
    epsilon=1.0,
    kernel="shifted-cosine",
    temperature=0.1,
    dilation=1,
):
    """Equations 1 to 6 as they stand, one pixel after the other, summed over p."""
    phi, f = embedding.double().numpy(), flow.double().numpy()
    batch, _, height, width = phi.shape
    reach = neighborhood // 2
    steps = [dilation * step for step in range(-reach, reach + 1)]
    total = 0.0
    for b in range(batch):
        for row, column in points[b].tolist():
            f_p, phi_p = f[b, :, row, column], phi[b, :, row, column]
            flow_similarities, embedding_similarities = [], []
            for r in (row + step for step in steps):
                for c in (column + step for step in steps):
                    if (r, c) == (row, column):
                        continue
                    if not (0 <= r < height and 0 <= c < width):
                        continue
                    f_q, phi_q = f[b, :, r, c], phi[b, :, r, c]
                    relative = np.sum((f_p - f_q) ** 2) / (np.sum(f_p**2) + epsilon)
                    flow_similarities.append(np.exp(-relative / (2 * sigma**2)))
                    cosine = phi_p @ phi_q
                    cosine /= np.sqrt(phi_p @ phi_p) * np.sqrt(phi_q @ phi_q)
                    if kernel == "softmax":
                        embedding_similarities.append(np.exp(cosine / temperature))
                    else:
                        embedding_similarities.append((1 + cosine) / 2)
            p_f = np.array(flow_similarities) / np.sum(flow_similarities)
            p_phi = np.array(embedding_similarities) / np.sum(embedding_similarities)
            cross_entropy = -np.sum(p_f * np.log(p_phi))
            total += np.sqrt(np.sum(f_p**2)) * cross_entropy
    return total


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("neighborhood", [3, 5, 7])
@pytest.mark.parametrize("shape", [(2, 7, 9, 11), (1, 64, 6, 5), (3, 2, 2, 13)])
def test_equals_slow_loops_over_pixels(kernel, neighborhood, shape):
    embedding, flow, points = scene(shape)
    options = {"kernel": kernel, "neighborhood": neighborhood}
    expected = slow_loss(embedding, flow, points, **options)
    found = flow_consistency_loss(embedding, flow, points, reduction="sum", **options)
    np.testing.assert_allclose(found.item(), expected, rtol=1e-12)
    mean = flow_consistency_loss(embedding, flow, points, **options)
    np.testing.assert_allclose(mean.item(), expected / points[..., 0].numel(), 1e-12)


@pytest.mark.parametrize(
    ("neighborhood", "dilation"), [(3, 2), (3, 4), (5, 3), (11, 1)]
)
def test_equals_slow_loops_with_wide_squares(neighborhood, dilation):
    embedding, flow, points = scene((2, 7, 19, 16))
    options = {"neighborhood": neighborhood, "dilation": dilation}
    expected = slow_loss(embedding, flow, points, **options)
    found = flow_consistency_loss(embedding, flow, points, reduction="sum", **options)
    np.testing.assert_allclose(found.item(), expected, rtol=1e-12)
    embedding, flow, points = scene((1, 2, 9, 8), points=4)
    embedding.requires_grad_()

    def loss(embedding):
        return flow_consistency_loss(embedding, flow, points, **options)

    assert torch.autograd.gradcheck(loss, (embedding,))


def test_a_point_whose_dilated_neighbours_all_lie_outside_is_refused():
    embedding, flow, points = scene((1, 4, 5, 5), points=5)
    with pytest.raises(SettingsError, match="dilation must be at most half"):
        flow_consistency_loss(embedding, flow, points, dilation=3)


def test_without_the_background_a_common_motion_changes_nothing():
    """A table that moves hides nothing: the drawn points and their loss stay."""
    embedding, flow, _ = scene((2, 7, 19, 16))
    flow[:, :, 5:9] += 20
    objective = FlowConsistency(points=30, background="removed")
    columns = torch.arange(16, dtype=flow.dtype)
    table = torch.stack((3 + 0.1 * columns, 7 - 0.2 * columns))[:, None]
    still, _ = objective(embedding, flow, generator(1))
    moved, _ = objective(embedding, flow + table, generator(1))
    torch.testing.assert_close(moved, still, rtol=1e-3, atol=0)
    kept = FlowConsistency(points=30)
    still, _ = kept(embedding, flow, generator(1))
    moved, _ = kept(embedding, flow + table, generator(1))
    assert abs(float(moved / still) - 1) > 0.05


@pytest.mark.parametrize("kernel", KERNELS)
def test_equals_slow_loops_with_other_widths_and_in_float32(kernel):
    embedding, flow, points = scene(dtype=torch.float32)
    options = {"kernel": kernel, "sigma": 0.8, "epsilon": 0.3, "temperature": 0.4}
    expected = slow_loss(embedding, flow, points, **options)
    found = flow_consistency_loss(embedding, flow, points, reduction="sum", **options)
    assert found.dtype == torch.float32
    np.testing.assert_allclose(found.item(), expected, rtol=1e-6)


@pytest.mark.parametrize("kernel", KERNELS)
def test_gradient(kernel):
    embedding, flow, points = scene((2, 4, 5, 6), points=6)
    embedding.requires_grad_()

    def loss(embedding):
        return flow_consistency_loss(embedding, flow, points, kernel=kernel)

    assert torch.autograd.gradcheck(loss, (embedding,))


@pytest.mark.parametrize("kernel", KERNELS)
def test_layout_in_memory_does_not_matter(kernel):
    embedding, flow, points = scene()
    last = embedding.to(memory_format=torch.channels_last)
    torch.testing.assert_close(
        flow_consistency_loss(last, flow, points, kernel=kernel),
        flow_consistency_loss(embedding, flow, points, kernel=kernel),
        rtol=0,
        atol=1e-12,
    )


def test_alike_everywhere_costs_the_logarithm_of_the_neighbours():
    """One embedding, one flow: both probabilities are uniform over the neighbours."""
    embedding = torch.ones((1, 8, 9, 9), dtype=torch.float64)
    flow = torch.zeros((1, 2, 9, 9), dtype=torch.float64)
    flow[:, 0] = 3
    flow[:, 1] = -4
    for pixel, neighbours in [((4, 4), 24), ((0, 0), 8), ((0, 4), 14), ((1, 1), 15)]:
        points = torch.tensor([[pixel]])
        loss = flow_consistency_loss(embedding, flow, points)
        assert loss.item() == pytest.approx(5 * math.log(neighbours), rel=1e-12)


def test_the_entropy_of_the_flow_is_the_least_loss():
    """With similarities (1 + c) / 2 equal to the flow's, the loss cannot fall more."""
    _, flow, _ = scene((1, 2, 9, 9))
    points = torch.tensor([[[4, 4]]])
    f = flow[0].numpy()
    f_p = f[:, 4, 4]
    relative = np.sum((f - f_p[:, None, None]) ** 2, axis=0) / (np.sum(f_p**2) + 1)
    similarity = np.exp(-relative / 0.5)
    angle = np.arccos(2 * similarity - 1)  # the point itself lies at angle 0
    best = torch.from_numpy(np.stack((np.cos(angle), np.sin(angle))))[None]
    window = similarity[2:7, 2:7].copy()
    window[2, 2] = 0
    p = window / window.sum()
    entropy = -np.sum(p[p > 0] * np.log(p[p > 0]))
    loss = flow_consistency_loss(best, flow, points, reduction="sum")
    assert loss.item() == pytest.approx(np.sqrt(np.sum(f_p**2)) * entropy, rel=1e-9)
    for seed in range(5):
        other = best + 0.1 * torch.randn(best.shape, generator=generator(seed))
        assert flow_consistency_loss(other, flow, points, reduction="sum") > loss


def test_length_and_turns_of_embeddings_do_not_matter():
    embedding, flow, points = scene()
    loss = flow_consistency_loss(embedding, flow, points)
    turn = torch.linalg.qr(torch.randn((7, 7), generator=generator()).double())[0]
    turned = torch.einsum("ij,bjhw->bihw", turn, embedding)
    lengths = torch.rand((2, 1, 9, 11), generator=generator()).double() + 0.1
    torch.testing.assert_close(flow_consistency_loss(turned, flow, points), loss)
    scaled = embedding * lengths
    torch.testing.assert_close(flow_consistency_loss(scaled, flow, points), loss)


def test_mirrored_picture_has_the_same_loss():
    embedding, flow, points = scene()
    mirrored = flow.flip(-1) * torch.tensor([-1.0, 1.0]).view(1, 2, 1, 1)
    moved = points.clone()
    moved[..., 1] = embedding.shape[-1] - 1 - points[..., 1]
    torch.testing.assert_close(
        flow_consistency_loss(embedding.flip(-1), mirrored, moved),
        flow_consistency_loss(embedding, flow, points),
    )


def test_only_points_and_their_neighbours_count():
    embedding, flow, points = scene((1, 4, 20, 20))
    points[:] = torch.tensor([4, 5])
    embedding.requires_grad_()
    flow_consistency_loss(embedding, flow, points).backward()
    touched = embedding.grad.abs().sum(dim=(0, 1)) > 0
    expected = torch.zeros((20, 20), dtype=torch.bool)
    expected[2:7, 3:8] = True
    assert torch.equal(touched, expected)


def test_no_gradient_goes_into_the_flow():
    embedding, flow, points = scene()
    embedding.requires_grad_()
    flow.requires_grad_()
    flow_consistency_loss(embedding, flow, points).backward()
    assert flow.grad is None


def degenerate_scenes():
    zero_embedding, flow, points = scene(dtype=torch.float32)
    yield "zero embeddings", zero_embedding * 0, flow, points
    embedding, flow, points = scene(dtype=torch.float32)
    partly = embedding.clone()
    partly[:, :, ::2] = 0
    yield "some zero embeddings", partly, flow, points
    yield "tiny embeddings", embedding * 1e-30, flow, points
    yield "huge embeddings", embedding * 1e15, flow, points
    yield "zero flow", embedding, flow * 0, points
    yield "huge flow", embedding, flow * 1e6, points
    lone = flow * 0
    lone[:, :, 4, 4] = 1e4
    yield "one pixel moves", embedding, lone, points * 0 + 4
    opposite = torch.ones((1, 3, 9, 11))
    opposite[:, :, 1::2] *= -1
    opposite[:, :, :, 1::2] *= -1
    yield "opposite embeddings", opposite, flow[:1], points[:1]
    all_opposite = -torch.ones((1, 3, 9, 11))
    all_opposite[:, :, 4, 4] = 1
    yield "all opposite", all_opposite, flow[:1], torch.tensor([[[4, 4]]])


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize(
    ("embedding", "flow", "points"),
    [pytest.param(*case, id=name) for name, *case in degenerate_scenes()],
)
def test_value_and_gradient_are_finite(embedding, flow, points, kernel):
    embedding = embedding.clone().requires_grad_()
    loss = flow_consistency_loss(embedding, flow, points, kernel=kernel)
    loss.backward()
    assert torch.isfinite(loss)
    assert loss >= 0
    assert torch.isfinite(embedding.grad).all()


def test_nothing_moves_nothing_is_learnt():
    embedding, flow, points = scene()
    assert flow_consistency_loss(embedding, flow * 0, points).item() == 0


def test_bf16_embeddings_are_computed_in_float32():
    embedding, flow, points = scene(dtype=torch.float32)
    rounded = embedding.bfloat16()
    loss = flow_consistency_loss(rounded, flow, points)
    assert loss.dtype == torch.float32
    torch.testing.assert_close(
        loss, flow_consistency_loss(rounded.float(), flow, points)
    )


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"embedding": torch.zeros(2, 7, 9)}, r"embedding must be \(B, D, H, W\)"),
        ({"flow": torch.zeros(2, 2, 9, 10)}, r"flow must be \(2, 2, 9, 11\)"),
        ({"flow": torch.zeros(2, 9, 11, 2)}, r"got \(2, 9, 11, 2\)"),
        ({"points": torch.zeros(2, 5, 3)}, r"points must be \(2, N, 2\)"),
        ({"points": torch.zeros(2, 5, 2)}, "points must be integers"),
        ({"points": torch.tensor([[[0, 11]]] * 2)}, "in the picture of 9 x 11"),
        ({"points": torch.tensor([[[-1, 0]]] * 2)}, "in the picture of 9 x 11"),
        ({"neighborhood": 4}, "neighborhood must be odd and at least 3; got 4"),
        ({"neighborhood": 1}, "neighborhood must be odd and at least 3; got 1"),
        ({"sigma": 0.0}, "sigma must be positive and finite; got 0.0"),
        ({"epsilon": -1.0}, "epsilon must be positive"),
        (
            {"temperature": float("nan")},
            "temperature must be positive and finite; got nan",
        ),
        ({"kernel": "cosine"}, "did you mean 'shifted-cosine'"),
        ({"reduction": "none"}, "unknown reduction 'none'"),
    ],
)
def test_rejected_input(change, words):
    embedding, flow, points = scene(dtype=torch.float32)
    given = {"embedding": embedding, "flow": flow, "points": points} | change
    with pytest.raises(SettingsError, match=words):
        flow_consistency_loss(**given)


def test_an_image_of_one_pixel_is_rejected():
    with pytest.raises(SettingsError, match="at least two pixels"):
        flow_consistency_loss(
            torch.ones(1, 3, 1, 1),
            torch.ones(1, 2, 1, 1),
            torch.zeros((1, 1, 2), dtype=torch.int64),
        )


def test_points_follow_the_length_of_the_flow():
    """One point of a hundred thousand images: frequencies are the probabilities."""
    flow = torch.tensor([[3.0, 0.0, 1.0], [4.0, 2.0, 0.0]]).view(1, 2, 1, 3)
    drawn = sample_points(flow.expand(100_000, -1, -1, -1), 1, generator=generator())
    share = torch.bincount(drawn[..., 1].flatten(), minlength=3) / 100_000
    torch.testing.assert_close(share, torch.tensor([5, 2, 1]) / 8, rtol=0, atol=0.006)


def test_points_without_replacement_are_drawn_one_after_the_other():
    """Chance of the pair (a, b), in any order, from a sequential draw."""
    weights = np.array([5.0, 2.0, 1.0])
    flow = torch.zeros((60_000, 2, 1, 3))
    flow[:, 0, 0] = torch.from_numpy(weights).float()
    drawn = sample_points(flow, 2, generator=generator(1))[..., 1]
    left_out = torch.bincount(3 - drawn.sum(dim=1), minlength=3) / 60_000
    p = weights / weights.sum()
    expected = [
        sum(p[a] * p[b] / (1 - p[a]) for a in range(3) for b in range(3)
            if len({a, b, c}) == 3)
        for c in range(3)
    ]  # fmt: skip
    np.testing.assert_allclose(left_out.numpy(), expected, atol=0.008)


def test_points_are_distinct_seeded_and_inside():
    flow = torch.randn((3, 2, 17, 23), generator=generator())
    points = sample_points(flow, 250, generator=generator(4))
    assert points.shape == (3, 250, 2)
    assert points.dtype == torch.int64
    assert points[..., 0].max() < 17
    assert points[..., 1].max() < 23
    for image in points:
        assert len(torch.unique(image, dim=0)) == 250
    again = sample_points(flow, 250, generator=generator(4))
    assert torch.equal(points, again)
    assert not torch.equal(points, sample_points(flow, 250, generator=generator(5)))


def test_moving_pixels_come_first_and_still_ones_fill_up():
    flow = torch.zeros((1, 2, 12, 10))
    flow[0, 0, 3, 2:8] = torch.tensor([1e-9, 1e-3, 0.5, 1, 10, 1000])
    points = sample_points(flow, 20, generator=generator())[0]
    assert len(torch.unique(points, dim=0)) == 20
    moving = points[:6]
    assert {tuple(p) for p in moving.tolist()} == {(3, c) for c in range(2, 8)}
    rest = sample_points(flow, 120, generator=generator())
    assert len(torch.unique(rest[0], dim=0)) == 120


def test_without_motion_points_are_uniform():
    drawn = sample_points(torch.zeros((40_000, 2, 2, 2)), 1, generator=generator())
    places = torch.bincount((drawn[..., 0] * 2 + drawn[..., 1]).flatten()) / 40_000
    torch.testing.assert_close(places, torch.full((4,), 0.25), rtol=0, atol=0.01)


@pytest.mark.parametrize(
    ("flow", "count", "words"),
    [
        (torch.zeros(1, 2, 4, 4), 17, "count must be from 1 to the 16 pixels"),
        (torch.zeros(1, 2, 4, 4), 0, "got 0"),
        (torch.zeros(2, 4, 4), 1, r"flow must be \(B, 2, H, W\)"),
        (torch.full((1, 2, 4, 4), math.nan), 1, "flow must be finite"),
        (torch.full((1, 2, 4, 4), math.inf), 1, "flow must be finite"),
    ],
)
def test_flows_to_draw_from_are_checked(flow, count, words):
    with pytest.raises(SettingsError, match=words):
        sample_points(flow, count, generator=generator())


def test_the_objective_of_the_registry_is_the_loss_of_drawn_points():
    embedding, flow, _ = scene((2, 7, 20, 21))
    objective = OBJECTIVES.load("flow-consistency")(points=30)
    assert objective == FlowConsistency(points=30)
    loss, metrics = objective(embedding, flow, generator(3))
    points = sample_points(flow, 30, generator=generator(3))
    assert loss == flow_consistency_loss(embedding, flow, points)
    # the divergence is weighted by |f|: add the flow's own entropy and weigh again
    one_flow = torch.ones_like(flow)
    uniform, metrics_of_uniform = objective(embedding * 0 + 1, one_flow, generator())
    assert metrics["divergence"] > 0
    assert metrics_of_uniform["divergence"] == pytest.approx(0, abs=1e-12)
    assert uniform > 0


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"points": 0}, "points must be at least 1"),
        ({"neighborhood": 2}, "neighborhood must be odd"),
        ({"kernel": "rbf"}, "unknown kernel 'rbf'"),
        ({"dilation": 0}, "dilation must be at least 1; got 0"),
        ({"background": "gone"}, "unknown background 'gone'"),
        ({"sigma": 0.0}, "sigma must be positive"),
    ],
)
def test_settings_of_the_objective_are_checked(wrong, words):
    with pytest.raises(SettingsError, match=words):
        FlowConsistency(**wrong)


def moving_bar():
    """A drifting background, and a bar three pixels wide that moves across it."""
    flow = torch.full((1, 2, 48, 48), 4.0, dtype=torch.float64)
    flow[:, 1, 22:25] -= 5.0
    return flow


def test_points_at_changes_are_the_wanted_share():
    flow = moving_bar()
    for share in (0.0, 0.75, 1.0):
        objective = FlowConsistency(points=40, changes=share)
        points = objective._points_of(flow, generator())
        near = (points[..., 0] - 23).abs() <= 5
        assert points.shape == (1, 40, 2)
        assert float(near.float().mean()) >= share
    assert float(near.float().mean()) == 1.0


def test_a_bounded_weight_lets_no_fast_pixel_dominate():
    embedding, flow, points = scene()
    length, bounded = (
        point_terms(embedding, flow, points, FlowConsistency(weighting=weighting))
        for weighting in ("length", "bounded")
    )
    assert torch.equal(length.cross_entropy, bounded.cross_entropy)
    expected = length.weight / (length.weight + 1)
    assert torch.allclose(bounded.weight, expected, rtol=1e-12)
    assert float(bounded.weight.max()) < 1


def test_louder_settings_say_ten_times_more_about_a_vessel():
    """An embedding that is the same everywhere shows what there is to learn."""
    loud = {
        "background": "removed", "dilation": 2, "sigma": 0.25, "kernel": "softmax",
        "changes": 0.75, "weighting": "bounded",
    }  # fmt: skip
    flow = moving_bar()
    same = torch.ones(1, 4, 48, 48, dtype=torch.float64)
    divergence = {}
    for name, options in {"paper": {}, "loud": loud}.items():
        objective = FlowConsistency(points=200, **options)
        divergence[name] = objective(same, flow, generator())[1]["divergence"]
    assert divergence["loud"] > 10 * divergence["paper"]


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"changes": -0.1}, r"changes must be 0 to 1; got -0\.1"),
        ({"weighting": "none"}, "unknown weighting 'none'"),
    ],
)
def test_settings_of_the_draw_are_checked(wrong, words):
    with pytest.raises(SettingsError, match=words):
        FlowConsistency(**wrong)
