"""The loss of mask training, against NumPy and against numerical gradients."""

import numpy as np
import pytest
import torch

from napari_motionseg.training.masks.class_loss import class_loss


def shares(rng, batch=2, side=4):
    """Return masks of two classes that share pixels with the background."""
    drawn = rng.random((batch, 3, side, side + 1))
    return (drawn / drawn.sum(axis=1, keepdims=True))[:, 1:]


def test_against_numpy():
    rng = np.random.default_rng(0)
    logits, masks = rng.normal(size=(2, 3, 4, 5)), shares(rng)
    powers = np.exp(logits)
    chance = powers / powers.sum(axis=1, keepdims=True)
    total = 0.0
    for b in range(2):
        for row in range(4):
            for column in range(5):
                share = masks[b, :, row, column]
                for k, part in enumerate((1 - share.sum(), *share)):
                    total -= part * np.log(chance[b, k, row, column])
    overlaps = [
        (2 * (chance[:, k + 1] * masks[:, k]).sum() + 1)
        / (chance[:, k + 1].sum() + masks[:, k].sum() + 1)
        for k in range(2)
    ]
    found = class_loss(torch.from_numpy(logits), torch.from_numpy(masks))
    assert float(found) == pytest.approx(total / 40 + 1 - np.mean(overlaps), rel=1e-9)


def test_its_gradient_is_exact():
    rng = np.random.default_rng(1)
    logits = torch.from_numpy(rng.normal(size=(1, 3, 3, 4))).requires_grad_()
    masks = torch.from_numpy(shares(rng, batch=1, side=3))
    assert torch.autograd.gradcheck(lambda x: class_loss(x, masks), (logits,))


def test_the_truth_costs_next_to_nothing_and_a_wrong_class_much():
    masks = torch.zeros(1, 2, 8, 8)
    masks[:, 0, 2:4], masks[:, 1, 6:] = 1, 1
    right = torch.cat((1 - masks.sum(1, keepdim=True), masks), dim=1) * 20
    swapped = right[:, [0, 2, 1]]
    assert float(class_loss(right, masks)) < 1e-3
    assert float(class_loss(swapped, masks)) > 5
