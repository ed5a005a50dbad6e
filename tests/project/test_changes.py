"""Changes are small rectangles, and all of what has changed."""

import numpy as np

from napari_motionseg.project.changes import SavedPixels, rectangle, whole_frames
from napari_motionseg.project.journal import encode, parse, replay


def test_a_rectangle_is_that_of_the_outermost_pixels():
    mask = np.zeros((9, 11), bool)
    assert rectangle(mask) is None
    mask[2, 7] = mask[6, 3] = True
    assert rectangle(mask) == (slice(2, 7), slice(3, 8))
    rows, columns = np.nonzero(mask)
    assert rectangle(mask)[0] == slice(rows.min(), rows.max() + 1)
    assert rectangle(mask)[1] == slice(columns.min(), columns.max() + 1)


def test_after_any_edits_the_replay_is_what_was_painted():
    draw = np.random.default_rng(0)
    pixels = np.zeros((5, 33, 41), np.uint16)
    saved, records = SavedPixels(1), []
    for _ in range(40):
        t, row, column = (int(draw.integers(0, n)) for n in pixels.shape)
        pixels[t, row : row + 6, column : column + 9] = draw.integers(0, 3)
        if draw.random() < 0.2:
            pixels[t] = 0  # as an undo does
        deltas = list(saved.changes(pixels))
        assert len(deltas) <= 1
        saved.take(deltas, pixels.shape)
        records += [encode(delta) for delta in deltas]
    found, _ = replay(parse(b"".join(records)), pixels.shape, pixels.dtype)
    np.testing.assert_array_equal(found, pixels)
    assert not list(saved.changes(pixels))


def test_what_the_disk_refused_is_a_change_still():
    pixels = np.zeros((2, 8, 8), np.uint8)
    saved = SavedPixels(1)
    pixels[1, 2:4, 2:4] = 1
    assert len(list(saved.changes(pixels))) == 1
    (again,) = saved.changes(pixels)  # not taken: the disk was full
    assert again.frame == 1


def test_a_change_is_as_small_as_the_stroke():
    pixels = np.zeros((30, 512, 512), np.uint8)
    pixels[4] = np.random.default_rng(1).integers(0, 3, (512, 512))
    saved = SavedPixels(1, pixels)
    pixels[4, 100:108, 200:210] = 7
    (delta,) = saved.changes(pixels)
    assert (delta.row, delta.column, delta.pixels.shape) == (100, 200, (8, 10))
    assert len(encode(delta)) < 100


def test_whole_frames_are_the_pixels():
    pixels = np.random.default_rng(2).integers(0, 2, (4, 9, 13)).astype(np.uint8)
    pixels[2] = 0
    deltas = list(whole_frames(3, pixels))
    assert [delta.frame for delta in deltas] == [0, 1, 3]
    content = b"".join(encode(delta) for delta in deltas)
    found, _ = replay(parse(content), pixels.shape, pixels.dtype)
    np.testing.assert_array_equal(found, pixels)
