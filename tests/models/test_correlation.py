"""Correlation of two feature maps against products in a loop."""

import numpy as np
import pytest
import torch

from napari_motionseg.models.correlation import correlation


def test_correlation_is_the_mean_of_products():
    generator = np.random.default_rng(0)
    first, second = generator.normal(size=(2, 2, 5, 6, 7))
    found = correlation(torch.from_numpy(first), torch.from_numpy(second), 2).numpy()
    for b, place, row, column in np.ndindex(2, 25, 6, 7):
        dy, dx = place // 5 - 2, place % 5 - 2
        y, x = row + dy, column + dx
        expected = 0.0
        if 0 <= y < 6 and 0 <= x < 7:
            expected = (first[b, :, row, column] * second[b, :, y, x]).mean()
        assert found[b, place, row, column] == pytest.approx(expected)
