"""Layers of napari written as movies, at the loop's rate and with its window."""

import numpy as np
import pytest
from PIL import Image

from napari_motionseg.cine import Cine
from napari_motionseg.contributions import cine_layer
from napari_motionseg.errors import WriteError
from napari_motionseg.io import read_cine
from napari_motionseg.report.layer_movies import layer_cine, write_loop, write_overlay

PLAIN = np.random.default_rng(0).integers(0, 256, (3, 20, 24), dtype=np.uint8)


def test_a_loop_becomes_a_movie_at_its_rate(tmp_path, small_cine):
    data, attributes, _ = cine_layer(small_cine)
    path = str(tmp_path / "loop.mp4")
    assert write_loop(path, data, attributes) == [path]
    read = read_cine(path)
    assert read.shape == small_cine.shape
    assert read.frame_interval == pytest.approx(small_cine.frame_interval, rel=0.02)


def test_an_image_without_a_loop_becomes_a_gif(tmp_path):
    path = str(tmp_path / "loop.gif")
    write_loop(path, PLAIN, {"name": "noise"})
    with Image.open(path) as image:
        assert (image.n_frames, image.size) == (3, (24, 20))


def test_the_loop_of_another_shape_is_not_believed(small_cine):
    _, attributes, _ = cine_layer(small_cine)
    assert layer_cine(PLAIN, attributes).shape == PLAIN.shape
    assert layer_cine(small_cine.frames, attributes) is attributes["metadata"]["cine"]


@pytest.mark.parametrize(
    ("shape", "rgb"), [((20, 24), False), ((2, 3, 20, 24), False), ((20, 24, 3), True)]
)
def test_what_is_no_loop_is_refused_by_name(tmp_path, shape, rgb):
    attributes = {"name": "volume", "rgb": rgb}
    with pytest.raises(WriteError, match=r"volume: .*got shape"):
        write_loop(str(tmp_path / "a.gif"), np.zeros(shape, np.uint8), attributes)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("turned", [False, True])
def test_masks_are_drawn_in_whatever_the_order(tmp_path, small_cine, synthetic, turned):
    image = cine_layer(small_cine)
    labels = (synthetic.masks.astype(np.uint8), {"name": "masks"}, "labels")
    layers = [labels, image] if turned else [image, labels]
    path = str(tmp_path / "loop.mp4")
    assert write_overlay(path, layers) == [path]
    rows, columns = small_cine.shape[1:]
    assert read_cine(path).shape == (len(small_cine), 2 * rows, 2 * columns)


def test_an_outline_is_coloured(tmp_path, small_cine, synthetic):
    path = str(tmp_path / "a.gif")
    labels = (synthetic.masks.astype(np.uint8), {}, "labels")
    write_overlay(path, [cine_layer(small_cine), labels])
    with Image.open(path) as image:
        image.seek(image.n_frames - 1)
        colours = np.asarray(image.convert("RGB")).astype(int)
    assert (np.ptp(colours, axis=-1) > 60).any()


def test_layers_that_do_not_fit_are_refused(tmp_path, small_cine):
    image = cine_layer(small_cine)
    other = (np.zeros((3, 20, 24), np.uint8), {}, "labels")
    path = str(tmp_path / "a.mp4")
    with pytest.raises(WriteError, match="choose labels of this loop"):
        write_overlay(path, [image, other])
    with pytest.raises(WriteError, match="one image layer and one labels layer"):
        write_overlay(path, [image, image])
    with pytest.raises(WriteError, match="got none"):
        write_overlay(path, [])
    assert not list(tmp_path.iterdir())


def test_a_cine_of_arrays_has_no_times():
    assert isinstance(layer_cine(PLAIN, {}), Cine)
    assert layer_cine(PLAIN, {}).frame_times is None
