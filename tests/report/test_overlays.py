"""Frames of a movie with outlines."""

import numpy as np

from napari_motionseg.report import overlay_frames


def test_the_movie_is_twice_as_large_with_the_outline_in_it(report):
    movie = overlay_frames(report.cine, report.masks)
    assert movie.shape == (4, 48, 64, 3)
    assert movie.dtype == np.uint8
    coloured = (movie[..., 0] != movie[..., 2]).any(axis=(1, 2))
    np.testing.assert_array_equal(coloured, report.masks.any(axis=(1, 2)))
