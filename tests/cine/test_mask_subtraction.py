"""Subtraction by the Mask module, against PS3.3 C.7.6.10 written out frame by frame."""

import dataclasses

import numpy as np
import pytest

from napari_motionseg.cine import Cine, FrameStack, Subtraction
from napari_motionseg.cine.mask_subtraction import first_subtraction, subtract_masks
from napari_motionseg.errors import DamagedFrameError, SettingsError

COUNT = 8
PIXELS = np.random.default_rng(0).integers(1, 256, (COUNT, 5, 7), dtype=np.uint8)
GRAYS = PIXELS / 255


def loop(*items, relationship="LIN"):
    cine = Cine.from_array(PIXELS, intensity_relationship=relationship)
    return dataclasses.replace(cine, subtraction=items)


def check(cine, expected):
    """Compare frames with a dict of expected ones; all others are zero."""
    whole = np.zeros(cine.shape)
    for t, frame in expected.items():
        whole[t] = frame
    np.testing.assert_allclose(subtract_masks(cine)[:], whole, atol=1e-5)


def test_average_mask_in_the_logarithm():
    cine = loop(Subtraction("AVG_SUB", (0, 2), (1, 4)))
    density = np.log(GRAYS)
    mask = density[[0, 2]].mean(axis=0)
    check(cine, {t: density[t] - mask for t in range(1, 5)})


@pytest.mark.parametrize("relationship", ["LOG", "DISP"])
def test_pixels_that_are_not_linear_are_subtracted_as_they_are(relationship):
    cine = loop(Subtraction("AVG_SUB", (0,)), relationship=relationship)
    check(cine, {t: GRAYS[t] - GRAYS[0] for t in range(COUNT)})


@pytest.mark.parametrize("offset", [1, 2, -1])
def test_time_interval_differencing_without_a_range(offset):
    """A frame minus the one that many before it; frames that have none stay out."""
    cine = loop(Subtraction("TID", tid_offset=offset), relationship="LOG")
    frames = [t for t in range(COUNT) if 0 <= t - offset < COUNT]
    check(cine, {t: GRAYS[t] - GRAYS[t - offset] for t in frames})


def test_time_interval_differencing_within_a_range():
    cine = loop(Subtraction("TID", (), (4, 5)), relationship="LOG")
    check(cine, {t: GRAYS[t] - GRAYS[t - 1] for t in (4, 5)})


@pytest.mark.parametrize(
    ("applicable", "offset", "masks"),
    [  # MFN = (FCFN - TID Offset) - (CFN - FCFN), by hand
        ((4, 7), 1, {4: 3, 5: 2, 6: 1, 7: 0}),
        ((4, 7), 2, {4: 2, 5: 1, 6: 0}),
        ((0, 2), -5, {0: 5, 1: 4, 2: 3}),
        ((3, 4, 6, 6), 1, {3: 2, 4: 1}),
        (None, -7, {0: 7, 1: 6, 2: 5, 3: 4, 4: 3, 5: 2, 6: 1, 7: 0}),
    ],
)
def test_reversed_time_interval_differencing(applicable, offset, masks):
    item = Subtraction("REV_TID", (), applicable, tid_offset=offset)
    cine = loop(item, relationship="LOG")
    check(cine, {t: GRAYS[t] - GRAYS[mask] for t, mask in masks.items()})


def test_each_frame_has_the_mask_of_its_own_item():
    items = (Subtraction("AVG_SUB", (0,), (0, 3)), Subtraction("AVG_SUB", (4,), (4, 7)))
    cine = loop(*items, relationship="LOG")
    check(cine, {t: GRAYS[t] - GRAYS[t // 4 * 4] for t in range(COUNT)})


def test_items_of_different_operations():
    items = (Subtraction("AVG_SUB", (0,), (1, 2)), Subtraction("TID", (), (5, 6)))
    cine = loop(*items, relationship="LOG")
    masks = {1: 0, 2: 0, 5: 4, 6: 5}
    check(cine, {t: GRAYS[t] - GRAYS[mask] for t, mask in masks.items()})


def test_the_first_of_overlapping_items_is_used():
    items = (Subtraction("AVG_SUB", (0,), (2, 4)), Subtraction("AVG_SUB", (1,), (3, 6)))
    cine = loop(*items, relationship="LOG")
    masks = {2: 0, 3: 0, 4: 0, 5: 1, 6: 1}
    check(cine, {t: GRAYS[t] - GRAYS[mask] for t, mask in masks.items()})


def test_several_ranges_of_one_item():
    cine = loop(Subtraction("AVG_SUB", (0,), (1, 2, 5, 6)), relationship="LOG")
    check(cine, {t: GRAYS[t] - GRAYS[0] for t in (1, 2, 5, 6)})


def test_an_item_without_a_mask_does_not_hide_one_with_a_mask():
    items = (Subtraction("AVG_SUB", (), (0, 7)), Subtraction("AVG_SUB", (3,)))
    cine = loop(*items, relationship="LOG")
    assert first_subtraction(cine) == items[1]
    check(cine, {t: GRAYS[t] - GRAYS[3] for t in range(COUNT)})


def test_contrast_frames_are_averaged_as_long_as_the_average_is_complete():
    item = Subtraction("AVG_SUB", (0,), contrast_averaging=3)
    cine = loop(item, relationship="LOG")
    expected = {t: GRAYS[t : t + 3].mean(axis=0) - GRAYS[0] for t in range(COUNT - 2)}
    check(cine, expected)


def test_a_range_up_to_the_end_averages_what_is_there():
    item = Subtraction("AVG_SUB", (0,), (6, 7), contrast_averaging=2)
    cine = loop(item, relationship="LOG")
    check(cine, {6: GRAYS[6:8].mean(axis=0) - GRAYS[0], 7: GRAYS[7] - GRAYS[0]})


def test_the_mask_is_shifted_down_and_to_the_left():
    """By whole pixels here, where the edge is repeated; PS3.3 C.7.6.10.1.2."""
    cine = loop(Subtraction("AVG_SUB", (0,), shift=(1.0, 2.0)), relationship="LOG")
    rows = np.clip(np.arange(5) - 1, 0, 4)
    columns = np.clip(np.arange(7) + 2, 0, 6)
    mask = GRAYS[0][np.ix_(rows, columns)]
    check(cine, {t: GRAYS[t] - mask for t in range(COUNT)})


def test_the_mask_is_shifted_by_fractions_of_a_pixel():
    cine = loop(Subtraction("AVG_SUB", (0,), (3, 3), shift=(0.25, 0.0)))
    density = np.log(GRAYS)
    above = density[0][np.clip(np.arange(5) - 1, 0, 4)]
    check(cine, {3: density[3] - (0.75 * density[0] + 0.25 * above)})


def test_each_frame_may_have_a_shift_of_its_own():
    shifts = tuple((0.0, float(t % 2)) for t in range(COUNT))
    item = Subtraction("AVG_SUB", (0,), (2, 3), frame_shifts=shifts)
    left = GRAYS[0][:, np.clip(np.arange(7) + 1, 0, 6)]
    check(loop(item, relationship="LOG"), {2: GRAYS[2] - GRAYS[0], 3: GRAYS[3] - left})


def test_damaged_frames_are_neither_mask_nor_picture():
    def decode(t):
        if t in (0, 5):
            raise DamagedFrameError("made", t)
        return PIXELS[t]

    frames = FrameStack(decode, PIXELS.shape, np.uint8)
    item = Subtraction("AVG_SUB", (0, 1))
    cine = Cine(frames, subtraction=(item,), intensity_relationship="LOG")
    with pytest.warns(UserWarning, match="shown blank"):
        result = subtract_masks(cine)[:]
    for t in range(COUNT):
        expected = 0 if t in (0, 5) else GRAYS[t] - GRAYS[1]
        np.testing.assert_allclose(result[t], np.zeros((5, 7)) + expected, atol=1e-6)


@pytest.mark.parametrize(
    "items",
    [
        (),
        (Subtraction("NONE"),),
        (Subtraction("AVG_SUB"),),
        (Subtraction("AVG_SUB", (COUNT + 3,)),),
        (Subtraction("REV_TID"),),  # the Standard requires a range
        (Subtraction("TID", tid_offset=COUNT),),
        (Subtraction("TID", (), (40, 50)),),
        (Subtraction("AVG_SUB", (0,), ()),),
    ],
)
def test_nothing_to_subtract(items):
    cine = loop(*items)
    assert first_subtraction(cine) is None
    with pytest.raises(SettingsError, match="no subtraction mask that can be applied"):
        subtract_masks(cine)
