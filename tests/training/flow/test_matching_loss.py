"""The matching term against loops over pixels."""

import numpy as np
import pytest
import torch

from napari_motionseg.training.flow.matching_loss import (
    FARTHEST,
    LEVELS,
    REACH,
    TEMPERATURE,
    displacement_weights,
    matching_loss,
)

SIDE = 64


def plain_weights(x, y):
    """The share of each of 81 displacements for one vector."""
    shares = []
    for dy in range(-REACH, REACH + 1):
        for dx in range(-REACH, REACH + 1):
            shares.append(max(0, 1 - abs(x - dx)) * max(0, 1 - abs(y - dy)))
    return np.asarray(shares)


def plain_level(first, second, flow, weights):
    """Cross-entropy of one level: features (C, h, w), flow (2, h, w) of the level."""
    height, width = flow.shape[1:]
    total = count = 0.0
    for row in range(height):
        for column in range(width):
            if np.abs(flow[:, row, column]).max() > FARTHEST:
                continue
            logits = []
            for dy in range(-REACH, REACH + 1):
                for dx in range(-REACH, REACH + 1):
                    r, c = row + dy, column + dx
                    inside = 0 <= r < height and 0 <= c < width
                    other = second[:, r, c] if inside else np.zeros(len(first))
                    logits.append(np.mean(first[:, row, column] * other) / TEMPERATURE)
            logits = np.asarray(logits)
            log_share = logits - np.log(np.exp(logits - logits.max()).sum())
            log_share -= logits.max()
            target = plain_weights(*flow[:, row, column])
            total -= weights[row, column] * (target * log_share).sum()
            count += weights[row, column]
    return total / max(count, 1.0)


def pyramids(generator):
    """Two pyramids of unit mean square, levels 1 to 6."""

    def level(number):
        side = SIDE // 2**number
        raw = torch.randn(1, 3, side, side, generator=generator, dtype=torch.float64)
        return raw / raw.square().mean(dim=1, keepdim=True).sqrt()

    return [[level(n) for n in range(1, 7)] for _ in range(2)]


@pytest.mark.parametrize("weighted", [False, True])
def test_equals_loops_over_pixels(weighted):
    generator = torch.Generator().manual_seed(3)
    first, second = pyramids(generator)
    flow = 14 * torch.randn(1, 2, SIDE, SIDE, generator=generator)
    flow = torch.nn.functional.avg_pool2d(flow, 9, 1, 4) * 5
    weights = torch.rand(1, SIDE, SIDE, generator=generator) if weighted else None
    expected = 0.0
    for level in LEVELS:
        size = 2**level
        shape = (SIDE // size, size, SIDE // size, size)
        blocks = flow[0].double().numpy().reshape(2, *shape)
        if weighted:
            share = weights[0].double().numpy().reshape(shape)
            blocks = (blocks * share).mean((2, 4)) / share.mean((1, 3))
            share = share.mean((1, 3))
        else:
            blocks, share = blocks.mean((2, 4)), np.ones(shape[::2])
        features = [f[level - 1][0].numpy() for f in (first, second)]
        expected += plain_level(*features, blocks / size, share)
    found = matching_loss(first, second, flow, weights)
    assert found.item() == pytest.approx(expected, rel=1e-4)


def test_weights_are_bilinear_and_ordered_like_the_cost_volume():
    vectors = np.asarray([[0, 0], [2, -1], [0.25, 0.5], [-3, 3], [1.9, -2.2]])
    flow = torch.from_numpy(vectors.T[None, :, None, :].copy())
    found = displacement_weights(flow)[0, :, 0].numpy().T
    for weights, (x, y) in zip(found, vectors, strict=True):
        np.testing.assert_allclose(weights, plain_weights(x, y), atol=1e-12)
    np.testing.assert_allclose(found.sum(1), 1)


def test_features_that_match_cost_less_than_features_that_do_not():
    first, _ = pyramids(torch.Generator().manual_seed(4))
    flow = torch.zeros(1, 2, SIDE, SIDE)
    flow[:, 0] = 2**4  # one pixel to the right on level 4
    moved = [torch.roll(level, 2 ** (4 - n), 3) if n <= 4 else level
             for n, level in enumerate(first, start=1)]  # fmt: skip
    right = matching_loss(first, moved, flow)
    assert right < 0.8 * matching_loss(first, first, flow)


def test_motion_out_of_reach_counts_nothing():
    first, second = pyramids(torch.Generator().manual_seed(5))
    far = torch.full((1, 2, SIDE, SIDE), 2**5 * (FARTHEST + 1.0))
    assert matching_loss(first, second, far) == 0


def test_gradient_reaches_the_features():
    generator = torch.Generator().manual_seed(6)
    first, second = pyramids(generator)
    first[2].requires_grad_()
    matching_loss(first, second, torch.zeros(1, 2, SIDE, SIDE)).backward()
    assert first[2].grad.abs().sum() > 0
