"""Masks follow the threshold, except where a person has corrected them."""

import numpy as np
import pytest
from helpers.plain_layers import PlainLabels

from napari_motionseg.segmentation.postprocess import postprocess_mask
from napari_motionseg.viewmodel.loop_masks import LoopMasks

SHAPE = (4, 7, 9)
RNG = np.random.default_rng(3)
PROBABILITIES = RNG.random(SHAPE).astype(np.float16)
LIKELIEST = RNG.integers(1, 3, SHAPE).astype(np.uint8)


@pytest.fixture
def masks():
    layer = PlainLabels(np.zeros(SHAPE, np.uint8))
    return LoopMasks("loop", layer, np.zeros(len(PROBABILITIES), bool))


def fill(masks, *frames):
    for t in frames:
        masks.add(t, PROBABILITIES[t], LIKELIEST[t])


def test_frames_are_done_one_by_one(masks):
    done = masks.done
    fill(masks, 2, 0)
    assert done.tolist() == [True, False, True, False]  # in the array that was given
    assert masks.adjustable == (0, 2)
    np.testing.assert_array_equal(masks.probabilities[2], PROBABILITIES[2])
    np.testing.assert_array_equal(masks.likeliest[0], LIKELIEST[0])


@pytest.mark.parametrize("t", [-1, 4])
def test_a_frame_outside_the_loop_is_no_frame(masks, t):
    masks.add(t, PROBABILITIES[0], LIKELIEST[0])
    assert not masks.done.any()


@pytest.mark.parametrize("threshold", [0.02, 0.5, 0.98])
@pytest.mark.parametrize("smallest", [0, 5])
def test_masks_are_those_of_the_threshold(masks, threshold, smallest):
    fill(masks, 0, 1, 3)
    found = masks.cleaned(masks.adjustable, threshold, smallest)
    assert list(found) == [0, 1, 3]
    for t, mask in found.items():
        expected = postprocess_mask(PROBABILITIES[t], LIKELIEST[t], threshold, smallest)
        np.testing.assert_array_equal(mask, expected)
        masks.put(t, mask)
        np.testing.assert_array_equal(masks.layer.data[t], expected)
    assert not masks.layer.data[2].any()


def test_what_a_person_has_confirmed_stays(masks):
    fill(masks, 0, 1)
    masks.layer.data[1] = 5
    masks.confirmed[1] = True
    assert masks.adjustable == (0,)
    for t, mask in masks.cleaned((0, 1), 0.5, 0).items():
        masks.put(t, mask)
    assert (masks.mask(1) == 5).all()
    assert masks.mask(0).any()


def test_a_correction_holds_and_the_rest_follows_the_threshold(masks):
    fill(masks, 0)
    masks.put(0, masks.cleaned([0], 0.5, 0)[0])
    assert not masks.note_corrections(0)
    masks.layer.data[0, 1, 1] = 3
    assert masks.note_corrections(0)
    assert not masks.note_corrections(0)
    expected = masks.cleaned([0], 0.9, 0)[0]
    masks.put(0, expected)
    expected[1, 1] = 3
    np.testing.assert_array_equal(masks.mask(0), expected)
    assert not masks.note_corrections(0)  # a threshold corrects nothing
    assert masks.adjustable == (0,)


def resumed(masks, shown=None):
    """Masks of a new session, with what the first one has stored."""
    layer = PlainLabels((masks.layer.data if shown is None else shown).copy())
    again = LoopMasks("loop", layer, masks.done.copy())
    again.resume(masks.known.copied())
    return again


def test_masks_that_are_taken_up_again_hold_nothing_new(masks):
    masks.layer.data[2, 1:3, 1:4] = 1
    again = resumed(masks)
    assert not any(again.note_corrections(t) for t in range(len(again.done)))
    again.layer.data[2, 5, 5] = 1
    assert again.note_corrections(2)
    assert (again.corrections[2] == 1).sum() == 1


@pytest.mark.parametrize("threshold", [0.02, 0.5, 0.98])
def test_corrections_of_before_outlive_the_threshold(masks, threshold):
    fill(masks, 0, 1)
    for t, mask in masks.cleaned((0, 1), 0.5, 0).items():
        masks.put(t, mask)
    masks.layer.data[0, 1, 1:4] = 3
    vessel = masks.mask(1) > 0
    masks.layer.data[1] = 0
    assert masks.note_corrections(0)
    assert masks.note_corrections(1)
    again = resumed(masks)
    again.layer.data[0, 6, 6] = 3
    assert again.note_corrections(0)  # corrected in this session
    expected = again.cleaned((0, 1), threshold, 0)
    for t, mask in expected.items():
        again.put(t, mask)
    expected[0][1, 1:4] = expected[0][6, 6] = 3
    expected[1][vessel] = 0
    for t, mask in expected.items():
        np.testing.assert_array_equal(again.mask(t), mask)
        assert not again.note_corrections(t)


def test_a_pixel_that_is_corrected_again_stays_corrected(masks):
    fill(masks, 0)
    masks.put(0, masks.cleaned([0], 0.5, 0)[0])
    masks.layer.data[0, 1, 1] = 3
    masks.note_corrections(0)
    again = resumed(masks)
    for value in (0, 3, 2):
        again.layer.data[0, 1, 1] = value
        assert again.note_corrections(0)
    again.put(0, again.cleaned([0], 0.98, 0)[0])
    assert again.mask(0)[1, 1] == 2


def test_a_kill_between_a_correction_and_its_pixels_loses_nothing(masks):
    fill(masks, 0)
    masks.put(0, masks.cleaned([0], 0.5, 0)[0])
    without = masks.layer.data.copy()
    masks.layer.data[0, 1, 1:4] = 3
    masks.note_corrections(0)
    np.testing.assert_array_equal(resumed(masks, without).mask(0), masks.mask(0))


def test_a_correction_that_is_undone_is_none(masks):
    fill(masks, 0)
    masks.put(0, masks.cleaned([0], 0.5, 0)[0])
    before = masks.mask(0).copy()
    masks.layer.data[0, 1:3, 1:4] = 3
    masks.note_corrections(0)
    masks.layer.data[0] = before
    assert masks.note_corrections(0)
    assert masks.corrections == {}


def test_a_single_frame_has_a_mask_of_two_axes():
    layer = PlainLabels(np.zeros(SHAPE[1:], np.uint8))
    masks = LoopMasks("loop", layer, np.zeros(1, bool))
    masks.add(0, PROBABILITIES[0], LIKELIEST[0])
    masks.put(0, masks.cleaned([0], 0.5, 0)[0])
    np.testing.assert_array_equal(layer.data, masks.mask(0))
    assert layer.data.any()
