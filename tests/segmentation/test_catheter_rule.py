"""Marks of a catheter are believed if they are long and come from the edge."""

import numpy as np
import pytest

from napari_motionseg.segmentation.catheter_rule import CatheterRule, with_catheters

SIDE = 100
EVERYWHERE = np.ones((SIDE, SIDE), bool)


def marked(rows, columns, probability=0.9):
    found = np.zeros((SIDE, SIDE), np.float32)
    found[rows, columns] = probability
    return found


@pytest.mark.parametrize(
    ("found", "believed"),
    [
        (marked(slice(0, 30), slice(50, 54)), True),  # a shaft from the upper edge
        (marked(slice(0, 8), slice(50, 54)), False),  # too short
        (marked(slice(40, 60), slice(50, 54)), False),  # a piece of a vessel
        (marked(slice(30, 70), slice(50, 54)), True),  # long, without its beginning
        (marked(slice(0, 90), slice(0, 3)), False),  # along the edge
        (marked(slice(0, 30), slice(50, 54), 0.2), False),  # hardly probable
        (np.zeros((SIDE, SIDE), np.float32), False),
    ],
)
def test_what_is_believed(found, believed):
    answer = CatheterRule(EVERYWHERE).believed(found)
    np.testing.assert_array_equal(answer, found if believed else 0 * found)


def test_the_edge_is_that_of_the_field_of_view():
    inside = np.zeros_like(EVERYWHERE)
    inside[20:80, 20:80] = True
    rule = CatheterRule(inside)
    shaft = rule.believed(marked(slice(0, 50), slice(50, 54)))
    np.testing.assert_array_equal(shaft, marked(slice(20, 50), slice(50, 54)))
    assert not rule.believed(marked(slice(20, 80), slice(20, 23))).any()
    assert not rule.believed(marked(slice(0, 18), slice(0, 90))).any()


def test_a_false_mark_beside_a_true_one_goes_alone():
    shaft = marked(slice(0, 30), slice(50, 54))
    piece = marked(slice(60, 75), slice(20, 24), 0.7)
    answer = CatheterRule(EVERYWHERE).believed(shaft + piece)
    np.testing.assert_array_equal(answer, shaft)


def test_pieces_that_touch_at_a_corner_are_one_mark():
    found = marked(slice(0, 7), slice(50, 54)) + marked(slice(7, 14), slice(54, 58))
    assert (CatheterRule(EVERYWHERE).believed(found) == found).all()


def test_each_pixel_is_divided_as_by_hand():
    rng = np.random.default_rng(0)
    vessel, catheter = rng.random((2, 3, 4), np.float32)
    three = with_catheters(np.stack((1 - vessel, vessel)), catheter)
    for y, x in np.ndindex(3, 4):
        rest, p = 1 - catheter[y, x], vessel[y, x]
        by_hand = [rest * (1 - p), rest * p, catheter[y, x]]
        assert three[:, y, x].tolist() == pytest.approx(by_hand, abs=1e-6)


def test_catheters_can_be_background():
    everywhere = np.ones((40, 60), bool)
    catheter = np.zeros((40, 60), np.float32)
    catheter[10:13] = 0.9  # from edge to edge
    found = np.stack((np.full((40, 60), 0.3), np.full((40, 60), 0.7))).astype("f4")
    three = CatheterRule(everywhere).divided(found, catheter)
    two = CatheterRule(everywhere, as_background=True).divided(found, catheter)
    assert three.shape == (3, 40, 60)
    np.testing.assert_allclose(two[1], three[1])
    np.testing.assert_allclose(two.sum(axis=0), 1, atol=1e-6)
    assert float(three[2, 11].min()) > 0.8
    assert float(two[0, 11].min()) > 0.9
