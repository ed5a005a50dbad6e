"""The filter for dark lines, against eigenvalues found one pixel at a time."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from skimage.filters import sato

from napari_motionseg.measurement.ridge_filter import dark_ridges


def slowly(frame, sigma):
    """Return the response by a Hessian of each pixel; the border is left out."""
    smooth = gaussian_filter(frame, np.sqrt(sigma**2 - 1 / 6), truncate=6)
    found = np.zeros(frame.shape)
    for r in range(1, frame.shape[0] - 1):
        for c in range(1, frame.shape[1] - 1):
            p = smooth[r - 1 : r + 2, c - 1 : c + 2]
            mixed = (p[2, 2] - p[2, 0] - p[0, 2] + p[0, 0]) / 4
            hessian = [
                [p[0, 1] - 2 * p[1, 1] + p[2, 1], mixed],
                [mixed, p[1, 0] - 2 * p[1, 1] + p[1, 2]],
            ]
            found[r, c] = max(sigma**2 * np.linalg.eigvalsh(hessian)[1], 0)
    return found


def test_equals_the_eigenvalues_of_each_pixel():
    frame = np.random.default_rng(0).normal(size=(19, 23)).astype(np.float32)
    found = dark_ridges(frame, (1.0, 1.6))
    expected = np.maximum(slowly(frame, 1.0), slowly(frame, 1.6))
    inner = (slice(1, -1), slice(1, -1))
    np.testing.assert_allclose(found[inner], expected[inner], atol=0.02)


@pytest.mark.parametrize("width", [1.5, 3.0, 7.0])
def test_answers_dark_lines_as_scikit_image_does(width):
    row = np.arange(81) - 40.0
    frame = np.tile(-np.exp(-0.5 * (row / width) ** 2)[:, None], (1, 80))
    frame = frame.astype(np.float32)
    sigmas = (1.0, 1.6, 2.5, 4.0, 6.0)
    found, theirs = dark_ridges(frame, sigmas), sato(frame, sigmas=sigmas)
    np.testing.assert_allclose(found, theirs, atol=0.16 * theirs.max())
    assert np.abs(found[:, 40].argmax() - 40) <= 1
    assert dark_ridges(-frame, (1.0, 2.5))[39:42, 40].max() < 1e-3, "bright lines"


def test_a_picture_of_a_few_pixels_has_a_response():
    frame = np.ones((3, 4), np.float32)
    np.testing.assert_allclose(dark_ridges(frame, (1.0, 2.5)), 0, atol=1e-6)
