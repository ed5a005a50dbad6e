"""The flat field against a slow mean over every window."""

import numpy as np
import pytest
import torch

from napari_motionseg.models.flat_field import (
    FLAT_FIELD_FLOOR,
    FLAT_FIELD_GAIN,
    FLAT_FIELD_SIGMA,
    box_means,
    flat_field,
)


def slow_flat_field(frame):
    logarithm = np.log(np.maximum(frame, 0) + FLAT_FIELD_FLOOR)
    rows, columns = frame.shape
    radius = max(1, round(min(rows, columns) * FLAT_FIELD_SIGMA))
    radius = min(radius, *(max(1, (side - 1) // 2) for side in frame.shape))
    background = logarithm
    for _ in range(2):
        before, background = background, np.empty_like(background)
        for r in range(rows):
            for c in range(columns):
                window = before[
                    max(0, r - radius) : r + radius + 1,
                    max(0, c - radius) : c + radius + 1,
                ]
                background[r, c] = window.mean()
    return (logarithm - background) * FLAT_FIELD_GAIN


@pytest.mark.parametrize("size", [(20, 37), (48, 33), (1, 9), (3, 2)])
def test_equals_the_mean_of_every_window(size):
    frame = np.random.default_rng(0).random(size)
    frame[0, 0] = 0
    with torch.inference_mode():
        found = flat_field(torch.from_numpy(frame)[None, None].float())[0, 0]
    np.testing.assert_allclose(found.numpy(), slow_flat_field(frame), atol=2e-5)


def test_is_as_exact_where_networks_compute_in_bf16():
    frame = torch.rand(2, 1, 40, 24)
    plain = flat_field(frame)
    with torch.autocast("cpu", torch.bfloat16):
        torch.testing.assert_close(flat_field(frame), plain, rtol=0, atol=0)


def test_a_matrix_that_prediction_made_serves_a_training():
    box_means.cache_clear()
    with torch.inference_mode():
        flat_field(torch.rand(1, 1, 16, 16))
    frame = torch.rand(1, 1, 16, 16, requires_grad=True)
    flat_field(frame).square().sum().backward()
    assert frame.grad.abs().sum() > 0
