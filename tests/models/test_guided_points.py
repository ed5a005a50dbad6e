"""Guided points are listed, so that little is computed where there are few."""

import torch
from torch.nn import functional

from napari_motionseg.models.guided_points import guided_points, largest_near


def sparse_motion():
    generator = torch.Generator().manual_seed(0)
    sparse = torch.randn(4, 3, 13, 18, generator=generator)
    sparse[:, 2] = (torch.rand(4, 13, 18, generator=generator) < 0.1).float()
    sparse[1, 2] = 0  # a guidance without points
    sparse[0, 2, 0, 0] = sparse[3, 2, 12, 17] = 1
    sparse[:, :2] *= sparse[:, 2:]
    return sparse


def test_points_are_the_guided_pixels_with_their_vectors_and_cells():
    sparse = sparse_motion()
    points = guided_points(sparse)
    again = torch.zeros_like(sparse)
    again[points.which, :2, points.row, points.column] = points.vector
    again[points.which, 2, points.row, points.column] = 1
    assert torch.equal(again, sparse)
    cells = points.cells(4, 4, 5)
    assert cells[0] == 0
    assert cells[-1] == 4 * 4 * 5 - 1
    assert points.guidances == 4


def test_the_largest_value_near_a_point_is_that_of_pooling():
    values = torch.randn(2, 1, 13, 18, generator=torch.Generator().manual_seed(1))
    points = guided_points(sparse_motion())
    pooled = functional.max_pool2d(values, 3, 1, 1)
    expected = pooled[points.which // 2, 0, points.row, points.column]
    assert torch.equal(largest_near(values, points, 3), expected)
