"""Arrays of layers become loops and labels."""

import numpy as np
import pytest
from helpers.plain_layers import PlainLayer

from napari_motionseg.cine import Cine
from napari_motionseg.errors import LabelError, SettingsError
from napari_motionseg.viewmodel.layer_arrays import cine_of_layer, labels_of_layer

PIXELS = np.random.default_rng(0).integers(0, 255, (4, 10, 12), dtype=np.uint8)


def test_a_loop_of_this_plugin_is_taken_as_it_is(small_cine):
    layer = PlainLayer(small_cine.frames, metadata={"cine": small_cine})
    assert cine_of_layer(layer) is small_cine


def test_millimetres_of_a_layer_are_its_spacing():
    units = ("pixel", "millimeter", "millimeter")
    layer = PlainLayer(PIXELS, units=units, scale=(1, 0.3, 0.2))
    assert cine_of_layer(layer).pixel_spacing == (0.3, 0.2)
    assert cine_of_layer(PlainLayer(PIXELS, scale=(1, 0.3, 0.2))).pixel_spacing is None


def test_colours_become_luminance():
    red = np.zeros((2, 6, 6, 3), np.uint8)
    red[..., 0] = 255
    cine = cine_of_layer(PlainLayer(red, rgb=True))
    assert cine.normalized(0).mean() == pytest.approx(0.299, abs=1e-3)
    assert any("luminance" in note for note in cine.notes)


@pytest.mark.parametrize("dtype", [np.int32, np.float64])
def test_wide_values_are_rescaled_and_this_is_said(dtype):
    values = np.linspace(-1000, 3000, 4 * 25).reshape(4, 5, 5).astype(dtype)
    cine = cine_of_layer(PlainLayer(values))
    first, last = cine.normalized(0), cine.normalized(3)
    assert first.min() == pytest.approx(0, abs=1e-3)
    assert last.max() == pytest.approx(1, abs=1e-3)
    assert any("rescaled" in note for note in cine.notes)


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (np.zeros((2, 3, 4, 5), np.uint8), "axes"),
        (np.full((2, 4, 4), np.nan), "finite"),
        ([PIXELS, PIXELS[:, ::2, ::2]], "resolutions"),
    ],
)
def test_what_is_no_loop_is_refused(data, told):
    with pytest.raises(SettingsError, match=told):
        cine_of_layer(PlainLayer(data))


def test_labels_of_a_loop_and_of_a_single_frame():
    cine = Cine.from_array(PIXELS)
    painted = np.zeros(PIXELS.shape, np.uint8)
    painted[2, 3, 4] = 1
    labels = labels_of_layer(PlainLayer(painted), cine, "dense", 0)
    assert list(labels.frames) == [2]
    labels = labels_of_layer(PlainLayer(painted[2]), cine, "dense", 1)
    assert list(labels.frames) == [1]


def test_labels_of_another_shape_are_refused():
    layer = PlainLayer(np.ones((4, 9, 12), np.uint8))
    with pytest.raises(LabelError, match="shape"):
        labels_of_layer(layer, Cine.from_array(PIXELS), "dense", 0)
