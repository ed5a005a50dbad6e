"""Small pictures keep the gray values, and colour what is vessel."""

import numpy as np
from PIL import Image

from napari_motionseg.batch.thumbnails import SIDE, thumbnail, write_thumbnail


def test_gray_values_are_means_and_the_shape_is_kept():
    frame = np.zeros((768, 384), np.float32)
    frame[:, ::2] = 1.0
    picture = thumbnail(frame)
    assert picture.shape == (SIDE, SIDE // 2, 3)
    np.testing.assert_array_equal(picture, 128)


def test_small_frames_are_not_enlarged():
    assert thumbnail(np.zeros((7, 11), np.float32)).shape == (7, 11, 3)


def test_what_is_marked_is_red_and_the_rest_gray():
    marked = np.zeros((384, 384), bool)
    marked[:, 100:140] = True
    picture = thumbnail(np.full((384, 384), 0.4, np.float32), marked).astype(int)
    reddish = picture[..., 0] - picture[..., 2] > 40
    np.testing.assert_array_equal(reddish, marked[::2, ::2])


def test_a_file_of_the_frame_is_written(tmp_path, small_cine):
    path = tmp_path / "x.png"
    write_thumbnail(path, small_cine, 3, np.ones(small_cine.shape[1:]))
    with Image.open(path) as image:
        assert max(image.size) <= SIDE
        assert image.mode == "RGB"
