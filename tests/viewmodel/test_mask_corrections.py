"""What a person has corrected in a mask, against loops over all pixels."""

import numpy as np
import pytest

from napari_motionseg.io.label_numbers import BACKGROUND, IMPLIED_BACKGROUND
from napari_motionseg.viewmodel.mask_corrections import (
    UNTOUCHED,
    DrawnStrokes,
    GivenLabels,
    corrected,
    corrected_pixels,
    correction_labels,
    frame_labels,
    unsaid,
)

SIZE = (23, 31)


def random_mask(seed):
    return np.random.default_rng(seed).integers(0, 3, SIZE).astype(np.uint8)


def few(seed, share=0.02):
    """A few corrections of any class."""
    rng = np.random.default_rng(seed)
    values = rng.integers(0, 3, SIZE).astype(np.uint8)
    return np.where(rng.random(SIZE) < share, values, np.uint8(UNTOUCHED))


def slow_labels(mask, corrections, margin):
    """The labels of corrections, pixel by pixel."""
    labels = np.zeros(SIZE, np.uint8)
    rows, columns = np.nonzero(corrections != UNTOUCHED)
    for row in range(SIZE[0]):
        for column in range(SIZE[1]):
            away = np.maximum(abs(rows - row), abs(columns - column))
            if not len(away) or away.min() > margin:
                continue
            if mask[row, column] == 0:
                labels[row, column] = IMPLIED_BACKGROUND
            elif away.min() == 0:
                labels[row, column] = mask[row, column]
    return labels


@pytest.mark.parametrize("seed", range(3))
def test_labels_are_those_of_the_corrections_and_a_margin(seed):
    corrections = few(seed)
    mask = np.where(corrections == UNTOUCHED, random_mask(seed), corrections)
    np.testing.assert_array_equal(
        correction_labels(mask, corrections), slow_labels(mask, corrections, 2)
    )


@pytest.mark.parametrize("corrections", [None, np.full(SIZE, UNTOUCHED, np.uint8)])
def test_without_corrections_there_are_no_labels(corrections):
    assert not correction_labels(random_mask(0), corrections).any()
    assert not corrected_pixels(corrections, SIZE).any()


def test_a_larger_frame_has_a_larger_margin():
    mask, corrections = np.zeros((512, 512), np.uint8), np.full((512, 512), 255)
    corrections[100, 200] = 1
    mask[100, 200] = 1
    assert (correction_labels(mask, corrections.astype(np.uint8)) != 0).sum() == 49


def test_changes_add_up_and_what_is_set_back_is_none():
    made = random_mask(1)
    mask = made.copy()
    assert corrected(mask, made, None) is None
    mask[3, 4] = 2 - mask[3, 4] // 2
    mask[3, 4] = (made[3, 4] + 1) % 3
    first = corrected(mask, made, None)
    assert np.argwhere(first != UNTOUCHED).tolist() == [[3, 4]]
    mask[8, 9] = (made[8, 9] + 2) % 3
    both = corrected(mask, made, first)
    assert np.argwhere(both != UNTOUCHED).tolist() == [[3, 4], [8, 9]]
    assert corrected(mask, made, both) is None
    mask[3, 4] = made[3, 4]
    assert np.argwhere(corrected(mask, made, both) != UNTOUCHED).tolist() == [[8, 9]]


def test_a_frame_that_is_right_has_no_unlabelled_pixel():
    mask, painted = random_mask(2), np.zeros(SIZE, np.uint8)
    painted[:, 5] = BACKGROUND
    labels = frame_labels(mask, painted)
    assert labels.all()
    np.testing.assert_array_equal(labels[mask > 0], mask[mask > 0])
    drawn = (labels == BACKGROUND) & (mask == 0)
    assert drawn[:, 5].sum() == drawn.sum() > 0


def test_given_labels_are_taken_back_and_paint_beneath_comes_again():
    given, labels = GivenLabels(SIZE), np.zeros(SIZE, np.uint8)
    labels[2, 2:9] = 1  # painted before
    core = np.zeros(SIZE, bool)
    core[2, 4:6] = True
    wanted = np.zeros(SIZE, np.uint8)
    wanted[1:4, 3:7] = IMPLIED_BACKGROUND
    wanted[core] = BACKGROUND
    now = given.replace(labels, wanted, core)
    assert (now[core] == BACKGROUND).all()
    assert now[2, 3] == 1  # in the margin, paint stays
    assert now[1, 3] == IMPLIED_BACKGROUND
    now[1, 4] = 2  # painted over since
    nothing = np.zeros(SIZE, np.uint8)
    back = given.replace(now, nothing, np.zeros(SIZE, bool))
    labels[1, 4] = 2
    np.testing.assert_array_equal(back, labels)


def test_strokes_correct_and_go_as_they_came():
    strokes, size = DrawnStrokes((4, 5)), (4, 5)
    drawn = np.full(size, UNTOUCHED, np.uint8)
    drawn[1, 1:4], drawn[2, 1:4] = 0, 1
    before = np.full(size, UNTOUCHED, np.uint8)
    before[1, 1], before[1, 2], before[3, 3] = 2, 0, 1  # corrected by hand
    with_stroke = strokes.replace(before, drawn)
    assert (with_stroke[drawn != UNTOUCHED] == drawn[drawn != UNTOUCHED]).all()
    assert with_stroke[3, 3] == 1
    np.testing.assert_array_equal(strokes.replace(with_stroke, drawn), with_stroke)
    undone = strokes.replace(with_stroke, np.full(size, UNTOUCHED, np.uint8))
    np.testing.assert_array_equal(undone, before)
    strokes.replace(before, drawn)
    drawn[1, 3] = 1  # a vessel, drawn over the stroke
    assert strokes.replace(with_stroke, drawn)[1, 3] == 1
    erased = np.zeros(size, bool)
    erased[2, 1] = True
    strokes.keep(erased)
    kept = strokes.replace(with_stroke, np.full(size, UNTOUCHED, np.uint8))
    assert (kept[2, 1:4] == (1, UNTOUCHED, UNTOUCHED)).all()


def test_strokes_on_an_empty_frame_are_corrections_of_their_own():
    strokes = DrawnStrokes((4, 5))
    drawn = np.where(np.eye(4, 5) > 0, np.uint8(1), np.uint8(UNTOUCHED))
    found = strokes.replace(None, drawn)
    np.testing.assert_array_equal(found, drawn)
    nothing = np.full_like(drawn, UNTOUCHED)
    assert (strokes.replace(found, nothing) == UNTOUCHED).all()


def test_what_strokes_say_needs_no_label_unless_a_class_contradicts_the_network():
    corrections = np.array([[0, 1, 2, 1, 1, UNTOUCHED]], np.uint8)
    drawn = np.array([[0, UNTOUCHED, 1, 1, 1, 1]], np.uint8)
    made = np.array([[1, 0, 0, 0, 1, 0]], np.uint8)
    expected = [[UNTOUCHED, 1, 2, 1, UNTOUCHED, UNTOUCHED]]
    np.testing.assert_array_equal(unsaid(corrections, drawn, made), expected)
    assert unsaid(None, drawn, made) is None
