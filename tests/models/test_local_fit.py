"""The motion of a background is fitted smoothly to a few vectors."""

import numpy as np
import torch

from napari_motionseg.models.local_fit import (
    FAR_PX,
    FAR_SHARE,
    NEAR_PX,
    RIDGE,
    STILL_WEIGHT,
    local_fit,
)

CELL = 4


def planes(points, size):
    given, weight = torch.zeros(1, 2, *size), torch.zeros(1, 1, *size)
    for row, column, x, y, share in points:
        given[0, :, row, column] = torch.tensor([x, y])
        weight[0, 0, row, column] = share
    return given, weight


def slow(points, row, column):
    """Return the fit at one cell by weighted ridge regression."""
    place = np.array([[c - column, r - row] for r, c, *_ in points]) * CELL
    square = (place**2).sum(axis=1)
    near = np.exp(-square / (2 * NEAR_PX**2))
    far = FAR_SHARE * np.exp(-square / (2 * FAR_PX**2))
    weight = np.array([p[4] for p in points]) * (near + far)
    vectors = np.array([p[2:4] for p in points])
    share = weight / weight.sum()
    middle, mean = share @ place, share @ vectors
    away = (place - middle) / NEAR_PX
    square = (share[:, None] * away).T @ away + RIDGE * np.eye(2)
    slope = np.linalg.solve(square, (share[:, None] * away).T @ vectors)
    fitted = mean - middle / NEAR_PX @ slope
    return fitted * weight.sum() / (weight.sum() + STILL_WEIGHT)


def test_it_equals_a_slow_version():
    rng = np.random.default_rng(0)
    points = [
        (int(r), int(c), *rng.normal(0, 3, 2), rng.uniform(0.1, 2))
        for r, c in zip(rng.permutation(40)[:9], rng.permutation(57)[:9], strict=True)
    ]
    fitted, _ = local_fit(*planes(points, (40, 57)), CELL)
    for row, column in ((0, 0), (3, 50), (20, 20), (39, 56)):
        expected = torch.tensor(slow(points, row, column), dtype=torch.float32)
        torch.testing.assert_close(
            fitted[0, :, row, column], expected, atol=1e-3, rtol=1e-3
        )


def test_a_linear_motion_is_continued_between_its_points():
    points = [
        (r, c, 2 + 0.05 * c, 1 - 0.05 * r, 1)
        for r in range(0, 40, 8)
        for c in range(0, 50, 8)
    ]
    fitted, _ = local_fit(*planes(points, (40, 50)), CELL)
    rows, columns = torch.meshgrid(
        torch.arange(40.0), torch.arange(50.0), indexing="ij"
    )
    truth = torch.stack((2 + 0.05 * columns, 1 - 0.05 * rows))
    assert float((fitted[0] - truth)[:, 4:36, 4:46].abs().max()) < 0.2


def test_one_point_moves_everything_around_and_nothing_far_away():
    fitted, near = local_fit(*planes([(5, 5, 4.0, -2.0, 1)], (10, 400)), CELL)
    torch.testing.assert_close(
        fitted[0, :, 5, 5], torch.tensor([4.0, -2.0]), atol=0.02, rtol=0
    )
    assert float(fitted[0, :, 5, 399].norm()) < 0.01
    assert float(near[0, 0, 5, 5]) > 1


def test_without_a_point_nothing_moves():
    fitted, near = local_fit(*planes([], (6, 7)), CELL)
    assert not fitted.any()
    assert not near.any()
