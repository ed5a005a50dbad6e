"""Warping and forward-backward error against SciPy's interpolation."""

import numpy as np
import pytest
import torch
from scipy.ndimage import map_coordinates

from napari_motionseg.errors import MotionError
from napari_motionseg.motion import (
    forward_backward_error,
    warp,
)
from napari_motionseg.motion.warping import occlusion


def constant(x, y, size=(12, 15)):
    return torch.tensor([x, y], dtype=torch.float64)[None, :, None, None].expand(
        1, 2, *size
    )


def test_warping_is_scipys():
    generator = np.random.default_rng(0)
    picture = generator.random((1, 2, 12, 15))
    flow = generator.uniform(-2, 2, (1, 2, 12, 15))
    found = warp(torch.from_numpy(picture), torch.from_numpy(flow)).numpy()
    rows, columns = np.mgrid[:12, :15]
    places = np.stack((rows + flow[0, 1], columns + flow[0, 0]))
    inside = (places >= 0).all(0) & (places[0] <= 11) & (places[1] <= 14)
    for channel in range(2):
        expected = map_coordinates(picture[0, channel], places, order=1)
        np.testing.assert_allclose(found[0, channel][inside], expected[inside])


def test_warping_brings_the_second_picture_back():
    picture = torch.rand(1, 1, 12, 15, dtype=torch.float64)
    second = torch.roll(picture, (2, 3), (2, 3))
    back = warp(second, constant(3, 2))
    torch.testing.assert_close(back[..., :-2, :-3], picture[..., :-2, :-3])


def test_exact_inverses_agree_and_others_do_not():
    forward, backward = constant(2, -1), constant(-2, 1)
    error = forward_backward_error(forward, backward)
    assert error[0, 3:-3, 3:-3].abs().max() == 0
    wrong = forward_backward_error(forward, constant(-2, 4))
    torch.testing.assert_close(wrong[0, 3:-3, 3:-3], torch.full((6, 9), 3.0).double())
    assert not occlusion(forward, backward)[0, 3:-3, 3:-3].any()
    assert occlusion(forward, constant(-2, 4))[0, 3:-3, 3:-3].all()
    assert not occlusion(forward, constant(-2, 4), threshold=3.5)[0, 5, 5]


def test_sizes_that_differ():
    with pytest.raises(MotionError, match="of one size"):
        warp(torch.zeros(1, 1, 4, 5), torch.zeros(1, 2, 5, 4))


@pytest.mark.parametrize(
    ("length", "gap", "occluded"),
    [
        (0.0, 0.70, False),  # 0.49 px^2 below 0.5
        (0.0, 0.72, True),  # 0.5184 above it
        (3.0, 0.78, False),
        (3.0, 0.82, True),
        (6.0, 1.0, False),
        (6.0, 1.2, True),
    ],
)
def test_the_tolerance_of_occlusion_grows_with_the_motion(length, gap, occluded):
    """Sundaram et al. (2010), equation 5, worked out by hand for constant flows."""
    forward, backward = constant(length, 0), constant(gap - length, 0)
    allowed = 0.01 * (length**2 + (gap - length) ** 2) + 0.5
    assert (gap**2 > allowed) == occluded
    found = occlusion(forward, backward)[0, 2:-2, 7]
    assert found.unique().tolist() == [occluded]


def test_an_error_of_exactly_the_threshold_agrees():
    forward, backward = constant(0, 0), constant(0, 2)
    assert not occlusion(forward, backward, threshold=2.0)[0, 3:-3, 3:-3].any()
    assert occlusion(forward, backward, threshold=1.999)[0, 3:-3, 3:-3].all()


def test_the_gradient_of_the_error_is_finite_where_flows_agree_exactly():
    still = torch.zeros(1, 2, 6, 6, requires_grad=True)
    forward_backward_error(still, still).sum().backward()
    assert bool(torch.isfinite(still.grad).all())
