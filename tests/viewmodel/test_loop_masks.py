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


def test_masks_that_are_taken_up_again_hold_nothing_new(masks):
    masks.layer.data[2, 1:3, 1:4] = 1
    masks.take_as_made()
    assert not any(masks.note_corrections(t) for t in range(len(masks.done)))
    masks.layer.data[2, 5, 5] = 1
    assert masks.note_corrections(2)
    assert (masks.corrections[2] == 1).sum() == 1


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
