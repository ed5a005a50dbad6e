import dataclasses
import math

import numpy as np
import pytest
import torch

from napari_motionseg.errors import SettingsError
from napari_motionseg.objectives.conditional_propagation import (
    ConditionalPropagation,
    bin_centres,
    decode_flow,
    propagation_loss,
    quantize_flow,
)
from napari_motionseg.objectives.guidance import guidance_mask, sparse_motion

SMALL = {"nms_kernel": 9, "grid_stride": 12, "image_channels": 6, "width": 4}


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def scene(shape=(2, 2, 7, 5, 9), seed=0, dtype=torch.float64):
    """Logits, and flow that goes beyond a limit of 6 px."""
    rng = np.random.default_rng(seed)
    batch, axes, _, height, width = shape
    logits = torch.from_numpy(2 * rng.normal(size=shape)).to(dtype)
    flow = torch.from_numpy(4 * rng.normal(size=(batch, axes, height, width)))
    return logits, flow.to(dtype)


def slow_bin(value, limit, bins):
    """The first bin whose upper boundary is above the clipped value."""
    value = min(max(value, -limit), limit)
    for index in range(bins):
        if value < -limit + (index + 1) * 2 * limit / bins:
            return index
    return bins - 1


def slow_loss(logits, flow, limit):
    """Equation 1 as it stands, one pixel and one bin after the other."""
    scores, f = logits.double().numpy(), flow.double().numpy()
    batch, _, bins, height, width = scores.shape
    total = 0.0
    for axis in (0, 1):
        for b, r, c in np.ndindex(batch, height, width):
            exponentials = np.exp(scores[b, axis, :, r, c])
            probability = exponentials / exponentials.sum()
            label = slow_bin(f[b, axis, r, c], limit, bins)
            for index in range(bins):
                if label == index:
                    total -= math.log(probability[index])
    return total / (batch * height * width)


@pytest.mark.parametrize(("limit", "bins"), [(6.0, 7), (20.0, 41), (0.5, 2), (3.0, 8)])
def test_bins_equal_slow_loops(limit, bins):
    _, flow = scene()
    found = quantize_flow(flow, limit=limit, bins=bins)
    assert found.dtype == torch.int64
    expected = [slow_bin(value, limit, bins) for value in flow.flatten().tolist()]
    assert found.flatten().tolist() == expected
    assert found.min() >= 0
    assert found.max() < bins


def test_boundaries_and_what_is_beyond_them():
    values = torch.tensor([-100.0, -6.0, 6.0, 100.0, 0.0, -2.0, 2.0])
    flow = values.expand(1, 2, 1, -1)
    assert quantize_flow(flow, limit=6, bins=3)[0, 0, 0].tolist() == [
        0, 0, 2, 2, 1, 1, 2,
    ]  # fmt: skip


def test_the_centre_of_a_bin_is_in_it():
    for limit, bins in [(20.0, 41), (7.0, 2), (5.0, 10)]:
        centres = bin_centres(limit, bins)
        labels = quantize_flow(centres.expand(1, 2, 1, -1), limit=limit, bins=bins)
        assert labels[0, 1, 0].tolist() == list(range(bins))
    assert bin_centres(20.0, 41)[20] == 0
    torch.testing.assert_close(
        bin_centres(2.0, 4), torch.tensor([-1.5, -0.5, 0.5, 1.5]).double()
    )


@pytest.mark.parametrize("shape", [(2, 2, 7, 5, 9), (1, 2, 2, 1, 1), (3, 2, 41, 4, 3)])
def test_the_loss_equals_slow_loops(shape):
    logits, flow = scene(shape)
    found = propagation_loss(logits, flow, limit=6)
    np.testing.assert_allclose(found.item(), slow_loss(logits, flow, 6), rtol=1e-12)


def test_the_loss_equals_slow_loops_in_float32():
    logits, flow = scene(dtype=torch.float32)
    found = propagation_loss(logits, flow, limit=6)
    assert found.dtype == torch.float32
    np.testing.assert_allclose(found.item(), slow_loss(logits, flow, 6), rtol=1e-6)


def test_gradient():
    logits, flow = scene((2, 2, 5, 3, 4))
    logits.requires_grad_()
    assert torch.autograd.gradcheck(
        lambda x: propagation_loss(x, flow, limit=6), logits
    )


def test_gradient_of_the_decoding():
    logits, _ = scene((1, 2, 5, 3, 4))
    logits.requires_grad_()
    assert torch.autograd.gradcheck(lambda x: decode_flow(x, limit=6), logits)


def test_saying_nothing_costs_the_logarithm_of_the_bins_twice():
    _, flow = scene()
    loss = propagation_loss(torch.zeros(2, 2, 11, 5, 9), flow.float())
    assert loss.item() == pytest.approx(2 * math.log(11), rel=1e-6)


def test_being_sure_and_right_costs_nothing():
    _, flow = scene()
    labels = quantize_flow(flow, limit=6, bins=7)
    sure = 100 * torch.nn.functional.one_hot(labels, 7).movedim(-1, 2).double()
    assert propagation_loss(sure, flow, limit=6).item() == pytest.approx(0, abs=1e-12)
    likeliest = decode_flow(sure, limit=6, decoding="likeliest")
    torch.testing.assert_close(decode_flow(sure, limit=6), likeliest)
    inside = flow.clamp(-6, 6)
    assert (likeliest - inside).abs().max() <= 6 / 7 + 1e-12  # half a bin


def test_decoding_equals_slow_loops():
    logits, _ = scene()
    centres = [-6 + (2 * index + 1) * 6 / 7 for index in range(7)]
    mean, likeliest = (
        decode_flow(logits, limit=6),
        decode_flow(logits, limit=6, decoding="likeliest"),
    )
    for b, a, r, c in np.ndindex(2, 2, 5, 9):
        scores = logits[b, a, :, r, c].numpy()
        probability = np.exp(scores) / np.exp(scores).sum()
        assert mean[b, a, r, c].item() == pytest.approx(probability @ centres)
        expected = centres[int(np.argmax(scores))]
        assert likeliest[b, a, r, c].item() == pytest.approx(expected)


def test_mirrored_flow_has_the_same_loss():
    """Away from boundaries of bins, x to -x reverses the bins of x."""
    logits, flow = scene()
    mirrored = flow * torch.tensor([-1.0, 1.0]).view(1, 2, 1, 1)
    reversed_x = torch.stack((logits[:, 0].flip(1), logits[:, 1]), dim=1)
    torch.testing.assert_close(
        propagation_loss(reversed_x, mirrored, limit=6),
        propagation_loss(logits, flow, limit=6),
    )


@pytest.mark.parametrize("scale", [0.0, 1e-30, 1e30])
@pytest.mark.parametrize("size", [1.0, 1e4])
def test_value_and_gradient_are_finite(scale, size):
    logits, flow = scene(dtype=torch.float32)
    logits = (size * logits).requires_grad_()
    loss = propagation_loss(logits, scale * flow)
    loss.backward()
    assert torch.isfinite(loss)
    assert torch.isfinite(logits.grad).all()
    assert torch.isfinite(decode_flow(logits)).all()


def test_bf16_logits_are_computed_in_float32():
    logits, flow = scene(dtype=torch.float32)
    rounded = logits.bfloat16()
    loss = propagation_loss(rounded, flow)
    assert loss.dtype == torch.float32
    torch.testing.assert_close(loss, propagation_loss(rounded.float(), flow))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"logits": torch.zeros(1, 2, 5, 4)}, r"logits must be \(B, 2, C, H, W\)"),
        ({"logits": torch.zeros(1, 3, 7, 4, 4)}, r"got \(1, 3, 7, 4, 4\)"),
        ({"flow": torch.zeros(1, 2, 4, 5)}, r"flow must be \(1, 2, 4, 4\) for logits"),
        ({"flow": torch.full((1, 2, 4, 4), math.inf)}, "flow must be finite"),
        ({"limit": 0.0}, "limit must be positive; got 0.0"),
        ({"limit": math.nan}, "limit must be positive; got nan"),
        (
            {"logits": torch.zeros(1, 2, 1, 4, 4)},
            "bins must be an integer of at least 2; got 1",
        ),
    ],
)
def test_rejected_input(change, words):
    given = {"logits": torch.zeros(1, 2, 7, 4, 4), "flow": torch.zeros(1, 2, 4, 4)}
    with pytest.raises(SettingsError, match=words):
        propagation_loss(**(given | change))


def test_rejected_decoding():
    with pytest.raises(SettingsError, match="did you mean 'expected'"):
        decode_flow(torch.zeros(1, 2, 7, 4, 4), decoding="expect")
    with pytest.raises(SettingsError, match="flow must be .* got .2, 4, 4."):
        quantize_flow(torch.zeros(2, 4, 4))


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"nms_kernel": 80}, "nms_kernel must be odd"),
        ({"grid_stride": -1}, "grid_stride must be positive"),
        ({"edge": 1.0}, "edge must lie between 0 and 1"),
        ({"limit": -1.0}, "limit must be positive"),
        ({"bins": 1}, "bins must be an integer of at least 2; got 1"),
        ({"strides": ()}, "strides must be one or more different integers"),
        ({"width": 0}, "width must be a positive integer; got 0"),
    ],
)
def test_settings_are_checked(wrong, words):
    with pytest.raises(SettingsError, match=words):
        ConditionalPropagation(**wrong)


def test_settings_survive_json():
    settings = ConditionalPropagation(strides=[1, 2, 4, 8])
    assert ConditionalPropagation(**dataclasses.asdict(settings)) == settings


def test_the_objective_is_the_loss_of_its_head_on_its_guidance():
    settings = ConditionalPropagation(**SMALL)
    torch.manual_seed(0)
    head = settings.head(5).double()
    embedding = torch.randn((2, 5, 24, 29), generator=generator()).double()
    flow = torch.zeros((2, 2, 24, 29), dtype=torch.float64)
    flow[:, 0, 4:15, 5:20] = 3
    loss, metrics = settings(embedding, flow, generator(3), head)
    mask = guidance_mask(
        flow, nms_kernel=9, grid_stride=12, edge=0.1, generator=generator(3)
    )
    logits = head(embedding, sparse_motion(flow, mask))
    torch.testing.assert_close(loss, propagation_loss(logits, flow))
    assert metrics["points"] == mask.sum().item() / 2
    error = decode_flow(logits, decoding="likeliest") - flow
    assert metrics["error_px"] == pytest.approx(error.norm(dim=1).mean().item())


def test_gradients_reach_the_embedding_and_all_of_the_head():
    settings = ConditionalPropagation(**SMALL)
    head = settings.head(5)
    embedding = torch.randn((2, 5, 24, 29), generator=generator(), requires_grad=True)
    flow = torch.randn((2, 2, 24, 29), generator=generator(), requires_grad=True)
    loss, _ = settings(embedding, flow, generator(), head)
    loss.backward()
    assert flow.grad is None
    assert (embedding.grad != 0).any(dim=1).all()
    for name, weight in head.named_parameters():
        assert weight.grad is not None, name
        assert torch.isfinite(weight.grad).all(), name


@pytest.mark.parametrize("size", [(2, 1), (3, 5), (17, 8)])
@pytest.mark.parametrize("level", [0.0, 2.5])
def test_motion_without_edges_and_tiny_pictures_are_finite(size, level):
    settings = ConditionalPropagation(image_channels=6, width=4)
    head = settings.head(5)
    embedding = torch.randn((1, 5, *size), generator=generator(), requires_grad=True)
    loss, metrics = settings(
        embedding, torch.full((1, 2, *size), level), generator(), head
    )
    loss.backward()
    assert torch.isfinite(loss)
    assert torch.isfinite(embedding.grad).all()
    assert metrics["points"] == 0


@pytest.mark.parametrize(("limit", "bins"), [(0.0, 5), (-1.0, 5), (20.0, 1)])
def test_bins_that_cannot_be(limit, bins):
    with pytest.raises(SettingsError, match="got"):
        bin_centres(limit, bins)
    with pytest.raises(SettingsError, match="got"):
        quantize_flow(torch.zeros(1, 2, 3, 3), limit=limit, bins=bins)


def test_its_own_network_is_the_head_that_it_is_called_with():
    objective = ConditionalPropagation(**SMALL)
    network = objective.learnable(6)
    embedding = torch.randn(1, 6, 24, 24, generator=generator())
    flow = torch.randn(1, 2, 24, 24, generator=generator(1))
    network.eval()
    found, _ = network(embedding, flow, generator(2))
    expected, _ = objective(embedding, flow, generator(2), network.head)
    torch.testing.assert_close(found, expected)
