import numpy as np
import pytest

from napari_motionseg.embedding.flow_kernels import RelativeKernel
from napari_motionseg.embedding.frame_vectors import FrameVectors
from napari_motionseg.embedding.similarity import (
    combine,
    flow_similarity,
    shifted_flow_similarity,
    shifted_similarity,
    similarity_map,
)
from napari_motionseg.errors import SettingsError


@pytest.fixture
def embedding():
    return np.random.default_rng(0).normal(size=(6, 9, 7)).astype(np.float32)


@pytest.fixture
def flow():
    return np.random.default_rng(1).normal(0, 3, (2, 9, 7)).astype(np.float32)


def slow_cosine(first, second):
    first, second = first.astype(float), second.astype(float)
    return sum(a * b for a, b in zip(first, second, strict=True)) / (
        np.sqrt(sum(a * a for a in first)) * np.sqrt(sum(b * b for b in second))
    )


def slow_kernel(p, q, sigma=0.5, epsilon=1.0):
    p, q = p.astype(float), q.astype(float)
    relative = ((p - q) ** 2).sum() / ((p**2).sum() + epsilon)
    return np.exp(-relative / (2 * sigma**2))


def test_similarity_equals_slow_version(embedding):
    expected = [
        [slow_cosine(embedding[:, r, c], embedding[:, 4, 5]) for c in range(7)]
        for r in range(9)
    ]
    np.testing.assert_allclose(similarity_map(embedding, (4, 5)), expected, atol=1e-6)
    ready = FrameVectors(embedding)
    np.testing.assert_array_equal(
        similarity_map(ready, (4, 5)), similarity_map(embedding, (4, 5))
    )
    several = ready.similarity([(0, 1), (4, 5)])
    np.testing.assert_array_equal(several[1], similarity_map(embedding, (4, 5)))
    np.testing.assert_array_equal(several[0], similarity_map(embedding, (0, 1)))


def test_similarity_is_one_at_the_anchor_and_knows_no_length(embedding):
    scales = np.random.default_rng(2).uniform(0.1, 9, (9, 7)).astype(np.float32)
    result = similarity_map(embedding * scales, (0, 6))
    assert result[0, 6] == pytest.approx(1)
    np.testing.assert_allclose(result, similarity_map(embedding, (0, 6)), atol=1e-6)
    np.testing.assert_allclose(
        similarity_map(np.concatenate([embedding, -embedding], axis=1), (0, 6))[9:],
        -result,
        atol=1e-6,
    )
    assert np.abs(result).max() <= 1
    assert result.dtype == np.float32


def test_pixels_of_no_length_are_neutral(embedding):
    embedding[:, 2, 3] = 0
    result = similarity_map(embedding, (0, 0))
    assert result[2, 3] == 0
    assert np.isfinite(result).all()
    assert not similarity_map(embedding, (2, 3)).any()


def test_half_precision_is_close(embedding):
    half = similarity_map(embedding.astype(np.float16), (4, 5))
    np.testing.assert_allclose(half, similarity_map(embedding, (4, 5)), atol=5e-3)


@pytest.mark.parametrize("anchor", [(-1, 0), (9, 0), (0, 7)])
def test_anchor_outside_is_refused(embedding, flow, anchor):
    with pytest.raises(SettingsError, match="outside the image of 9 rows"):
        similarity_map(embedding, anchor)
    with pytest.raises(SettingsError, match="outside the image of 9 rows"):
        flow_similarity(flow, anchor)


def test_flow_similarity_equals_equation_6(flow):
    expected = [
        [slow_kernel(flow[:, 3, 2], flow[:, r, c], 0.7, 0.3) for c in range(7)]
        for r in range(9)
    ]
    result = flow_similarity(flow, (3, 2), RelativeKernel(sigma=0.7, epsilon=0.3))
    np.testing.assert_allclose(result, expected, atol=1e-6)
    assert result[3, 2] == 1


def test_flow_similarity_of_a_still_loop_is_one():
    assert (flow_similarity(np.zeros((2, 4, 5), np.float32), (0, 0)) == 1).all()


@pytest.mark.parametrize("shift", [(5, 5), (-2, 3), (0, -6), (0, 0)])
def test_shifted_similarity_equals_slow_version(embedding, flow, shift):
    expected = np.full((2, 9, 7), np.nan)
    for r in range(9):
        for c in range(7):
            u, v = r + shift[0], c + shift[1]
            if 0 <= u < 9 and 0 <= v < 7:
                expected[:, r, c] = (
                    slow_cosine(embedding[:, r, c], embedding[:, u, v]),
                    slow_kernel(flow[:, r, c], flow[:, u, v]),
                )
    np.testing.assert_allclose(
        shifted_similarity(embedding, shift), expected[0], atol=1e-6
    )
    np.testing.assert_allclose(
        shifted_flow_similarity(flow, shift), expected[1], atol=1e-6
    )


def test_shifted_similarity_is_dark_at_a_border():
    halves = np.zeros((2, 20, 20), np.float32)
    halves[0, :, :10] = 1
    halves[1, :, 10:] = 1
    result = shifted_similarity(halves, (0, 5))
    assert (result[:, :5] == 1).all()
    assert (result[:, 5:10] == 0).all()
    assert (result[:, 10:15] == 1).all()
    assert np.isnan(result[:, 15:]).all()


def test_shifted_faults(embedding, flow):
    with pytest.raises(SettingsError, match=r"shift \(9, 0\) must be smaller"):
        shifted_similarity(embedding, (9, 0))
    with pytest.raises(SettingsError, match=r"shift \(0, 7\) must be smaller"):
        shifted_flow_similarity(flow, (0, 7))
    with pytest.raises(SettingsError, match=r"flow must be \(2, H, W\)"):
        shifted_flow_similarity(embedding)
    with pytest.raises(SettingsError, match=r"flow must be \(2, H, W\)"):
        flow_similarity(embedding, (0, 0))
    with pytest.raises(SettingsError, match=r"\(D, H, W\)"):
        similarity_map(embedding[0], (0, 0))


def test_several_anchors_make_the_largest_or_the_mean_similarity(embedding):
    maps = FrameVectors(embedding).similarity([(0, 0), (8, 6), (4, 1)])
    slow = np.stack([similarity_map(embedding, a) for a in ((0, 0), (8, 6), (4, 1))])
    np.testing.assert_array_equal(combine(maps, "max"), np.max(slow, axis=0))
    np.testing.assert_allclose(combine(maps, "mean"), np.mean(slow, axis=0), atol=1e-6)
    with pytest.raises(SettingsError, match="combination of anchors 'min'"):
        combine(maps, "min")
    with pytest.raises(SettingsError, match="K >= 1"):
        combine(maps[:0], "max")


def test_an_anchor_that_has_left_the_picture_is_outside(embedding):
    with pytest.raises(SettingsError, match="outside"):
        similarity_map(embedding, (float("nan"), 2))


def test_vectors_refuse_another_matrix_and_other_axes(embedding):
    with pytest.raises(SettingsError, match="D = 6 columns; got 5"):
        FrameVectors(embedding).products(np.ones((3, 5), np.float32))
    with pytest.raises(SettingsError, match=r"must be \(D, H, W\)"):
        FrameVectors(embedding[:, :0])
