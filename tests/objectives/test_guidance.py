import math

import numpy as np
import pytest
import torch

from napari_motionseg.errors import SettingsError
from napari_motionseg.objectives.guidance import (
    LEAST_EDGE,
    grid_points,
    guidance_mask,
    motion_slope,
    sparse_motion,
    squared_distance,
    watershed_points,
)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def patches(batch=2, height=31, width=37, seed=0):
    """Flow that is constant in a few rectangles over a still background."""
    rng = np.random.default_rng(seed)
    flow = np.zeros((batch, 2, height, width))
    for b in range(batch):
        for _ in range(3):
            top, left = rng.integers(0, height - 6), rng.integers(0, width - 6)
            tall, wide = rng.integers(5, 14, 2)
            motion = rng.normal(0, 4, (2, 1, 1))
            flow[b, :, top : top + tall, left : left + wide] = motion
    return torch.from_numpy(flow)


def slow_slope(flow):
    """Sobel's filter in loops over pixels, the picture continued at its edges."""
    batch, _, height, width = flow.shape
    slope = np.zeros((batch, height, width))
    for b in range(batch):
        for r in range(height):
            for c in range(width):
                total = 0.0
                for component in flow[b]:
                    along_x = along_y = 0.0
                    for offset, weight in ((-1, 1), (0, 2), (1, 1)):
                        for side in (-1, 1):
                            row = min(max(r + offset, 0), height - 1)
                            column = min(max(c + side, 0), width - 1)
                            along_x += side * weight * component[row, column] / 8
                            row = min(max(r + side, 0), height - 1)
                            column = min(max(c + offset, 0), width - 1)
                            along_y += side * weight * component[row, column] / 8
                    total += along_x**2 + along_y**2
                slope[b, r, c] = math.sqrt(total)
    return slope


def slow_squared_distance(edges):
    """Every pixel to every edge."""
    result = np.full(edges.shape, math.inf)
    for b, plane in enumerate(edges):
        for r in range(plane.shape[0]):
            for c in range(plane.shape[1]):
                for row, column in np.argwhere(plane):
                    square = (r - row) ** 2 + (c - column) ** 2
                    result[b, r, c] = min(result[b, r, c], square)
    return result


def slow_points(flow, kernel, edge, generator):
    """Every pixel against every other in its window."""
    slope = slow_slope(flow.numpy())
    steepest = slope.max(axis=(1, 2), keepdims=True)
    height = slow_squared_distance(slope > np.maximum(edge * steepest, LEAST_EDGE))
    draw = torch.rand(height.shape, generator=generator, dtype=torch.float64).numpy()
    reach = kernel // 2
    mask = np.zeros(height.shape, bool)
    for b, r, c in np.ndindex(height.shape):
        inside = 0 < r < height.shape[1] - 1 and 0 < c < height.shape[2] - 1
        if not inside or not 0 < height[b, r, c] < math.inf:
            continue
        rows = range(max(0, r - reach), min(height.shape[1], r + reach + 1))
        columns = range(max(0, c - reach), min(height.shape[2], c + reach + 1))
        own = (height[b, r, c], draw[b, r, c])
        others = [(height[b, i, j], draw[b, i, j]) for i in rows for j in columns]
        mask[b, r, c] = own == max(others)
    return mask


@pytest.mark.parametrize("size", [(9, 11), (1, 5), (6, 1), (2, 2)])
def test_the_slope_is_sobels(size):
    flow = torch.randn((2, 2, *size), generator=generator(), dtype=torch.float64)
    np.testing.assert_allclose(
        motion_slope(flow).numpy(), slow_slope(flow.numpy()), atol=1e-12
    )


def test_a_jump_has_half_its_height_as_slope_on_both_sides():
    flow = torch.zeros((1, 2, 8, 10))
    flow[:, 0, :, 5:] = 3
    flow[:, 1, :, 5:] = 4
    expected = torch.zeros((8, 10))
    expected[:, 4:6] = 2.5
    torch.testing.assert_close(motion_slope(flow)[0], expected)


def test_a_ramp_has_its_slope():
    columns = torch.arange(12.0).expand(9, -1)
    flow = torch.stack((0.3 * columns, -0.4 * columns))[None]
    torch.testing.assert_close(motion_slope(flow)[0, :, 1:-1], torch.full((9, 10), 0.5))


def test_the_distance_is_that_to_the_nearest_of_all_edges():
    edges = torch.rand((3, 13, 17), generator=generator()) > 0.95
    edges[2] = False
    found = squared_distance(edges).numpy()
    np.testing.assert_array_equal(found, slow_squared_distance(edges.numpy()))
    assert np.isinf(found[2]).all()


@pytest.mark.parametrize("kernel", [1, 5, 9, 81])
@pytest.mark.parametrize("seed", range(3))
def test_points_equal_slow_loops(kernel, seed):
    flow = patches(height=19, width=22, seed=seed)
    found = watershed_points(flow, kernel, edge=0.1, generator=generator(seed))
    expected = slow_points(flow, kernel, 0.1, generator(seed))
    np.testing.assert_array_equal(found.numpy(), expected)
    assert found.any() or kernel == 81  # the one summit may be on the border


def test_the_middle_of_what_moves_as_one_is_a_point():
    flow = torch.zeros((1, 2, 60, 70))
    flow[:, 0, 10:31, 20:41] = 5
    found = watershed_points(flow, 15, generator=generator())[0]
    inside = found[10:31, 20:41].nonzero()
    assert inside.tolist() == [[10, 10]]


@pytest.mark.parametrize("kernel", [3, 7, 21])
def test_points_are_apart_bounded_and_off_the_border(kernel):
    flow = torch.randn((2, 2, 40, 53), generator=generator())
    found = watershed_points(flow, kernel, edge=0.5, generator=generator())
    apart = (kernel + 1) // 2
    for plane in found:
        points = plane.nonzero()
        distance = (points[:, None] - points).abs().amax(dim=-1)
        distance.fill_diagonal_(apart)
        assert distance.min() >= apart
        assert len(points) <= math.ceil(40 / apart) * math.ceil(53 / apart)
    assert not found[:, [0, -1]].any()
    assert not found[:, :, [0, -1]].any()


def test_larger_kernels_give_fewer_points():
    flow = patches(4, 60, 60)
    counts = [
        int(watershed_points(flow, kernel, generator=generator()).sum())
        for kernel in (3, 9, 21, 41)
    ]
    assert counts == sorted(counts, reverse=True)
    assert counts[0] > counts[-1]


@pytest.mark.parametrize("level", [0.0, 3.3, 1e6])
def test_motion_without_an_edge_has_grid_points_alone(level):
    flow = torch.full((2, 2, 50, 60), level)
    assert not watershed_points(flow, 9, generator=generator()).any()
    mask = guidance_mask(flow, nms_kernel=9, grid_stride=20, generator=generator())
    assert torch.equal(mask, grid_points((50, 60), 20).expand(2, -1, -1))


def test_rounding_is_no_edge():
    flow = 3 + 1e-6 * torch.randn((1, 2, 40, 40), generator=generator())
    assert not watershed_points(flow, 5, generator=generator()).any()


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (2, 2), (3, 3)])
def test_tiny_pictures_have_masks(size):
    flow = torch.randn((2, 2, *size), generator=generator())
    assert guidance_mask(flow, generator=generator()).shape == (2, *size)


def test_the_grid_of_the_paper_has_four_points():
    assert grid_points((384, 384), 200).nonzero().tolist() == [
        [100, 100], [100, 300], [300, 100], [300, 300],
    ]  # fmt: skip
    assert int(grid_points((384, 384), 80).sum()) == 25


def test_both_kinds_of_points_can_be_left_out():
    flow = patches()
    none = guidance_mask(flow, nms_kernel=0, grid_stride=0, generator=generator())
    assert not none.any()
    watershed = guidance_mask(flow, nms_kernel=9, grid_stride=0, generator=generator())
    grid = guidance_mask(flow, nms_kernel=0, grid_stride=9, generator=generator())
    both = guidance_mask(flow, nms_kernel=9, grid_stride=9, generator=generator())
    assert torch.equal(both, watershed | grid)
    assert torch.equal(
        watershed, watershed_points(flow, 9, edge=0.1, generator=generator())
    )


def test_seeds_decide_ties_alone():
    flow = torch.zeros((1, 2, 20, 60))
    flow[:, 0, 7:14, 5:55] = 2  # a bar: all its middle line is equally high
    draws = [watershed_points(flow, 9, generator=generator(s)) for s in (0, 0, 1)]
    assert torch.equal(draws[0], draws[1])
    assert not torch.equal(draws[0], draws[2])


def test_sparse_motion_is_flow_where_the_mask_is():
    flow = patches()
    mask = guidance_mask(flow, nms_kernel=9, grid_stride=9, generator=generator())
    found = sparse_motion(flow, mask)
    assert found.shape == (2, 3, 31, 37)
    assert found.dtype == flow.dtype
    for b, r, c in np.ndindex(mask.shape):
        expected = [*flow[b, :, r, c].tolist(), 1.0] if mask[b, r, c] else [0.0] * 3
        assert found[b, :, r, c].tolist() == expected


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"flow": torch.zeros(2, 8, 8)}, r"flow must be \(B, 2, H, W\); got \(2, 8, 8"),
        ({"flow": torch.full((1, 2, 8, 8), math.nan)}, "flow must be finite"),
        ({"nms_kernel": 8}, "nms_kernel must be odd, or 0 .* got 8"),
        ({"nms_kernel": -1}, "nms_kernel must be odd, or 0 .* got -1"),
        ({"grid_stride": -2}, "grid_stride must be positive, or 0 .* got -2"),
        ({"edge": 0.0}, "edge must lie between 0 and 1; got 0.0"),
        ({"edge": math.nan}, "edge must lie between 0 and 1; got nan"),
    ],
)
def test_rejected_input(change, words):
    given = {"flow": torch.zeros(1, 2, 8, 8), "generator": generator()} | change
    with pytest.raises(SettingsError, match=words):
        guidance_mask(**given)


def test_rejected_arguments_of_the_parts():
    flow = torch.zeros(1, 2, 8, 8)
    with pytest.raises(SettingsError, match="kernel must be odd and positive; got 0"):
        watershed_points(flow, 0, generator=generator())
    with pytest.raises(SettingsError, match="stride must be at least 1; got 0"):
        grid_points((8, 8), 0)
    with pytest.raises(SettingsError, match=r"mask must be \(1, 8, 8\) for a flow"):
        sparse_motion(flow, torch.zeros(1, 8, 9, dtype=torch.bool))
    with pytest.raises(SettingsError, match=r"flow must be \(B, 2, H, W\); got \(1, 3"):
        sparse_motion(torch.zeros(1, 3, 8, 8), torch.zeros(1, 8, 8, dtype=torch.bool))
