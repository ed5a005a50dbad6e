"""Masks from probabilities: threshold and smallest part, at their boundaries."""

import numpy as np
import pytest
from scipy import ndimage

from napari_motionseg.errors import SettingsError
from napari_motionseg.segmentation.postprocess import postprocess_mask, uncertainty


def bars(*lengths):
    """Return probabilities with one bar a row pair, each of some pixels."""
    probability = np.zeros((2 * len(lengths), 9), np.float32)
    for row, length in enumerate(lengths):
        probability[2 * row, :length] = 0.8
    return probability


def classes(probability, value=3):
    return np.full(probability.shape, value, np.uint8)


@pytest.mark.parametrize("smallest", [0, 1, 2, 3, 4, 5])
def test_parts_of_exactly_the_smallest_size_stay(smallest):
    lengths = np.asarray([1, 2, 3, 4])
    probability = bars(*lengths)
    mask = postprocess_mask(probability, classes(probability), 0.5, smallest)
    kept = lengths[lengths >= smallest]
    np.testing.assert_array_equal((mask > 0).sum(axis=1)[::2], lengths * np.isin(
        lengths, kept))  # fmt: skip
    assert set(np.unique(mask)) <= {0, 3}


def test_postprocessing_equals_a_slow_version():
    draw = np.random.default_rng(0)
    probability = draw.random((23, 19)).astype(np.float32)
    kind = draw.integers(1, 3, (23, 19)).astype(np.uint8)
    found = postprocess_mask(probability, kind, 0.7, smallest=4)
    parts, count = ndimage.label(probability >= np.float32(0.7), np.ones((3, 3)))
    expected = np.zeros_like(kind)
    for part in range(1, count + 1):
        if (parts == part).sum() >= 4:
            expected[parts == part] = kind[parts == part]
    assert 0 < (expected > 0).sum() < (probability >= 0.7).sum()
    np.testing.assert_array_equal(found, expected)


def test_a_pixel_of_exactly_the_threshold_is_foreground():
    probability = np.asarray([[0.3, 0.299, 0.301]], np.float32)
    mask = postprocess_mask(probability, classes(probability, 1), 0.3)
    assert mask.tolist() == [[1, 0, 1]]


@pytest.mark.parametrize("threshold", [0, 1, -0.1, 1.1])
def test_a_threshold_that_says_nothing(threshold):
    probability = bars(2)
    with pytest.raises(SettingsError, match=f"between 0 and 1; got {threshold}"):
        postprocess_mask(probability, classes(probability), threshold)


def test_a_negative_size():
    probability = bars(2)
    with pytest.raises(SettingsError, match="at least 0 pixels; got -1"):
        postprocess_mask(probability, classes(probability), 0.5, -1)


def test_uncertainty_is_one_at_a_half_and_zero_where_sure():
    p = np.asarray([0, 0.25, 0.5, 0.75, 1], np.float64)
    found = uncertainty(p)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, [0, 0.75, 1, 0.75, 0])
