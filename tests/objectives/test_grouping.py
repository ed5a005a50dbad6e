import math
from functools import partial

import numpy as np
import pytest
import torch

from napari_motionseg.errors import SettingsError
from napari_motionseg.objectives.grouping import (
    RIDGE_PX2,
    RIDGE_SHARE,
    Grouping,
    affine_grouping_loss,
    entropy_grouping_loss,
)

affine_own_loss = partial(affine_grouping_loss, residual="own")
LOSSES = [
    pytest.param(affine_grouping_loss, id="affine"),
    pytest.param(affine_own_loss, id="affine-own"),
    pytest.param(entropy_grouping_loss, id="entropy"),
]
SHAPES = [(2, 4, 9, 11), (1, 1, 6, 5), (3, 2, 2, 13), (1, 7, 12, 1), (1, 3, 1, 1)]


def scene(shape=(2, 4, 9, 11), seed=0, dtype=torch.float64):
    """Random soft segments, and flows of a few pixels."""
    rng = np.random.default_rng(seed)
    batch, _, height, width = shape
    scores = torch.from_numpy(2 * rng.normal(size=shape))
    flow = torch.from_numpy(3 * rng.normal(size=(batch, 2, height, width)))
    return scores.softmax(dim=1).to(dtype), flow.to(dtype)


def hard(labels, count):
    """Segments ``(1, count, H, W)`` of integer labels ``(H, W)``."""
    one_hot = torch.nn.functional.one_hot(torch.as_tensor(labels), count)
    return one_hot.movedim(-1, 0)[None].double()


def affine_field(height, width, slopes, shift):
    """Flow ``(2, H, W)`` of slopes ``(2, 2)`` (of u, v by x, y) and a shift."""
    y, x = np.mgrid[:height, :width].astype(float)
    u, v = (s[0] * x + s[1] * y + c for s, c in zip(slopes, shift, strict=True))
    return torch.from_numpy(np.stack((u, v)))


def slow_affine(segments, flow, epsilon=0.1, residual="mixed"):
    """Weighted least squares by QR of the pixels' own equations, no moments."""
    m, f = segments.double().numpy(), flow.double().numpy()
    batch, count, height, width = m.shape
    losses = []
    for b in range(batch):
        pixels = [(r, c) for r in range(height) for c in range(width)]
        places = np.array([(c, r) for r, c in pixels], float)
        flows = np.array([f[b, :, r, c] for r, c in pixels])
        mixed, own = np.zeros_like(flows), 0.0
        for segment in range(count):
            weight = np.array([m[b, segment, r, c] for r, c in pixels])
            centre = np.average(places, axis=0, weights=weight)
            variance = np.average((places - centre) ** 2, axis=0, weights=weight)
            ridge = RIDGE_PX2 + RIDGE_SHARE * variance.sum()
            root = np.sqrt(weight)[:, None]
            equations = root * np.column_stack((np.ones(len(places)), places - centre))
            penalty = np.sqrt(weight.sum() * ridge) * np.eye(3)[1:]
            solution = np.linalg.lstsq(
                np.vstack((equations, penalty)),
                np.vstack((root * flows, np.zeros((2, 2)))),
                rcond=None,
            )[0]
            design = np.column_stack((np.ones(len(places)), places - centre))
            mixed += weight[:, None] * (design @ solution)
            left = ((flows - design @ solution) ** 2).sum(axis=1)
            own += np.mean(weight * (np.sqrt(left + epsilon**2) - epsilon))
        square = ((flows - mixed) ** 2).sum(axis=1)
        whole = np.mean(np.sqrt(square + epsilon**2) - epsilon)
        losses.append(whole if residual == "mixed" else own)
    return np.mean(losses)


def slow_entropy(segments, flow, bins=32, bin_width=1.0):
    """Histograms pixel by pixel, their entropies weighted by area."""
    m, f = segments.double().numpy(), flow.double().numpy()
    batch, count, height, width = m.shape
    total = 0.0
    for b in range(batch):
        for segment in range(count):
            histogram = np.zeros(bins)
            for r in range(height):
                for c in range(width):
                    place = min(np.hypot(*f[b, :, r, c]) / bin_width, bins - 1)
                    low = min(int(place), bins - 2)
                    histogram[low] += m[b, segment, r, c] * (low + 1 - place)
                    histogram[low + 1] += m[b, segment, r, c] * (place - low)
            share = histogram / histogram.sum()
            entropy = -sum(h * np.log(h) for h in share if h > 0)
            total += histogram.sum() * entropy
    return total / (batch * height * width)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("epsilon", [0.01, 0.1, 2.0])
@pytest.mark.parametrize("residual", ["mixed", "own"])
def test_affine_equals_least_squares_of_pixels(shape, epsilon, residual):
    segments, flow = scene(shape)
    expected = slow_affine(segments, flow, epsilon, residual)
    found = affine_grouping_loss(segments, flow, epsilon=epsilon, residual=residual)
    np.testing.assert_allclose(found.item(), expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("bins", "bin_width"), [(32, 1.0), (4, 1.0), (2, 0.3)])
def test_entropy_equals_slow_histograms(shape, bins, bin_width):
    segments, flow = scene(shape)
    expected = slow_entropy(segments, flow, bins, bin_width)
    found = entropy_grouping_loss(segments, flow, bins=bins, bin_width=bin_width)
    np.testing.assert_allclose(found.item(), expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    ("loss", "slow"),
    [(affine_grouping_loss, slow_affine), (entropy_grouping_loss, slow_entropy)],
    ids=["affine", "entropy"],
)
def test_float32_is_near_the_slow_versions(loss, slow):
    segments, flow = scene((2, 5, 33, 47), dtype=torch.float32)
    found = loss(segments, flow)
    assert found.dtype == torch.float32
    np.testing.assert_allclose(found.item(), slow(segments, flow), rtol=2e-6)


@pytest.mark.parametrize("loss", LOSSES)
def test_gradient(loss):
    segments, flow = scene((2, 3, 4, 5))
    scores = segments.log().requires_grad_()

    def of_scores(scores):
        return loss(scores.softmax(dim=1), flow)

    assert torch.autograd.gradcheck(of_scores, (scores,))


@pytest.mark.parametrize("loss", LOSSES)
def test_gradient_of_free_shares(loss):
    """Not through a softmax, which would hide an error common to all segments."""
    segments, flow = scene((1, 3, 4, 5))

    def of_shares(segments):
        return loss(segments, flow)

    assert torch.autograd.gradcheck(of_shares, (segments.requires_grad_(),))


@pytest.mark.parametrize("loss", LOSSES)
def test_numbers_of_segments_do_not_matter(loss):
    segments, flow = scene()
    permuted = segments[:, [2, 0, 3, 1]]
    torch.testing.assert_close(loss(permuted, flow), loss(segments, flow))


@pytest.mark.parametrize("loss", LOSSES)
def test_loss_is_the_mean_over_images(loss):
    segments, flow = scene()
    alone = [loss(segments[i : i + 1], flow[i : i + 1]) for i in range(2)]
    torch.testing.assert_close(loss(segments, flow), torch.stack(alone).mean())


@pytest.mark.parametrize("loss", LOSSES)
def test_an_empty_segment_costs_nothing(loss):
    segments, flow = scene()
    more = torch.cat((segments, torch.zeros_like(segments[:, :1])), dim=1)
    torch.testing.assert_close(loss(more, flow), loss(segments, flow))


@pytest.mark.parametrize("loss", LOSSES)
def test_mirrored_picture_has_the_same_loss(loss):
    segments, flow = scene()
    mirrored = flow.flip(-1) * torch.tensor([-1.0, 1.0]).view(1, 2, 1, 1)
    torch.testing.assert_close(loss(segments.flip(-1), mirrored), loss(segments, flow))


@pytest.mark.parametrize("loss", LOSSES)
def test_no_gradient_goes_into_the_flow(loss):
    segments, flow = scene()
    segments.requires_grad_()
    flow.requires_grad_()
    loss(segments, flow).backward()
    assert flow.grad is None


def two_planes(height=48, width=64):
    """Labels ``(H, W)`` of a slanted edge, and the affine flow of either side."""
    y, x = np.mgrid[:height, :width]
    labels = (x + 0.4 * y > 42).astype(int)
    left = affine_field(height, width, ((0.02, -0.05), (0.04, 0.01)), (3, -1))
    right = affine_field(height, width, ((-0.03, 0.02), (0.0, 0.06)), (-2, 2))
    flow = torch.where(torch.from_numpy(labels) == 0, left, right)
    return labels, flow[None]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_right_segments_of_piecewise_affine_flow_cost_nothing(dtype):
    labels, flow = two_planes()
    segments, flow = hard(labels, 3).to(dtype), flow.to(dtype)
    whole = affine_grouping_loss(torch.ones_like(segments[:, :1]), flow)
    right = affine_grouping_loss(segments, flow)
    wrong = affine_grouping_loss(segments.roll(6, dims=3), flow)
    assert right < 1e-6
    assert wrong > 0.1
    assert whole > 1


def test_gradient_descent_on_shares_finds_the_planes():
    """From shares that favour the sides a little, as far as the true edge."""
    labels, flow = two_planes()
    x = torch.linspace(-1, 1, labels.shape[1]).expand(labels.shape)
    scores = torch.stack((-0.5 * x, 0.5 * x))[None].double().requires_grad_()
    optimizer = torch.optim.Adam([scores], lr=0.2)
    for _ in range(60):
        optimizer.zero_grad()
        affine_grouping_loss(scores.softmax(dim=1), flow).backward()
        optimizer.step()
    found = scores[0].argmax(dim=0).numpy()
    assert np.mean(found == labels) > 0.98


@pytest.mark.parametrize("residual", ["mixed", "own"])
def test_only_mixed_motions_gain_by_soft_shares(residual):
    """On a flow that bends, a mixture of two planes explains more than the planes."""
    x = torch.linspace(0, 1, 24).double().expand(1, 12, 24)
    bend = torch.stack((20 * x.square(), 0 * x), 1)
    scores = torch.stack((-0.5 * x, 0.5 * x), 1).requires_grad_()
    optimizer = torch.optim.Adam([scores], lr=0.2)
    for _ in range(150):
        optimizer.zero_grad()
        loss = affine_grouping_loss(scores.softmax(dim=1), bend, residual=residual)
        loss.backward()
        optimizer.step()
    soft = scores.detach().softmax(dim=1)
    rounded = hard(soft[0].argmax(dim=0), 2)
    gain = affine_grouping_loss(rounded, bend, residual=residual) - loss.detach()
    certainty = soft.amax(dim=1).mean()
    if residual == "mixed":
        assert gain > 0.2 * loss
        assert certainty < 0.95
    else:
        assert gain.abs() < 0.01 * loss
        assert certainty > 0.99


def test_one_segment_is_ordinary_least_squares():
    _, flow = scene((1, 1, 9, 11))
    ones = torch.ones((1, 1, 9, 11), dtype=torch.float64)
    y, x = np.mgrid[:9, :11]
    design = np.column_stack((x.ravel(), y.ravel(), np.ones(99)))
    flows = flow[0].reshape(2, -1).T.numpy()
    left = flows - design @ np.linalg.lstsq(design, flows, rcond=None)[0]
    expected = np.mean(np.sqrt((left**2).sum(axis=1) + 0.01) - 0.1)
    found = affine_grouping_loss(ones, flow)
    # the ridge alone is in between: 1e-4 of the slopes of a field of 9 x 11 px
    assert found.item() == pytest.approx(expected, rel=1e-5)


def test_residuals_are_robust():
    """Far out the loss grows by the length of a residual, close by its square."""
    segments = torch.ones((1, 1, 20, 20), dtype=torch.float64)
    checks = torch.tensor([[1.0, -1.0], [-1.0, 1.0]]).double().tile(10, 10)
    flow = torch.stack((checks, checks * 0))[None]  # no affine map explains any of it
    far, farther = (affine_grouping_loss(segments, f * flow).item() for f in (50, 100))
    near, nearer = (
        affine_grouping_loss(segments, f * flow).item() for f in (1e-3, 5e-4)
    )
    assert farther / far == pytest.approx(2, rel=0.01)
    assert near / nearer == pytest.approx(4, rel=0.01)


def test_motion_added_to_all_leaves_the_affine_loss_as_it_is():
    """A shift, a turn, a zoom of the camera is itself affine."""
    segments, flow = scene((1, 3, 24, 30))
    camera = affine_field(24, 30, ((0.1, -0.2), (0.2, 0.1)), (5, -7))
    found = affine_grouping_loss(segments, flow + camera)
    torch.testing.assert_close(
        found, affine_grouping_loss(segments, flow), rtol=1e-3, atol=0
    )


def test_one_segment_has_the_entropy_of_the_image():
    """Half of the pixels rest, a quarter each move by 2 and by 3 px."""
    flow = torch.zeros((1, 2, 4, 4), dtype=torch.float64)
    flow[0, 0, 2], flow[0, 1, 3] = 2, -3
    ones = torch.ones((1, 1, 4, 4), dtype=torch.float64)
    assert entropy_grouping_loss(ones, flow).item() == pytest.approx(1.5 * math.log(2))
    halves = hard([[0] * 4] * 2 + [[1] * 4] * 2, 2)
    left = entropy_grouping_loss(halves, flow).item()
    assert left == pytest.approx(0.5 * math.log(2))
    lengths = hard([[0] * 4] * 2 + [[1] * 4] + [[2] * 4], 3)
    assert entropy_grouping_loss(lengths, flow).item() == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_segments_never_cost_more_entropy_than_none(seed):
    segments, flow = scene(seed=seed)
    whole = entropy_grouping_loss(torch.ones_like(segments[:, :1]), flow)
    uniform = entropy_grouping_loss(torch.full_like(segments, 0.25), flow)
    assert 0 <= entropy_grouping_loss(segments, flow) < whole
    torch.testing.assert_close(uniform, whole)


def test_entropy_is_concave_in_the_segments():
    (first, flow), (second, _) = scene(seed=1), scene(seed=2)
    middle = entropy_grouping_loss((first + second) / 2, flow)
    ends = [entropy_grouping_loss(s, flow) for s in (first, second)]
    assert middle > sum(ends) / 2


def degenerate_scenes():
    segments, flow = scene((1, 3, 16, 20), dtype=torch.float32)
    yield "still", segments, flow * 0
    yield "huge flow", segments, flow * 1e6
    yield "uniform", torch.full_like(segments, 1 / 3), flow
    empty = segments * 0
    empty[:, 0] = 1
    yield "all in one, two empty", empty, flow
    pixel = empty.clone()
    pixel[:, :, 15, 19] = torch.tensor([0.0, 1.0, 0.0])
    yield "one pixel in the corner", pixel, flow
    row = empty.clone()
    row[:, :, 3] = torch.tensor([0.0, 1.0, 0.0]).view(1, 3, 1)
    yield "one row", row, flow
    diagonal = empty.clone()
    for i in range(16):
        diagonal[:, :, i, i] = torch.tensor([0.0, 1.0, 0.0])
    yield "a diagonal line", diagonal, flow
    trace = empty.clone()
    trace[:, 1], trace[:, 2] = 1e-30, 1e-38
    yield "traces", trace, flow
    yield "one image line", segments[:, :, :1], flow[:, :, :1]
    yield "one pixel", segments[:, :, :1, :1], flow[:, :, :1, :1]


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(
    ("segments", "flow"),
    [pytest.param(*case, id=name) for name, *case in degenerate_scenes()],
)
def test_value_and_gradient_are_finite(segments, flow, loss, dtype):
    segments = segments.clone().to(dtype).requires_grad_()
    value = loss(segments, flow.to(dtype))
    value.backward()
    assert torch.isfinite(value)
    assert value >= 0
    assert torch.isfinite(segments.grad).all()


def test_a_long_diagonal_line_is_fitted_in_float32():
    """The worst case of the normal equations: two columns that are all but equal."""
    segments = torch.zeros((1, 2, 512, 512))
    segments[:, 0] = 1
    along = torch.arange(512)
    segments[0, :, along, along] = torch.tensor([[0.0], [1.0]])
    flow = torch.zeros((1, 2, 512, 512))
    flow[0, 0, along, along] = 0.02 * along
    segments.requires_grad_()
    loss = affine_grouping_loss(segments, flow)
    loss.backward()
    assert loss < 1e-6
    assert torch.isfinite(segments.grad).all()
    assert segments.grad.abs().max() < 1


def test_scores_far_apart_give_no_nan():
    """A softmax that underflows to exact zeros everywhere but in one segment."""
    for kind in ("affine", "entropy"):
        scores = torch.zeros((1, 4, 12, 12))
        scores[:, 1] = 500
        scores.requires_grad_()
        _, flow = scene((1, 4, 12, 12), dtype=torch.float32)
        loss, metrics = Grouping(kind=kind)(scores, flow, torch.Generator())
        loss.backward()
        assert torch.isfinite(scores.grad).all()
        assert metrics["segments"] == pytest.approx(1)
        assert metrics["certainty"] == pytest.approx(1)
        assert metrics["explained"] == pytest.approx(0, abs=1e-5)


@pytest.mark.parametrize("kind", ["affine", "affine-own", "entropy"])
def test_a_network_that_has_diverged_gives_a_loss_that_says_so(kind):
    """NaN for the training loop to find, which names the step and keeps its state."""
    _, flow = scene(dtype=torch.float32)
    scores = torch.zeros((2, 4, 9, 11))
    scores[0, 0, 3, 3] = math.nan
    loss, _ = Grouping(kind=kind)(scores, flow, torch.Generator())
    assert torch.isnan(loss)


@pytest.mark.parametrize(
    ("options", "loss"),
    [
        ({"epsilon": 0.5}, lambda m, f: affine_grouping_loss(m, f, epsilon=0.5)),
        ({"kind": "affine-own", "epsilon": 0.5}, partial(affine_own_loss, epsilon=0.5)),
        (
            {"kind": "entropy", "bins": 6, "bin_width": 0.7},
            lambda m, f: entropy_grouping_loss(m, f, bins=6, bin_width=0.7),
        ),
    ],
    ids=["affine", "affine-own", "entropy"],
)
def test_the_objective_takes_channels_for_segments(options, loss):
    segments, flow = scene()
    scores = segments.log() + 3
    found, metrics = Grouping(**options)(scores, flow, torch.Generator())
    torch.testing.assert_close(found, loss(segments, flow))
    assert 1 < metrics["segments"] <= 4
    assert 0.25 < metrics["certainty"] < 1


def test_bf16_scores_are_computed_in_float32():
    segments, flow = scene(dtype=torch.float32)
    rounded = segments.log().bfloat16()
    loss, _ = Grouping()(rounded, flow, torch.Generator())
    assert loss.dtype == torch.float32
    expected, _ = Grouping()(rounded.float(), flow, torch.Generator())
    torch.testing.assert_close(loss, expected)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"soft_segments": torch.ones(2, 9, 11)}, r"must be \(B, L, H, W\).*got \(2"),
        ({"soft_segments": torch.ones(2, 0, 9, 11)}, "without a 0"),
        ({"flow": torch.zeros(2, 2, 9, 10)}, r"flow must be \(2, 2, 9, 11\)"),
        ({"flow": torch.zeros(2, 9, 11, 2)}, r"got \(2, 9, 11, 2\)"),
        ({"flow": torch.full((2, 2, 9, 11), math.nan)}, "flow must be finite"),
        ({"flow": torch.full((2, 2, 9, 11), math.inf)}, "flow must be finite"),
        ({"soft_segments": torch.ones(2, 4, 9, 11)}, "softmax of scores.*off by 3"),
        ({"soft_segments": -torch.ones(2, 1, 9, 11)}, "the least is -1"),
    ],
)
def test_rejected_input(loss, change, words):
    segments, flow = scene(dtype=torch.float32)
    with pytest.raises(SettingsError, match=words):
        loss(**({"soft_segments": segments, "flow": flow} | change))


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"kind": "afine"}, "did you mean 'affine'"),
        ({"epsilon": 0.0}, "epsilon must be positive; got 0.0"),
        ({"bins": 1}, "bins must be at least 2; got 1"),
        ({"bin_width": -1.0}, "bin_width must be positive; got -1.0"),
        ({"bin_width": math.nan}, "bin_width must be positive; got nan"),
    ],
)
def test_settings_of_the_objective_are_checked(wrong, words):
    with pytest.raises(SettingsError, match=words):
        Grouping(**wrong)


def test_settings_of_the_losses_are_checked():
    segments, flow = scene()
    with pytest.raises(SettingsError, match="epsilon must be positive; got inf"):
        affine_grouping_loss(segments, flow, epsilon=math.inf)
    with pytest.raises(SettingsError, match="bins must be at least 2; got 0"):
        entropy_grouping_loss(segments, flow, bins=0)


@pytest.mark.parametrize("shape", [(2, 1, 9, 11), (2, 9, 11)])
def test_the_objective_needs_a_channel_for_each_segment(shape):
    _, flow = scene(dtype=torch.float32)
    with pytest.raises(SettingsError, match="one channel for each segment"):
        Grouping()(torch.zeros(shape), flow, torch.Generator())
