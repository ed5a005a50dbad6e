"""The cross entropy of classes of flow."""

import math

import numpy as np
import pytest
import torch

from napari_motionseg.models.flow_bins import expected_flow
from napari_motionseg.objectives.conditional_propagation import propagation_loss
from napari_motionseg.training.propagation.bin_loss import bin_loss


def test_one_bin_a_vector_is_the_loss_of_the_paper():
    logits = torch.randn(3, 2, 41, 5, 7)
    flow = 12 * torch.randn(3, 2, 5, 7)  # some beyond the limit
    expected = propagation_loss(logits, flow, limit=20.0)
    found = bin_loss(logits.flatten(3), flow.flatten(2), 20.0, shared=False)
    torch.testing.assert_close(found, expected)


def test_shared_labels_equal_a_slow_version():
    logits = torch.randn(2, 2, 5, 6)
    flow = 8 * torch.randn(2, 2, 6)
    chance = logits.softmax(dim=2).numpy()
    centres = np.array([-8, -4, 0, 4, 8])
    total = 0.0
    for (b, axis, n), value in np.ndenumerate(flow.numpy()):
        shares = np.clip(1 - np.abs(np.clip(value, -8, 8) - centres) / 4, 0, 1)
        total -= (shares * np.log(chance[b, axis, :, n])).sum()
    expected = 2 * total / flow.numel()
    found = bin_loss(logits, flow, 10.0, shared=True)
    assert float(found) == pytest.approx(expected, rel=1e-5)


def test_the_best_logits_of_shared_labels_give_the_flow_itself():
    flow = torch.tensor([[[0.3, -7.1, 5.9], [7.9, 0.0, -2.2]]])
    logits = torch.zeros(1, 2, 5, 3, requires_grad=True)
    optimizer = torch.optim.Adam([logits], lr=0.3)
    for _ in range(300):
        optimizer.zero_grad()
        bin_loss(logits, flow, 10.0, shared=True).backward()
        optimizer.step()
    found = expected_flow(logits.detach(), 10.0)
    torch.testing.assert_close(found, flow, atol=0.1, rtol=0)


def test_uninformative_logits_cost_twice_the_logarithm_of_the_bins():
    for shared in (True, False):
        loss = bin_loss(torch.zeros(1, 2, 25, 4), torch.randn(1, 2, 4), 24.0,
                        shared=shared)  # fmt: skip
        assert float(loss) == pytest.approx(2 * math.log(25))
