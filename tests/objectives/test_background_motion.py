"""Flow without the background's motion: a slow version, exactness, what is refused."""

import numpy as np
import pytest
import torch

from napari_motionseg.errors import SettingsError
from napari_motionseg.objectives import background_motion as background
from napari_motionseg.objectives.background_motion import without_background


def slow(flow):
    """Weighted least squares over the pixels that count, picture by picture."""
    left = flow.copy()
    for picture in left:
        _, height, width = picture.shape
        y, x = np.meshgrid(
            np.linspace(-1, 1, height), np.linspace(-1, 1, width), indexing="ij"
        )
        counts = (picture != 0).any(axis=0)
        columns = np.stack((np.ones(counts.sum()), x[counts], y[counts]), axis=1)
        vectors = picture[:, counts].T
        weights = np.ones(len(vectors))
        for _ in range(background.ROUNDS):
            root = np.sqrt(weights)[:, None]
            found, *_ = np.linalg.lstsq(root * columns, root * vectors, rcond=None)
            residual = vectors - columns @ found
            length = np.sqrt((residual**2).sum(axis=1))
            middle = np.sort(length)[(len(length) - 1) // 2]
            scale = max(background.SCALE_MEDIANS * middle, background.LEAST_SCALE_PX)
            weights = 1 / (1 + (length / scale) ** 2) ** 2
        picture[:, counts] = residual.T
    return left


def carried(height=23, width=31, dtype=torch.float64):
    """A picture that is shifted, turned and stretched as a whole."""
    rows, columns = torch.meshgrid(
        torch.linspace(-1, 1, height, dtype=dtype),
        torch.linspace(-1, 1, width, dtype=dtype),
        indexing="ij",
    )
    return torch.stack((5 + 2 * columns - 3 * rows, -4 + rows + 0.5 * columns))[None]


def test_equals_weighted_least_squares_in_numpy():
    rng = np.random.default_rng(0)
    flow = torch.cat((carried(), 2 * carried())).numpy()
    flow += 0.3 * rng.standard_normal(flow.shape)
    flow[0, :, 5:15, 3:12] += 6
    flow[1, :, :4] = 0  # outside of the valid area
    found = without_background(torch.from_numpy(flow)).numpy()
    np.testing.assert_allclose(found, slow(flow), atol=1e-9)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.2])
def test_what_moves_by_itself_is_left_and_nothing_else(share):
    flow = carried()
    rows = round(share * flow.shape[-2])
    flow[:, 0, :rows] += 7
    flow[:, 1, :rows] -= 2
    found = without_background(flow)
    expected = torch.zeros_like(flow)
    expected[:, 0, :rows], expected[:, 1, :rows] = 7, -2
    torch.testing.assert_close(found, expected, rtol=0, atol=5e-3)


def test_vessels_may_be_a_third_of_the_picture():
    flow = carried()
    where = torch.rand(flow.shape[-2:], generator=torch.Generator().manual_seed(0))
    flow[..., where < 0.33] += 4
    found = without_background(flow)
    expected = torch.where(where < 0.33, 4.0, 0.0).to(flow).expand_as(flow)
    torch.testing.assert_close(found, expected, rtol=0, atol=5e-3)


def test_what_lies_outside_of_the_valid_area_stays_still():
    flow = carried()
    flow[..., :20] = 0
    found = without_background(flow)
    assert not found[..., :20].any()
    assert found[..., 20:].abs().max() < 1e-3


@pytest.mark.parametrize("shape", [(1, 2, 1, 1), (2, 2, 1, 9), (1, 2, 9, 1)])
def test_degenerate_pictures_are_finite(shape):
    assert without_background(torch.zeros(shape)).eq(0).all()
    assert without_background(torch.ones(shape)).abs().max() < 1e-3


def test_the_type_is_kept_and_no_gradient_flows():
    flow = carried(dtype=torch.float32).half().requires_grad_()
    found = without_background(flow)
    assert found.dtype == torch.float16
    assert not found.requires_grad


@pytest.mark.parametrize(
    ("flow", "words"),
    [
        (torch.zeros((1, 3, 4, 4)), r"flow must be \(B, 2, H, W\); got \(1, 3, 4, 4\)"),
        (torch.zeros((2, 4, 4)), r"got \(2, 4, 4\)"),
        (torch.full((1, 2, 4, 4), torch.nan), "flow must be finite"),
    ],
)
def test_what_is_no_flow_is_refused(flow, words):
    with pytest.raises(SettingsError, match=words):
        without_background(flow)
