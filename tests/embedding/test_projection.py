import numpy as np
import pytest

from napari_motionseg.embedding.projection import (
    colorize,
    contrast_limits,
    project,
    projection_matrix,
    random_projection,
)
from napari_motionseg.errors import SettingsError


@pytest.fixture
def embedding():
    return np.random.default_rng(0).normal(size=(8, 11, 13)).astype(np.float32)


def test_projection_equals_slow_version(embedding):
    matrix = projection_matrix(8, seed=5)
    expected = np.zeros((3, 11, 13))
    for r in range(11):
        for c in range(13):
            for k in range(3):
                expected[k, r, c] = sum(
                    float(matrix[k, d]) * float(embedding[d, r, c]) for d in range(8)
                )
    np.testing.assert_allclose(project(embedding, matrix), expected, atol=1e-5)
    low, high = (np.percentile(expected, p, axis=(1, 2)) for p in (1, 99))
    colors = (np.moveaxis(expected, 0, -1) - low) / (high - low)
    np.testing.assert_allclose(
        random_projection(embedding, 5), colors.clip(0, 1), atol=1e-5
    )


def test_one_seed_is_one_picture(embedding):
    first = random_projection(embedding, 3)
    np.testing.assert_array_equal(first, random_projection(embedding, 3))
    assert np.abs(first - random_projection(embedding, 4)).max() > 0.1
    assert (first.dtype, first.shape) == (np.float32, (11, 13, 3))
    assert first.min() >= 0
    assert first.max() <= 1


def test_orthogonal_rows_have_unit_length_and_right_angles():
    matrix = projection_matrix(64, 1, orthogonal=True)
    np.testing.assert_allclose(matrix @ matrix.T, np.eye(3), atol=1e-6)


def test_fixed_limits_keep_colours_over_frames(embedding):
    limits = contrast_limits(project(embedding, projection_matrix(8)))
    whole = random_projection(embedding, limits=limits)
    part = random_projection(embedding[:, 2:6, 3:9], limits=limits)
    np.testing.assert_allclose(part, whole[2:6, 3:9], atol=1e-6)


def test_a_flat_channel_is_gray():
    flat = np.ones((4, 5, 6), np.float32)
    assert (random_projection(flat) == 0.5).all()
    colors = colorize(np.zeros((3, 2, 2), np.float32), np.zeros((3, 2), np.float32))
    assert (colors == 0.5).all()


def test_faults(embedding):
    with pytest.raises(SettingsError, match="at least 3 .* right angles; got 2"):
        random_projection(embedding[:2], orthogonal=True)
    with pytest.raises(SettingsError, match="with D = 9"):
        project(embedding, projection_matrix(9))
    with pytest.raises(SettingsError, match=r"must be \(D, H, W\)"):
        random_projection(embedding[0])
    with pytest.raises(SettingsError, match="at least 1"):
        projection_matrix(0)
