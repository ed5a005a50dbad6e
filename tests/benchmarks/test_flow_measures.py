import numpy as np
import pytest
from flow_measures import (
    agreement,
    area_under_curve,
    boundary_strength,
    edge_band,
    end_point_errors,
    photometric_error,
    regions,
    relative_motion,
    surroundings,
    visible_dice,
    warped_dice,
)

SIDE = 97


@pytest.fixture
def bar_mask():
    mask = np.zeros((SIDE, SIDE), bool)
    mask[20:80, 46:51] = True
    return mask


def uniform(x, y):
    flow = np.empty((2, SIDE, SIDE), np.float32)
    flow[0], flow[1] = x, y
    return flow


def test_regions_part_the_picture(bar_mask):
    parts = regions(uniform(3, 0), bar_mask)
    np.testing.assert_array_equal(sum(p.astype(int) for p in parts.values()), 1)
    assert parts["near"][50, 62]
    assert parts["far"][50, 63]
    slow = regions(uniform(1.9, 0), bar_mask)
    assert not slow["vessel"].any()


def test_end_point_errors_by_hand(bar_mask):
    found = end_point_errors(uniform(0, 0), uniform(3, 4), bar_mask)
    pixels, total = found["vessel"]
    assert (pixels, total) == (bar_mask.sum(), pytest.approx(5 * bar_mask.sum()))
    assert found["from_2"] == (bar_mask.sum(), pytest.approx(5 * bar_mask.sum()))
    assert found["from_5"][0] == 0


def test_area_under_curve_by_counting():
    rng = np.random.default_rng(1)
    strength = rng.integers(0, 5, (12, 12)).astype(float)
    positive = rng.uniform(size=(12, 12)) < 0.3
    pairs = strength[positive][:, None] - strength[~positive]
    expected = np.mean((pairs > 0) + 0.5 * (pairs == 0))
    assert area_under_curve(strength, positive, ~positive) == pytest.approx(expected)


def test_flow_without_boundary_gets_a_half(bar_mask):
    edge, around = edge_band(bar_mask), surroundings(bar_mask)
    for flow in (uniform(0, 0), uniform(7, -2)):
        assert area_under_curve(boundary_strength(flow), edge, around) == 0.5


def test_sharp_flow_outlines_and_a_blob_does_not(bar_mask):
    edge, around = edge_band(bar_mask), surroundings(bar_mask)
    sharp, blob = uniform(1, 0), uniform(1, 0)
    sharp[0, bar_mask] = 8
    blob[0, :, 33:64] = 8
    strengths = [boundary_strength(flow) for flow in (sharp, blob)]
    areas = [area_under_curve(s, edge, around) for s in strengths]
    assert areas[0] > 0.95
    assert areas[1] <= 0.5


def test_relative_motion_takes_an_affine_background_off(bar_mask):
    rows, columns = np.indices(bar_mask.shape)
    flow = np.stack((0.5 + 0.02 * columns, -1 + 0.01 * rows)).astype(np.float32)
    flow[:, bar_mask] += np.array([[3], [4]])
    found = relative_motion(flow, bar_mask)
    np.testing.assert_allclose(found[bar_mask], 5, atol=1e-3)
    np.testing.assert_allclose(found[~bar_mask], 0, atol=1e-3)


def test_the_right_shift_leaves_nothing_and_counts_in_gray_levels(bar_mask):
    first = np.where(bar_mask, 0.2, 0.8).astype(np.float32)
    second = np.roll(first, 6, axis=1)
    right, still = uniform(6, 0), uniform(0, 0)
    assert photometric_error(first, second, right, bar_mask) < 0.1
    # the bar is 5 px wide and moved by 6: all of it was vessel and is background
    assert photometric_error(first, second, still, bar_mask) > 0.5 * 0.6 * 255


def test_mask_brought_back_by_the_right_shift_is_whole(bar_mask):
    later = np.roll(bar_mask, 6, axis=1)
    assert warped_dice(bar_mask, later, uniform(6, 0)) == 1
    assert warped_dice(bar_mask, later, uniform(0, 0)) == 0


def test_exact_flow_doubles_a_vessel_unless_what_is_hidden_is_dark(bar_mask):
    later = np.roll(bar_mask, 6, axis=1)
    there, back = uniform(0, 0), uniform(0, 0)
    there[0, bar_mask], back[0, later] = 6, -6
    # the vessel, and the background that it covers later
    assert warped_dice(bar_mask, later, there) == pytest.approx(2 / 3)
    assert visible_dice(bar_mask, later, there, back) == 1


def test_standing_still_agrees_but_ends_on_no_vessel(bar_mask):
    later = np.roll(bar_mask, 6, axis=1)
    still = agreement(uniform(0, 0), uniform(0, 0), bar_mask, later)
    assert still == {"agree": 1.0, "agree_on_vessel": 0.0}
    right = agreement(uniform(6, 0), uniform(-6, 0), bar_mask, later)
    assert right == {"agree": 1.0, "agree_on_vessel": 1.0}
    torn = agreement(uniform(6, 0), uniform(0, 0), bar_mask, later)
    assert torn == {"agree": 0.0, "agree_on_vessel": 0.0}
    gone = agreement(uniform(90, 0), uniform(-90, 0), bar_mask, later)
    assert gone["agree"] == 0
