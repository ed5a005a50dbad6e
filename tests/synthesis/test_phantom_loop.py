"""The moving phantom's truth holds in its pictures."""

import numpy as np
import pytest
from scipy import ndimage

from napari_motionseg.synthesis.phantom_loop import (
    BeatConfig,
    PhantomLoopConfig,
    phantom_loop,
)
from napari_motionseg.synthesis.vessel_phantom import PhantomConfig

PICTURE = PhantomConfig(size=72, radius=4.0, noise=0.0, bend=4.0)


@pytest.fixture(scope="module")
def loop():
    beat = BeatConfig(rate_bpm=90, first_ms=133.4, turn=0.08, stretch=0.04)
    return phantom_loop(
        PhantomLoopConfig(
            vessel=PICTURE, beat=beat, frames=10, strain=0.1, front=400,
            arrival_ms=200, rise_ms=60, branches=1,
        ),
        seed=2,
    )  # fmt: skip


def test_the_flow_carries_the_axis(loop):
    for t, u in ((1, 4), (4, 1)):
        flow = loop.flow(t, u)
        here, there = loop.centre[t], loop.centre[u]
        inside = np.all((here > 2) & (here < 69), axis=1)
        columns, rows = (
            ndimage.map_coordinates(part, here[inside].T, order=1) for part in flow
        )
        moved = here[inside] + np.stack((rows, columns), axis=1)
        np.testing.assert_allclose(moved, there[inside], atol=0.02)


def test_rest_is_the_inverse_of_place(loop):
    points = np.array([[10.0, 12.0], [40.0, 60.0], [66.0, 3.0]])
    np.testing.assert_allclose(loop.rest(loop.place(points, 4), 4), points, atol=1e-6)


def test_the_vessel_is_dark_where_the_truth_says(loop):
    dark = loop.cine.normalized(9)
    axis = loop.centre[9]
    inside = np.all((axis > 8) & (axis < 63), axis=1)
    on = ndimage.map_coordinates(dark, axis[inside].T, order=1)
    assert on.max() < dark.max() - 0.15
    across = loop.place(loop.rest(axis, 9) + [9.0, 0.0], 9)
    beside = ndimage.map_coordinates(dark, across[inside].T, order=1)
    assert np.median(beside) > on.max() + 0.1


def test_contrast_arrives_when_the_truth_says(loop):
    place = len(loop.arrival_ms) // 2
    dark = [
        -float(ndimage.map_coordinates(
            loop.cine.normalized(t), loop.centre[t][place][:, None], order=1
        )[0]) for t in range(10)
    ]  # fmt: skip
    dark = (np.array(dark) - dark[0]) / (dark[-1] - dark[0])
    times = loop.cine.frame_times
    assert loop.arrival_ms[place] == pytest.approx(np.interp(0.5, dark, times), abs=25)


def test_r_waves_and_strain(loop):
    assert loop.cine.r_waves[0] == 2  # 133 ms at 15 frames a second
    widths = loop.radius[:, 0]
    assert (widths.max() - widths.min()) / widths.max() <= 0.1 + 1e-9
    assert widths.max() <= 4.0 + 1e-9
