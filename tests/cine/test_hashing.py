"""What proves that a loop, or a frame of it, is the same."""

import numpy as np
import pytest

from napari_motionseg.cine import Cine
from napari_motionseg.cine.hashing import hash_frame, hash_frames


def loop():
    pixels = np.random.default_rng(0).integers(0, 4096, (4, 21, 17))
    return Cine.from_array(pixels.astype(np.uint16))


@pytest.mark.parametrize(
    "change",
    [
        lambda frame: frame.astype(np.int16),
        lambda frame: frame.reshape(17, 21),
        lambda frame: frame[::-1],
    ],
)
def test_the_hash_of_a_frame_knows_pixels_shape_and_type(change):
    frame = loop().frames[0]
    assert hash_frame(frame) == hash_frame(np.asfortranarray(frame))
    assert hash_frame(change(frame)) != hash_frame(frame)


def test_hashes_are_of_the_whole_and_of_each_frame():
    hashes = hash_frames(loop().frames)
    assert hashes.content == loop().content_hash()
    assert hashes.frames == tuple(hash_frame(frame) for frame in loop().frames)
