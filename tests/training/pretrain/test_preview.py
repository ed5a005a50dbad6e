"""Previews of an embedding while it is trained."""

import numpy as np

from napari_motionseg.training.pretrain.preview import draw_preview


def test_frame_projection_and_similarity_stand_side_by_side():
    frame = np.linspace(0, 1, 12 * 10, dtype=np.float32).reshape(12, 10)
    embedding = np.random.default_rng(0).standard_normal((4, 12, 10), np.float32)
    picture = draw_preview(frame, embedding, (1, 9))  # at the edge: the mark is cut
    assert picture.shape == (12, 30, 3)
    assert picture.dtype == np.uint8
    np.testing.assert_allclose(picture[:, :10, 0] / 255, frame, atol=2e-3)
    similarity = picture[:, 20:]
    assert similarity[1, 9].tolist() == [255, 255, 255]  # itself, inside of the mark
    red = (similarity == [255, 40, 40]).all(axis=-1)
    assert red[1, 6]
    assert not red[1, 7:].any()


def test_only_directions_count():
    rng = np.random.default_rng(1)
    frame, embedding = rng.random((9, 8), np.float32), rng.random((3, 9, 8), np.float32)
    longer = embedding * rng.uniform(0.5, 3, (9, 8)).astype(np.float32)
    pictures = [draw_preview(frame, e, (4, 4)) for e in (embedding, longer)]
    np.testing.assert_allclose(*np.asarray(pictures, int), atol=1)


def test_an_embedding_that_is_alike_everywhere_is_drawn():
    frame, embedding = np.zeros((9, 8), np.float32), np.ones((3, 9, 8), np.float32)
    assert draw_preview(frame, embedding, (4, 4)).shape == (9, 24, 3)


def test_the_projection_is_always_the_same_and_fills_the_range():
    rng = np.random.default_rng(2)
    frame, embedding = (
        np.zeros((20, 30), np.float32),
        rng.random((8, 20, 30), np.float32),
    )
    first, again = (draw_preview(frame, embedding, (4, 4)) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    colours = first[:, 30:60]
    assert colours.min(axis=(0, 1)).tolist() == [0, 0, 0]
    assert colours.max(axis=(0, 1)).tolist() == [255, 255, 255]
