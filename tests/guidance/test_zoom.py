"""A window around clicks is enlarged, and its scores come back to their place."""

import numpy as np
import pytest
from helpers.propagation import KnownObjects

from napari_motionseg.guidance import Clicks
from napari_motionseg.guidance.zoom import click_window, zoomed_scores


def test_the_window_holds_the_clicks_and_lies_in_the_frame():
    clicks = Clicks(((5, 300), (20, 310)), ((8, 318),))
    window = click_window(clicks, (512, 320))
    rows, columns = window.slices
    assert rows.start == 0
    assert columns.stop == 320
    assert window.height == window.width == 96
    assert window.factor == pytest.approx(256 / 96)
    assert all(0 <= r < 96 and 0 <= c < 96 for r, c in window.inside(clicks.positive))


@pytest.mark.parametrize(
    ("points", "shape"),
    [(((50, 50),), (512, 512)), (((50, 50), (200, 60)), (512, 512)),
     (((5, 5), (9, 9)), (80, 90))],
)  # fmt: skip
def test_one_click_and_wide_clicks_and_small_frames_need_no_window(points, shape):
    assert click_window(Clicks(points), shape) is None


def test_scores_are_those_of_the_window_and_0_beside_it():
    objects = np.zeros((300, 400), int)
    objects[100:110] = 1
    clicks = Clicks(((104, 200), (106, 210)))
    window = click_window(clicks, objects.shape)
    known = KnownObjects(objects[window.slices])
    prepared = known.prepare(np.zeros((window.height, window.width), np.float32))
    scores = zoomed_scores(known, prepared, window, objects.shape, clicks)
    inside = np.zeros(objects.shape, bool)
    inside[window.slices] = True
    np.testing.assert_allclose(scores, (objects == 1) & inside, atol=1e-6)
