"""Guided motion is played as a loop, and marked."""

import numpy as np
import pytest

from napari_motionseg.errors import SettingsError
from napari_motionseg.guidance import guided_loop_job, moved_frames
from napari_motionseg.guidance.guided_loop import marked_synthetic, write_guided_movie
from napari_motionseg.io import read_cine
from napari_motionseg.jobs import run


@pytest.fixture
def frame():
    picture = np.full((40, 48), 0.7, np.float32)
    picture[18:22, 10:14] = 0.2
    return picture


@pytest.fixture
def flow():
    field = np.zeros((2, 40, 48), np.float32)
    field[0, 17:23, 9:15] = 12
    return field


def test_the_loop_moves_there_and_back_without_holes(frame, flow):
    frames = list(moved_frames(frame, flow, 8))
    assert len(frames) == 8
    np.testing.assert_array_equal(frames[0], frame)
    assert frames[4][18:22, 22:26] == pytest.approx(0.2, abs=0.01)
    assert frames[4][18:22, 10:14] == pytest.approx(0.7, abs=0.01)
    for first, second in ((1, 7), (2, 6), (3, 5)):
        np.testing.assert_allclose(frames[first], frames[second], atol=1e-6)
    assert all(np.isfinite(one).all() and one.min() >= 0.19 for one in frames)


def test_the_job_returns_the_same_frames(frame, flow):
    np.testing.assert_array_equal(
        run(guided_loop_job(frame, flow, 4)), list(moved_frames(frame, flow, 4))
    )


def test_every_frame_says_that_it_is_synthetic(frame, flow):
    frames = np.stack(list(moved_frames(frame, flow, 3)))
    marked = marked_synthetic(frames)
    assert marked.shape == (3, 40, 48, 3)
    yellow = (marked[..., 0] > 150) & (marked[..., 2] < 60)
    assert (yellow.sum(axis=(1, 2)) > 20).all()
    below = np.round(frames[:, 20:] * 255).astype(np.uint8)
    np.testing.assert_array_equal(marked[:, 20:, :, 1], below)


def test_a_gif_is_written_and_read_again(frame, flow, tmp_path):
    path = tmp_path / "guided.gif"
    write_guided_movie(path, np.stack(list(moved_frames(frame, flow, 4))))
    assert read_cine(path).shape == (4, 40, 48)


def test_one_frame_is_no_loop(frame, flow):
    with pytest.raises(SettingsError, match="at least 2 frames; got 1"):
        list(moved_frames(frame, flow, 1))
