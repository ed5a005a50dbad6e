"""What is painted on a labels layer, in either mode, with named classes or without."""

import numpy as np
import pytest
from helpers.plain_layers import PlainLabels

from napari_motionseg.cine import Cine
from napari_motionseg.errors import LabelError
from napari_motionseg.viewmodel.layer_arrays import labels_of_layer
from napari_motionseg.viewmodel.painting import (
    background_label,
    names_of,
    overwrite_frame,
    painted_frames,
    painted_target,
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
    [(True, "dense", 1), (True, "scribbles", 1), (False, "dense", 0),
     (False, "scribbles", 1)],
)  # fmt: skip
def test_label_of_the_background(named, mode, expected):
    assert background_label(PlainLabels(stack(), named=named), mode) == expected


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("named", [True, False])
def test_the_preview_reads_labels_as_training_does(named, mode):
    first = background_label(PlainLabels(stack(), named=named), mode)
    painted = stack((2, 1, 3, first + 1), (2, 0, 0, first), (1, 4, 4, first + 1))
    layer = PlainLabels(painted, named=named)
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
    painted = stack((0, 3, 4, 1))[0]
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
