import numpy as np
import pytest

from napari_motionseg.embedding.frame_vectors import FrameVectors
from napari_motionseg.embedding.loop_colors import LoopPalettes
from napari_motionseg.embedding.projection import (
    Palette,
    colorize,
    contrast_limits,
    principal_matrix,
    project,
    projection_matrix,
    random_projection,
    sample_vectors,
    without_checkerboard,
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


def slowly_smoothed(values):
    """Weights -1, 4, 10, 4, -1 along rows, then along columns, mirrored at the edge."""
    for _ in range(2):
        found = np.zeros_like(values)
        last = len(values) - 1
        for r in range(len(values)):
            for offset, weight in zip(
                (-2, -1, 0, 1, 2), (-1, 4, 10, 4, -1), strict=True
            ):
                there = abs(r + offset)
                there = 2 * last - there if there > last else there
                found[r] += weight * values[there] / 16
        values = found.T
    return values


def test_a_palette_shows_what_the_projection_shows_without_checkerboard(embedding):
    everything = embedding.reshape(8, -1)
    colors = Palette.of(everything, seed=5).colors(FrameVectors(embedding))
    assert (colors.dtype, colors.shape) == (np.uint8, (11, 13, 3))
    projected = project(embedding, projection_matrix(8, 5))
    low, high = (np.percentile(projected, p, axis=(1, 2)) for p in (1, 99))
    smooth = np.stack([slowly_smoothed(channel) for channel in projected], axis=-1)
    expected = np.clip(255 * (smooth - low) / (high - low), 0, 255)
    np.testing.assert_allclose(colors, expected, atol=1.01)


def test_what_alternates_is_removed_up_to_the_border_and_ramps_stay():
    rows, columns = np.mgrid[:20, :24].astype(np.float32)
    board = (-1.0) ** (rows + columns) + (-1.0) ** rows
    flat = without_checkerboard((0.5 + board).astype(np.float32))
    np.testing.assert_allclose(flat, 0.5, atol=1e-6)
    ramp = ((rows / 20) ** 3 - columns / 24).astype(np.float32)
    kept = without_checkerboard(ramp)[4:-4, 4:-4]
    np.testing.assert_allclose(kept, ramp[4:-4, 4:-4], atol=1e-5)
    wide = np.where(np.abs(columns - 12) <= 1, 1, 0).astype(np.float32)
    assert without_checkerboard(wide)[10, 12] > 0.85, "a vessel of 3 px is still there"


def test_orthogonal_palettes_differ_from_plain_ones(embedding):
    everything = embedding.reshape(8, -1)
    matrix = Palette.of(everything, "orthogonal", 2).matrix
    np.testing.assert_allclose(matrix @ matrix.T, np.eye(3), atol=1e-6)
    with pytest.raises(SettingsError, match="projection 'rnadom'.*'random'"):
        Palette.of(everything, "rnadom")


def test_principal_directions_are_those_of_an_svd(embedding):
    sample = embedding.reshape(8, -1) * np.arange(1, 9, dtype=np.float32)[:, None]
    centred = sample - sample.mean(axis=1, keepdims=True)
    expected = np.linalg.svd(centred, full_matrices=False)[0][:, :3].T
    found = principal_matrix(sample)
    np.testing.assert_allclose(np.abs(found @ expected.T), np.eye(3), atol=1e-3)
    assert (np.take_along_axis(found, np.abs(found).argmax(1)[:, None], 1) > 0).all()
    with pytest.raises(SettingsError, match="D >= 3"):
        principal_matrix(sample[:2])


def test_a_flat_palette_is_gray():
    flat = np.ones((4, 5, 6), np.float32)
    colors = Palette.of(flat.reshape(4, -1)).colors(FrameVectors(flat))
    assert (colors == 127).all()


def test_a_sample_is_spread_over_the_frame(embedding):
    sample = sample_vectors(embedding, 5)
    np.testing.assert_array_equal(sample[:, 0], embedding[:, 0, 0])
    np.testing.assert_array_equal(sample[:, -1], embedding[:, -1, -1])
    assert sample.shape == (8, 5)
    assert sample_vectors(embedding).shape == (8, 143)


def test_colours_of_a_loop_change_once_when_all_frames_are_known(embedding):
    palettes = LoopPalettes(3)
    with pytest.raises(SettingsError, match="no frame is embedded"):
        palettes.palette("random", 0)
    palettes.add(1, embedding)
    first = palettes.palette("random", 0)
    palettes.add(0, 2 * embedding)
    assert palettes.palette("random", 0) is first
    palettes.add(2, 3 * embedding)
    last = palettes.palette("random", 0)
    assert palettes.palette("random", 0) is last
    np.testing.assert_array_equal(last.matrix, first.matrix)
    every = np.concatenate([k * embedding.reshape(8, -1) for k in (1, 2, 3)], axis=1)
    np.testing.assert_allclose(last.limits, Palette.of(every).limits, rtol=1e-5)
    assert (2 in palettes, 7 in palettes) == (True, False)
