import numpy as np
import pytest
import torch

from napari_motionseg.errors import SettingsError
from napari_motionseg.training.flow.flow_loss import (
    LEVEL_WEIGHTS,
    downsample_flow,
    multiscale_flow_loss,
)


def fields(batch=2, height=64, width=128, seed=0):
    rng = np.random.default_rng(seed)
    target = rng.normal(0, 5, (batch, 2, height, width))
    flows = [
        rng.normal(0, 5, (batch, 2, height >> level, width >> level))
        for level in LEVEL_WEIGHTS
    ]
    weights = rng.uniform(0.5, 3, (batch, height, width))
    return target, flows, weights


def slow_loss(flows, target, penalty, weights):
    """Equations 2 and 3 of Sun et al. with loops over blocks; mean over pictures."""
    alphas = {6: 0.32, 5: 0.08, 4: 0.02, 3: 0.01, 2: 0.005}
    total = 0.0
    for flow, (level, alpha) in zip(flows, alphas.items(), strict=True):
        side = 2**level
        for b in range(len(target)):
            for i in range(flow.shape[2]):
                for j in range(flow.shape[3]):
                    block = (slice(i * side, (i + 1) * side),)
                    block += (slice(j * side, (j + 1) * side),)
                    w = weights[b][block]
                    mean = [(target[b, k][block] * w).sum() / w.sum() for k in (0, 1)]
                    error = (flow[b, :, i, j] - mean) / 20
                    if penalty == "l2":
                        size = np.sqrt(np.sum(error**2))
                    else:
                        size = (np.sum(np.abs(error)) + 0.01) ** 0.4
                    total += alpha * w.mean() * size / len(target)
    return total


@pytest.mark.parametrize("penalty", ["l2", "robust"])
@pytest.mark.parametrize("weighted", [False, True])
def test_equals_slow_loops(penalty, weighted):
    target, flows, weights = fields()
    expected = slow_loss(
        flows, target, penalty, weights if weighted else weights * 0 + 1
    )
    tensors = [torch.from_numpy(flow) for flow in flows]
    found = multiscale_flow_loss(
        tensors[::-1],  # the order of levels does not matter
        torch.from_numpy(target),
        penalty=penalty,
        pixel_weights=torch.from_numpy(weights) if weighted else None,
    )
    np.testing.assert_allclose(found.item(), expected, rtol=1e-5)


def test_the_truth_costs_nothing_and_its_gradient_is_finite():
    target = torch.full((1, 2, 64, 64), 3.0)
    flows = [
        torch.full((1, 2, 64 >> n, 64 >> n), 3.0, requires_grad=True)
        for n in LEVEL_WEIGHTS
    ]
    for penalty in ("l2", "robust"):
        loss = multiscale_flow_loss(flows, target, penalty=penalty)
        loss.backward()
        assert all(torch.isfinite(flow.grad).all() for flow in flows)
    assert multiscale_flow_loss(flows, target).item() == 0


def test_a_uniform_flow_stays_itself_at_every_scale():
    flow = torch.tensor([2.5, -7.0]).view(1, 2, 1, 1).expand(1, 2, 64, 64)
    weights = torch.rand((1, 64, 64), generator=torch.Generator().manual_seed(0)) + 0.5
    for factor in (1, 4, 64):
        coarse, mean = downsample_flow(flow, factor, weights)
        assert coarse.shape == (1, 2, 64 // factor, 64 // factor)
        corners = flow[..., ::factor, ::factor]
        torch.testing.assert_close(coarse, corners, rtol=1e-4, atol=0)
        torch.testing.assert_close(mean.mean(), weights.mean(), rtol=1e-4, atol=0)


def test_a_heavy_pixel_draws_its_block():
    flow = torch.zeros((1, 2, 4, 4))
    flow[0, 0, 1, 2] = 8
    weights = torch.ones((1, 4, 4))
    weights[0, 1, 2] = 16
    plain, _ = downsample_flow(flow, 4)
    drawn, mean = downsample_flow(flow, 4, weights)
    assert plain[0, 0, 0, 0] == 0.5
    assert drawn[0, 0, 0, 0] == pytest.approx(8 * 16 / 31)
    assert mean[0, 0, 0] == pytest.approx(31 / 16)


def test_rejected_input():
    target = torch.zeros((1, 2, 64, 64))
    with pytest.raises(SettingsError, match="penalty must be 'l2' or 'robust'"):
        multiscale_flow_loss([], target, penalty="l1")
    words = r"shape \(1, 2, 15, 15\) fits no level of a target of shape"
    with pytest.raises(SettingsError, match=words):
        multiscale_flow_loss([torch.zeros((1, 2, 15, 15))], target)
