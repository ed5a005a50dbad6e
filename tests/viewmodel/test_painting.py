"""What is painted on a labels layer, in either mode, with named classes or without."""

import numpy as np
import pytest
from helpers.plain_layers import PlainLabels

from napari_motionseg.cine import Cine
from napari_motionseg.errors import LabelError
from napari_motionseg.viewmodel.layer_arrays import labels_of_layer
from napari_motionseg.viewmodel.painting import (
    drawn,
    label_of,
    layer_labels,
    names_of,
    of_frames,
    overwrite_frame,
    overwrite_frames,
    painted_frames,
    painted_target,
    screen_labels,
)

PIXELS = np.random.default_rng(0).integers(0, 255, (4, 5, 6), dtype=np.uint8)
SIZE = (5, 6)
MODES = ["dense", "scribbles"]


def stack(*painted):
    """Labels of a loop with pixels ``(t, row, column, label)``."""
    data = np.zeros(PIXELS.shape, np.uint8)
    for t, row, column, label in painted:
        data[t, row, column] = label
    return data


def test_names_come_from_the_layer_or_are_the_usual_ones():
    layer = PlainLabels(stack())
    layer.metadata["classes"] = ["background", "vessel", "stent"]
    assert names_of(layer) == ("background", "vessel", "stent")
    assert names_of(PlainLabels(stack(), named=False)) == ("background", "vessel")


@pytest.mark.parametrize(
    ("named", "mode", "expected"),
    [(True, "dense", (255, 1, 2)), (True, "scribbles", (255, 1, 2)),
     (False, "dense", (0, 1, 2)), (False, "scribbles", (1, 2, 3))],
)  # fmt: skip
def test_label_of_each_class(named, mode, expected):
    layer = PlainLabels(stack(), named=named)
    assert tuple(label_of(layer, mode, number) for number in range(3)) == expected


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("named", [True, False])
def test_the_preview_reads_labels_as_training_does(named, mode):
    layer = PlainLabels(stack(), named=named)
    vessel, background = (label_of(layer, mode, number) for number in (1, 0))
    layer.data = stack((2, 1, 3, vessel), (2, 0, 0, background), (1, 4, 4, vessel))
    labels = labels_of_layer(layer, Cine.from_array(PIXELS), mode, 0)
    assert labels.frames == (1, 2)
    assert painted_frames(layer) == [1, 2]
    for t in range(len(PIXELS)):
        np.testing.assert_array_equal(
            painted_target(layer, t, mode, SIZE), labels.target(t)
        )
    assert labels.target(2)[1, 3] == 1
    assert labels.target(2)[0, 0] == 0


def test_a_layer_of_one_frame_is_about_the_shown_frame():
    painted = stack((0, 3, 4, 255))[0]
    layer = PlainLabels(painted)
    assert painted_frames(layer) == []
    for t in (0, 2):
        target = painted_target(layer, t, "scribbles", SIZE)
        assert target[3, 4] == 0
        assert (target == -1).sum() == target.size - 1
    cine = Cine.from_array(PIXELS)
    assert labels_of_layer(layer, cine, "dense", 1).frames == (1,)


@pytest.mark.parametrize("shape", [(4, 4, 6), (4, 6)])
def test_labels_of_another_size_are_refused(shape):
    layer = PlainLabels(np.ones(shape, np.uint8), name="other")
    with pytest.raises(LabelError, match=r"'other' has shape \(.*4, 6\).*\(4, 5, 6\)"):
        labels_of_layer(layer, Cine.from_array(PIXELS), "dense", 0)
    with pytest.raises(LabelError, match=r"\(4, 6\) pixels and the loop has \(5, 6\)"):
        painted_target(layer, 0, "dense", SIZE)


def test_a_frame_is_overwritten_in_one_step_of_undo_though_hidden():
    layer = PlainLabels(stack((2, 1, 1, 1), (3, 1, 1, 2)))
    layer.visible = False
    wanted = np.zeros(SIZE, np.uint8)
    wanted[2, 2:5] = 2
    overwrite_frame(layer, 2, wanted)
    np.testing.assert_array_equal(layer.data[2], wanted)
    assert layer.data[3, 1, 1] == 2
    assert layer.steps == [(True, 4)]  # pixels that differ, and no others
    assert not layer.visible
    overwrite_frame(layer, 2, wanted)
    assert len(layer.steps) == 1


def test_a_layer_of_one_frame_is_overwritten():
    layer = PlainLabels(np.zeros(SIZE, np.uint8))
    wanted = np.eye(5, 6, dtype=np.uint8)
    overwrite_frame(layer, 3, wanted)
    np.testing.assert_array_equal(layer.data, wanted)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("named", [True, False])
def test_numbers_of_the_screen_come_back(named, mode):
    layer = PlainLabels(stack(), named=named)
    vessel, background = (label_of(layer, mode, number) for number in (1, 0))
    layer.data = stack((1, 1, 1, vessel), (1, 2, 2, background), (1, 3, 3, vessel + 1))
    screen = screen_labels(layer, 1, mode)
    assert screen[1, 1] == 1
    assert screen[2, 2] == 255
    assert screen[3, 3] == 2
    np.testing.assert_array_equal(layer_labels(layer, screen, mode), layer.data[1])
    np.testing.assert_array_equal(of_frames(layer, mode)[1], screen)


def test_several_frames_are_overwritten_in_one_step_of_undo():
    layer = PlainLabels(stack((2, 1, 1, 1)))
    one, other = np.eye(5, 6, dtype=np.uint8), np.zeros(SIZE, np.uint8)
    overwrite_frames(layer, {0: one, 2: other})
    np.testing.assert_array_equal(layer.data[0], one)
    assert not layer.data[2].any()
    assert layer.steps == [(True, 6)]
    overwrite_frames(layer, {})
    assert len(layer.steps) == 1


def test_implied_background_is_labelled_but_not_drawn():
    layer = PlainLabels(stack((1, 0, 0, 254), (1, 1, 1, 255), (1, 2, 2, 1)))
    assert np.argwhere(drawn(layer, 1)).tolist() == [[1, 1], [2, 2]]
    target = painted_target(layer, 1, "scribbles", SIZE)
    assert target[0, 0] == 0
    assert (target >= 0).sum() == 3
