"""Outlines lie on the pixels; contrast and colours are the same on all frames."""

import dataclasses
import re

import numpy as np
from matplotlib.path import Path as Outline

from napari_motionseg.cine import Cine
from napari_motionseg.report.pictures import as_gray, in_colors, outline, png


def test_an_outline_holds_exactly_the_pixels_of_its_mask():
    mask = np.zeros((20, 30), bool)
    mask[3:9, 4:20] = True
    mask[12:18, 0:7] = True  # at the border
    rows, columns = np.nonzero(np.ones_like(mask))
    centres = np.column_stack((columns + 0.5, rows + 0.5))
    inside = np.zeros(len(centres), bool)
    for part in re.findall(r"M([^Z]+)Z", outline(mask)):
        points = [tuple(map(float, p.split())) for p in part.split("L")]
        inside ^= Outline(points).contains_points(centres)
    np.testing.assert_array_equal(inside.reshape(mask.shape), mask)
    assert outline(np.zeros((5, 5))) == ""


def test_contrast_is_the_same_on_all_frames():
    pixels = np.full((3, 8, 8), 100, np.uint8)
    pixels[0, 0, 0], pixels[1] = 50, 150
    gray = as_gray(dataclasses.replace(Cine.from_array(pixels), window=(50, 150)))
    assert gray[0, 0, 0] == 0
    assert gray[2, 4, 4] == 127
    assert (gray[1] == 255).all()
    assert as_gray(Cine.from_array(np.full((2, 8, 8), 7, np.uint8))).max() == 0


def test_colours_end_where_the_scale_ends():
    colors = in_colors(np.asarray([[-2.0, -1.0, 0.0, 1.0, 5.0]]), -1, 1)
    np.testing.assert_array_equal(colors[0, 0], colors[0, 1])
    np.testing.assert_array_equal(colors[0, 3], colors[0, 4])
    assert (colors[0, 1] != colors[0, 3]).any()


def test_a_picture_comes_back_from_its_text():
    import base64
    import io

    from PIL import Image

    pixels = np.random.default_rng(1).integers(0, 255, (5, 6, 3), dtype=np.uint8)
    head, _, body = png(pixels).partition(",")
    assert head == "data:image/png;base64"
    with Image.open(io.BytesIO(base64.b64decode(body))) as image:
        np.testing.assert_array_equal(np.asarray(image), pixels)
