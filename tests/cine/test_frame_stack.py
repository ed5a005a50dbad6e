"""A damaged frame is blank, recorded and told of once; the rest of the loop stays."""

import pickle
import warnings
from collections.abc import Sequence

import numpy as np
import pytest

from napari_motionseg.cine import Cine
from napari_motionseg.cine.displayed_frames import DisplayedFrames
from napari_motionseg.cine.frame_stack import FrameCache, FrameStack, describe_damage
from napari_motionseg.cine.hashing import hash_frames
from napari_motionseg.errors import DamagedFrameError, PartialReadWarning, ReadError

PIXELS = np.random.default_rng(0).integers(100, 1024, (7, 5, 6)).astype(np.uint16)


class Decoder:
    """Decodes `PIXELS`; some frames are damaged, and the file may be gone."""

    def __init__(self, damaged=()):
        self.damaged = set(damaged)
        self.gone = False
        self.asked = []

    def __call__(self, t):
        self.asked.append(t)
        if self.gone:
            raise ReadError("loop.dcm: no such file or folder")
        if t in self.damaged:
            raise DamagedFrameError(f"loop.dcm: frame {t} cannot be decoded", t)
        return PIXELS[t].copy()


def stack(damaged=(), blank=0, cache=None):
    decoder = Decoder(damaged)
    cache = cache or FrameCache()
    return decoder, FrameStack(decoder, PIXELS.shape, "u2", cache, blank=blank)


@pytest.fixture
def told():
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("default")
        yield seen


def test_a_damaged_frame_is_blank_and_told_of_once(told):
    decoder, frames = stack(damaged=[2, 5])
    expected = PIXELS.copy()
    expected[[2, 5]] = 0
    np.testing.assert_array_equal(frames[:], expected)
    np.testing.assert_array_equal(np.asarray(frames), expected)
    assert frames.damaged == {2, 5}
    assert len(told) == 1
    assert told[0].category is PartialReadWarning
    assert "loop.dcm: frame 2 cannot be decoded: the frame is shown blank" in str(
        told[0].message
    )
    assert decoder.asked == [0, 1, 2, 3, 4, 5, 6]


def test_the_blank_value_is_the_lowest_gray(told):
    _, frames = stack(damaged=[0], blank=7)
    assert (frames[0] == 7).all()
    assert not frames[0].flags.writeable


def test_damaged_frames_are_not_tried_again_when_memory_is_short(told):
    decoder, frames = stack(damaged=[1], cache=FrameCache(1))
    for t in (1, 0, 1, 3, 1):
        frames[t]
    assert decoder.asked.count(1) == 1
    assert frames.is_decoded(1)


def test_the_check_counts_and_says_all_in_one_warning(told):
    decoder, frames = stack(damaged=[1, 4, 6])
    assert frames.find_damaged() == {1, 4, 6}
    assert frames.usable_frames() == [0, 2, 3, 5]
    assert len(told) == 1
    assert "3 of 7 frames are damaged and left out (1, 4, 6)" in str(told[0].message)
    assert sorted(decoder.asked) == list(range(7))


def test_a_frame_is_asked_whether_it_can_be_used(told):
    decoder, frames = stack(damaged=[3])
    assert frames.usable(2)
    assert not frames.usable(3)
    assert not told[1:]
    assert decoder.asked == [2, 3]
    assert frames.damaged == {3}  # the others have not been tried


def test_a_good_loop_is_not_warned_of(told):
    _, frames = stack()
    assert frames.find_damaged() == frozenset()
    assert frames.usable_frames() == list(range(7))
    assert not told


@pytest.mark.parametrize(
    "use", [np.asarray, FrameStack.find_damaged, FrameStack.usable_frames]
)
def test_a_loop_without_a_good_frame_is_an_error(use, told):
    _, frames = stack(damaged=range(7))
    for _ in range(2):
        with pytest.raises(ReadError, match="no frame of this loop can be decoded"):
            use(frames)


def test_a_file_that_cannot_be_read_is_no_damage():
    decoder, frames = stack()
    decoder.gone = True
    for use in (lambda: frames[0], frames.find_damaged, lambda: frames.usable(3)):
        with pytest.raises(ReadError, match="no such file"):
            use()
    decoder.gone = False
    assert frames.damaged == frozenset()
    np.testing.assert_array_equal(frames[:], PIXELS)


def test_what_is_known_travels_to_another_process(told):
    _, frames = stack(damaged=[2], blank=9)
    there = pickle.loads(pickle.dumps(frames))
    assert there.damaged == {2}
    assert there.find_damaged() == {2}
    assert not there.usable(2)
    np.testing.assert_array_equal(there[:], frames[:])
    assert len(told) == 1  # in the first process


def test_hashes_do_not_depend_on_the_order_of_decoding(told):
    first, second = stack(damaged=[2, 5])[1], stack(damaged=[2, 5])[1]
    for t in (5, 0, 2):
        second[t]
    assert hash_frames(first) == hash_frames(second)
    blanked = PIXELS.copy()
    blanked[[2, 5]] = 0
    assert Cine(first).content_hash() == Cine.from_array(blanked).content_hash()


def test_long_lists_are_cut():
    words = describe_damage(range(30), 100)
    assert words.startswith("30 of 100 frames are damaged")
    assert "(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, ...)" in words


def test_a_stack_is_no_sequence():
    _, frames = stack()
    assert not isinstance(frames, Sequence)
    assert not isinstance(DisplayedFrames(frames), Sequence)
    assert frames.size == PIXELS.size
    assert frames.nbytes == PIXELS.nbytes


@pytest.mark.parametrize("key", [..., (..., 2), (), None, (slice(None), None)], ids=str)
def test_unusual_keys_are_numpys(key):
    np.testing.assert_array_equal(stack()[1][key], PIXELS[key])


def test_what_is_shown_is_blank_while_the_file_is_gone(told):
    decoder, frames = stack(blank=3)
    shown = DisplayedFrames(frames)
    np.testing.assert_array_equal(shown[0], PIXELS[0])
    decoder.gone = True
    for t in (4, 5, 4):
        assert (shown[t] == 3).all()
    np.testing.assert_array_equal(shown[0], PIXELS[0])  # still in memory
    decoder.gone = False
    np.testing.assert_array_equal(shown[4], PIXELS[4])
    assert [str(w.message) for w in told].count(
        "loop.dcm: no such file or folder: shown blank until the file can be read again"
    ) == len(told)
    assert len(told) == 1
    assert shown.damaged == frozenset()


def test_a_file_that_goes_twice_is_told_of_twice(told):
    decoder, frames = stack()
    shown = DisplayedFrames(frames)
    for t in (1, 2):
        decoder.gone = True
        shown[t]
        decoder.gone = False
        shown[t]
    assert len(told) == 2


def test_what_is_shown_knows_what_is_damaged(told):
    decoder, frames = stack(damaged=[2])
    shown = pickle.loads(pickle.dumps(DisplayedFrames(frames)))
    assert isinstance(shown, DisplayedFrames)
    assert shown.damaged == {2}
    shown = DisplayedFrames(frames)
    assert shown.find_damaged() == {2}
    assert (shown[2] == 0).all()
    assert decoder.asked.count(2) == 1
    assert not shown.usable(2)
    assert shown.is_decoded(2)
    assert len(told) == 1


def test_a_loop_without_a_good_frame_is_shown_blank_with_one_warning(told):
    _, frames = stack(damaged=range(7))
    shown = DisplayedFrames(frames)
    assert (np.asarray(shown) == 0).all()
    assert (np.asarray(shown) == 0).all()
    assert len([w for w in told if "no frame of this loop" in str(w.message)]) == 1
