import numpy as np
import pytest
from flow_methods import flattened
from scipy.ndimage import gaussian_filter
from vessel_motion import moving_vessels


@pytest.fixture
def crossing():
    """Return a cross of vessels on a textured background, and its mask."""
    rng = np.random.default_rng(2)
    mask = np.zeros((128, 128), bool)
    mask[30:100, 60:65] = mask[60:65, 30:100] = True
    ground = 0.7 + gaussian_filter(rng.standard_normal((128, 128)), 6)
    return ground.astype(np.float32), mask


@pytest.mark.parametrize(("shift", "moves"), [(0, False), (1, False), (7, True)])
def test_only_a_shift_over_2_px_is_motion(crossing, shift, moves):
    ground, mask = crossing
    pictures = [
        flattened(np.where(m, 0.4 * ground, ground).astype(np.float32))
        for m in (mask, np.roll(mask, (shift, shift), axis=(0, 1)))
    ]
    moving = moving_vessels(*pictures, mask, 3)
    share = moving[mask].mean()
    assert share > 0.9 if moves else share < 0.1
    assert not moving[:20].any()
