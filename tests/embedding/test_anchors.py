"""An anchor goes along with an affine motion whose path is known."""

import math

import numpy as np
import pytest

from napari_motionseg.embedding.anchors import carried
from napari_motionseg.errors import SettingsError
from napari_motionseg.motion import FlowSequence

FRAMES, SIZE = 9, (40, 50)


def stretching(gap, both):
    """A picture that grows from its corner by 2% a frame, as flow."""
    rows, columns = np.mgrid[: SIZE[0], : SIZE[1]].astype(np.float32)
    there, back = 1.02**gap - 1, 1 - 1.02**-gap
    forward = np.stack([columns * there, rows * there])
    backward = -np.stack([columns * back, rows * back])
    count = FRAMES - gap
    return FlowSequence(
        np.repeat(forward[None], count, axis=0),
        np.repeat(backward[None], count, axis=0) if both else None,
        gap,
        "test",
    )


@pytest.mark.parametrize("both", [True, False])
@pytest.mark.parametrize(("gap", "target"), [(1, 5), (1, 0), (2, 6), (2, 0)])
def test_an_anchor_follows_whole_steps_exactly(both, gap, target):
    found = carried(stretching(gap, both), (20.0, 25.5), 2, target)
    factor = 1.02 ** (target - 2)
    assert found == pytest.approx((20 * factor, 25.5 * factor), rel=1e-4)


@pytest.mark.parametrize("target", [1, 5, 8])
def test_a_part_of_a_step_takes_its_share(target):
    found = carried(stretching(2, True), (20.0, 25.0), 2, target)
    factor = 1.02 ** (target - 2)
    assert found == pytest.approx((20 * factor, 25 * factor), rel=2e-3)


def test_on_its_own_frame_an_anchor_stays():
    assert carried(stretching(2, False), (3, 4), 5, 5) == (3, 4)


def test_what_leaves_the_picture_is_nowhere():
    flow = FlowSequence(np.full((5, 2, *SIZE), 15, np.float32), None, 1, "test")
    assert carried(flow, (20, 20), 0, 1) == (35, 35)
    assert all(math.isnan(place) for place in carried(flow, (20, 20), 0, 3))


def test_a_single_row_can_be_followed():
    flow = FlowSequence(np.ones((2, 2, 1, 9), np.float32), None, 1, "test")
    row, column = carried(flow, (0, 2.5), 0, 1)
    assert (row, column) == (1, 3.5)


@pytest.mark.parametrize(
    ("start", "target", "name"), [(0, 9, "target"), (-1, 2, "start")]
)
def test_frames_outside_are_refused(start, target, name):
    with pytest.raises(SettingsError, match=f"{name} must be from 0 to 8"):
        carried(stretching(1, False), (1, 1), start, target)
