"""Changes of flow against a loop over windows, and pixels drawn at them."""

import numpy as np
import pytest
import torch

from napari_motionseg.errors import SettingsError
from napari_motionseg.objectives.flow_changes import (
    WINDOW,
    draw_at_changes,
    flow_changes,
)


def slow_changes(flow):
    """The range of both components in each window, pixel by pixel."""
    half = WINDOW // 2
    _, height, width = flow.shape
    found = np.zeros((height, width))
    for row in range(height):
        for column in range(width):
            part = flow[
                :,
                max(0, row - half) : row + half + 1,
                max(0, column - half) : column + half + 1,
            ]
            spans = np.ptp(part.reshape(2, -1), axis=1)
            length = np.sum(flow[:, row, column] ** 2)
            found[row, column] = np.sqrt(np.sum(spans**2) / (length + 1))
    return found


def test_equals_a_loop_over_windows():
    flow = np.random.default_rng(0).normal(0, 3, (2, 13, 11))
    found = flow_changes(torch.from_numpy(flow)[None])
    np.testing.assert_allclose(found[0].numpy(), slow_changes(flow), rtol=1e-12)


def test_common_motion_is_no_change():
    flow = torch.full((2, 2, 20, 24), 7.0)
    assert float(flow_changes(flow).abs().max()) == 0


def test_pixels_are_drawn_at_the_edges_of_what_moves():
    flow = torch.full((1, 2, 64, 64), 5.0)
    flow[:, :, 30:33] = -5.0
    pixels = draw_at_changes(flow, 100, generator=torch.Generator().manual_seed(0))
    assert int((pixels[..., 0] - 31).abs().max()) <= 1 + WINDOW // 2


def test_flow_that_is_not_finite_is_refused():
    flow = torch.zeros(1, 2, 16, 16)
    flow[0, 0, 0, 0] = torch.nan
    with pytest.raises(SettingsError, match="flow must be finite"):
        draw_at_changes(flow, 5, generator=torch.Generator())
    with pytest.raises(SettingsError, match=r"flow must be \(B, 2, H, W\)"):
        flow_changes(torch.zeros(2, 16, 16))
