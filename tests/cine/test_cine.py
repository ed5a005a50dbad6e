import gc
import pickle
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from napari_motionseg.cine import SHARED_FRAME_CACHE, Cine, FrameCache, FrameStack, View
from napari_motionseg.errors import SettingsError

PIXELS = np.random.default_rng(0).integers(0, 1024, (7, 5, 6)).astype(np.uint16)


class Decoder:
    """Counts what is decoded, and notices when two do it at once."""

    def __init__(self, pause=0.0):
        self.asked = []
        self.at_once = 0
        self.worst = 0
        self.pause = pause

    def __call__(self, t):
        self.at_once += 1
        self.worst = max(self.worst, self.at_once)
        self.asked.append(t)
        time.sleep(self.pause)
        frame = PIXELS[t].copy()
        self.at_once -= 1
        return frame


def stack(decoder=None, frames_kept=100):
    frame_bytes = PIXELS[0].nbytes
    memory = FrameCache(frames_kept * frame_bytes)
    return FrameStack(decoder or Decoder(), PIXELS.shape, PIXELS.dtype, memory)


@pytest.mark.parametrize(
    "key",
    [
        0,
        6,
        -1,
        np.int64(3),
        slice(None),
        slice(1, 6, 2),
        slice(None, None, -1),
        slice(5, 2),
        (2, slice(1, 4)),
        (2, slice(1, 4), 3),
        (slice(2, 5), slice(None, 2), slice(1, None)),
        (slice(5, 5), 1),
        [0, 3, 3],
        np.array([6, -1, 2]),
        PIXELS[:, 0, 0] > 500,
    ],
    ids=str,
)
def test_indexing_is_numpys(key):
    np.testing.assert_array_equal(stack()[key], PIXELS[key])


def test_a_stack_is_an_array():
    frames = stack()
    assert (frames.shape, frames.ndim, frames.dtype) == ((7, 5, 6), 3, np.uint16)
    assert len(frames) == 7
    np.testing.assert_array_equal(np.asarray(frames), PIXELS)
    np.testing.assert_array_equal(np.asarray(frames, dtype=float), PIXELS)
    np.testing.assert_array_equal(np.stack(list(frames)), PIXELS)


@pytest.mark.parametrize("t", [7, -8, 1000])
def test_frames_that_are_not_there(t):
    with pytest.raises(IndexError, match=f"between -7 and 6; got {t}"):
        stack()[t]


def test_only_what_is_asked_for_is_decoded_and_only_once():
    decoder = Decoder()
    frames = stack(decoder)
    assert decoder.asked == []
    _ = frames[3], frames[3], frames[2:5], frames[3, 1:]
    assert decoder.asked == [3, 2, 4]


def test_what_is_at_hand_need_not_be_decoded():
    decoder = Decoder()
    frames = stack(decoder, frames_kept=1)
    assert not frames.is_decoded(2)
    _ = frames[2]
    assert frames.is_decoded(2)
    _ = frames[3]
    assert not frames.is_decoded(2)
    assert decoder.asked == [2, 3]
    assert FrameStack.from_array(PIXELS).is_decoded(0)


def test_the_cache_is_bounded_and_drops_what_was_used_longest_ago():
    decoder = Decoder()
    frames = stack(decoder, frames_kept=3)
    for t in (0, 1, 2, 0, 3):  # 1 is the oldest when 3 comes
        _ = frames[t]
    assert frames._cache.used_bytes == 3 * PIXELS[0].nbytes
    decoder.asked.clear()
    _ = frames[0], frames[2], frames[3]
    assert decoder.asked == []
    _ = frames[1]
    assert decoder.asked == [1]
    _ = frames[:]
    assert frames._cache.used_bytes == 3 * PIXELS[0].nbytes


def test_one_frame_is_kept_however_small_the_cache():
    decoder = Decoder()
    frames = FrameStack(decoder, PIXELS.shape, PIXELS.dtype, FrameCache(0))
    _ = frames[1], frames[1], frames[2], frames[1]
    assert decoder.asked == [1, 2, 1]


def test_loops_share_one_bound_and_leave_nothing_behind():
    memory = FrameCache(3 * PIXELS[0].nbytes)
    decoders = Decoder(), Decoder()
    one, two = (FrameStack(d, PIXELS.shape, PIXELS.dtype, memory) for d in decoders)
    _ = one[0], one[1], two[0], two[1]
    assert memory.used_bytes == memory.capacity
    _ = one[1], two[1], one[0]  # the one that had to go
    assert decoders[0].asked == [0, 1, 0]
    del one
    gc.collect()
    assert memory.used_bytes == PIXELS[0].nbytes
    np.testing.assert_array_equal(two[1], PIXELS[1])
    del two
    gc.collect()
    assert memory.used_bytes == 0


def test_pixels_that_lie_in_an_array_are_not_kept_twice():
    before = SHARED_FRAME_CACHE.used_bytes
    frames = FrameStack.from_array(PIXELS)
    np.testing.assert_array_equal(frames[3], PIXELS[3])
    assert SHARED_FRAME_CACHE.used_bytes == before


def test_frames_cannot_be_written():
    frame = stack()[0]
    with pytest.raises(ValueError, match="read-only"):
        frame[0, 0] = 1


def test_many_threads_get_the_right_frames_and_never_decode_at_once():
    decoder = Decoder(pause=0.001)
    frames = stack(decoder, frames_kept=2)
    barrier = threading.Barrier(6)

    def read(seed):
        barrier.wait()
        for t in np.random.default_rng(seed).integers(0, 7, 25):
            np.testing.assert_array_equal(frames[t], PIXELS[t])

    with ThreadPoolExecutor(6) as pool:
        for done in [pool.submit(read, seed) for seed in range(6)]:
            done.result()
    assert decoder.worst == 1
    assert frames._cache.used_bytes == 2 * PIXELS[0].nbytes


def test_a_failing_decoder_leaves_the_stack_usable():
    def decode(t):
        if t == 1:
            raise OSError("gone")
        return PIXELS[t]

    frames = FrameStack(decode, PIXELS.shape, PIXELS.dtype)
    with pytest.raises(OSError, match="gone"):
        frames[1]
    np.testing.assert_array_equal(frames[0], PIXELS[0])


def test_a_loop_travels_to_another_process_as_plain_pixels():
    cine = Cine(
        stack(Decoder()),
        bits_stored=10,
        frame_times=np.arange(7) * 66.0,
        pixel_spacing=(0.2, 0.3),
        view=View(30, -20),
        patient={"PatientName": "someone"},
        notes=("repaired",),
    )
    other = pickle.loads(pickle.dumps(cine))
    np.testing.assert_array_equal(other.frames[:], PIXELS)
    np.testing.assert_array_equal(other.frame_times, cine.frame_times)
    assert other.pixel_spacing == (0.2, 0.3)
    assert other.view == View(30, -20)
    assert other.content_hash() == cine.content_hash()


def test_patient_attributes_are_not_shown():
    cine = Cine.from_array(PIXELS, patient={"PatientName": "Jane Roe"})
    assert "Jane" not in repr(cine)


@pytest.mark.parametrize(
    ("view", "words"),
    [
        (View(30, 20), "LAO 30 CRA 20"),
        (View(-30.4, -0.6), "RAO 30 CAU 1"),
        (View(0, 0), "LAO 0 CRA 0"),
    ],
)
def test_angles_as_the_laboratory_says_them(view, words):
    assert str(view) == words


def test_from_array_keeps_what_it_is_given():
    cine = Cine.from_array(PIXELS, np.arange(7) * 40 + 5, (0.2, 0.2), name="loop")
    assert (cine.shape, len(cine), cine.name) == ((7, 5, 6), 7, "loop")
    assert cine.bits_stored == 10
    assert not cine.signed
    assert cine.frame_times[0] == 0
    assert (cine.frame_interval, cine.frame_rate) == (40, 25)
    assert (cine.timing_basis, cine.spacing_basis) == ("given", "given")


def test_the_median_interval_bears_a_gap():
    times = np.cumsum([0, 66, 66, 500, 66, 66, 66])
    assert Cine.from_array(PIXELS, times).frame_interval == 66


def test_unknown_times_are_unknown():
    cine = Cine.from_array(PIXELS)
    assert cine.frame_interval is None
    assert cine.frame_rate is None
    assert cine.timing_basis == "unknown"
    single = Cine.from_array(PIXELS[:1], [0.0])
    assert single.frame_rate is None


def test_one_picture_and_masks_and_floats_are_loops():
    assert Cine.from_array(PIXELS[0]).shape == (1, 5, 6)
    mask = Cine.from_array(PIXELS > 500)
    np.testing.assert_array_equal(mask.normalized(0), PIXELS[0] > 500)
    floats = np.linspace(0, 1, 30).reshape(1, 5, 6)
    cine = Cine.from_array(floats)
    assert cine.bits_stored == 16
    np.testing.assert_allclose(cine.normalized(0), floats[0], atol=1e-5)
    dark = Cine.from_array(floats / 100)
    np.testing.assert_allclose(dark.normalized(0), floats[0] / 100, atol=1e-5)


@pytest.mark.parametrize(
    ("array", "bits", "low", "high"),
    [
        (np.array([[[0, 255]]], np.uint8), 8, 0, 255),
        (np.array([[[0, 1023]]], np.uint16), 10, 0, 1023),
        (np.array([[[0, 4095]]], np.uint16), 12, 0, 4095),
        (np.array([[[0, 4096]]], np.uint16), 16, 0, 65535),
        (np.array([[[-512, 511]]], np.int16), 12, -2048, 2047),
        (np.array([[[-128, 127]]], np.int8), 8, -128, 127),
        (np.array([[[0, 3]]], np.uint16), 8, 0, 255),
    ],
)
def test_depth_and_normalisation(array, bits, low, high):
    cine = Cine.from_array(array)
    assert cine.bits_stored == bits
    assert cine.stored_range == (low, high)
    found = cine.normalized(0)
    assert found.dtype == np.float32
    expected = (array[0].astype(float) - low) / (high - low)
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_values_beyond_the_stored_bits_are_clipped():
    cine = Cine.from_array(np.array([[[0, 5000]]], np.uint16), bits_stored=12)
    np.testing.assert_array_equal(cine.normalized(0), [[0, 1]])


def test_the_hash_knows_pixels_shape_and_type_and_nothing_else():
    whole = Cine.from_array(PIXELS).content_hash()
    assert Cine.from_array(PIXELS, name="other").content_hash() == whole
    changed = PIXELS.copy()
    changed[6, 4, 5] ^= 1
    others = [changed, PIXELS.reshape(7, 6, 5), PIXELS.astype(np.int16), PIXELS[:6]]
    hashes = {Cine.from_array(other).content_hash() for other in others}
    assert len(hashes | {whole}) == 5


@pytest.mark.parametrize(
    ("array", "others", "words"),
    [
        (np.zeros(5, np.uint8), {}, r"must be \(T, H, W\).*got shape \(5,\)"),
        (np.zeros((2, 3, 4, 3), np.uint8), {}, r"got shape \(2, 3, 4, 3\)"),
        (np.zeros((0, 3, 4), np.uint8), {}, "at least one pixel"),
        (np.full((1, 2, 2), 1.5), {}, r"floats in \[0, 1\]; got float64 from 1.5"),
        (np.full((1, 2, 2), np.nan), {}, "got float64 from nan"),
        (np.zeros((1, 2, 2), np.int64), {}, "at most 16 bits.*got int64"),
        (
            PIXELS,
            {"frame_times": [0, 1]},
            r"for each of the 7 frames; got shape \(2,\)",
        ),
        (PIXELS, {"frame_times": [0, 1, 2, 2, 3, 4, 5]}, "must be finite and rise"),
        (PIXELS, {"frame_times": [0, 1, 2, np.nan, 3, 4, 5]}, "finite and rise"),
        (PIXELS, {"pixel_spacing": (0.1, 0.0)}, "pixel_spacing must be positive"),
        (PIXELS, {"pixel_spacing": (np.nan, 1.0)}, "pixel_spacing must be positive"),
    ],
)
def test_what_is_no_loop(array, others, words):
    with pytest.raises(SettingsError, match=words):
        Cine.from_array(array, **others)


def test_times_must_match_the_frames():
    with pytest.raises(SettingsError, match="each of the 7 frames; got 3"):
        Cine(stack(), frame_times=np.arange(3.0))
