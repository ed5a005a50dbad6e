"""What proves that a loop, or a frame of it, is the same."""

import numpy as np
import pytest

from napari_motionseg.cine import Cine
from napari_motionseg.cine.hashing import frame_hash, hashes_of


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
    assert frame_hash(frame) == frame_hash(np.asfortranarray(frame))
    assert frame_hash(change(frame)) != frame_hash(frame)


def test_hashes_are_of_the_whole_and_of_each_frame():
    hashes = hashes_of(loop().frames)
    assert hashes.content == loop().content_hash()
    assert hashes.frames == tuple(frame_hash(frame) for frame in loop().frames)
