"""Consistency along the flow: 1 for what moves along, and an independent version."""

import numpy as np
import pytest

from napari_motionseg.errors import SettingsError
from napari_motionseg.evaluation.temporal import temporal_consistency
from napari_motionseg.motion import FlowSequence


def moving(steps=5, shift=(1, 2)):
    masks = np.zeros((steps, 31, 41), np.uint8)
    for t in range(steps):
        row, column = 8 + t * shift[0], 6 + t * shift[1]
        masks[t, row : row + 7, column : column + 9] = 1
    return masks


def constant(masks, x, y, gap=1, backward=False):
    forward = np.zeros((len(masks) - gap, 2, *masks.shape[1:]), np.float32)
    forward[:, 0], forward[:, 1] = x, y
    return FlowSequence(forward, -forward if backward else None, gap, "made", ())


@pytest.mark.parametrize("backward", [False, True])
@pytest.mark.parametrize("gap", [1, 2])
def test_what_moves_along_is_consistent(gap, backward):
    masks = moving()
    flow = constant(masks, 2 * gap, gap, gap, backward)
    values = temporal_consistency(masks, flow)
    np.testing.assert_allclose(values[: 5 - gap], 1)
    assert np.isnan(values[5 - gap :]).all()


def test_it_is_dice_of_whole_pixel_shifts_done_slowly():
    draw = np.random.default_rng(1)
    masks = (draw.random((4, 13, 17)) > 0.6).astype(np.uint8)
    values = temporal_consistency(masks, constant(masks, 3, -2))
    for t in range(3):
        both = only = 0
        for row in range(13):
            for column in range(17):
                r, c = row - 2, column + 3
                if not (0 <= r < 13 and 0 <= c < 17):
                    continue
                a, b = masks[t, row, column], masks[t + 1, r, c]
                both += int(a and b)
                only += int(a) + int(b)
        assert values[t] == pytest.approx(2 * both / only)


def test_flicker_is_found_where_it_is():
    masks = moving()
    masks[2] = 0
    values = temporal_consistency(masks, constant(masks, 2, 1))
    np.testing.assert_allclose(values[:4], [1, 0, 0, 1])
    masks[:] = 0
    assert np.isnan(temporal_consistency(masks, constant(masks, 2, 1))).all()


def test_flow_of_another_loop_is_refused():
    masks = moving()
    with pytest.raises(SettingsError, match="different loops"):
        temporal_consistency(masks[:, 1:], constant(masks, 0, 0))
    with pytest.raises(SettingsError, match="does not fit 3 masks"):
        temporal_consistency(masks[:3], constant(masks, 0, 0))
