"""Early stopping without labels: how many like masks in a row, and how like."""

import numpy as np
import pytest

from napari_motionseg.errors import SettingsError
from napari_motionseg.segmentation.early_stopping import Steadiness


def mask_of(pixels):
    """Return probabilities of 100 pixels, the first of which are foreground."""
    probability = np.full((10, 10), 0.1)
    probability.flat[:pixels] = 0.9
    return probability


def looks_until_steady(watch, probabilities):
    for number, probability in enumerate(probabilities, 1):
        if watch.look(probability):
            return number
    return None


def test_three_looks_without_a_change_are_steady():
    """The first look has nothing to be compared with: four like masks in all."""
    assert looks_until_steady(Steadiness(), [mask_of(40)] * 9) == 4


@pytest.mark.parametrize("in_a_row", [1, 2, 5])
def test_as_many_looks_as_asked(in_a_row):
    watch = Steadiness(in_a_row=in_a_row)
    assert looks_until_steady(watch, [mask_of(40)] * 9) == in_a_row + 1


def test_one_change_and_the_count_begins_anew():
    like, other = mask_of(40), mask_of(80)
    assert looks_until_steady(Steadiness(), [like] * 3 + [other] * 9) == 3 + 4


def test_a_dice_of_exactly_the_bound_is_no_change():
    # Dice of 40 and 60 pixels, nested: 2 * 40 / 100
    frames = [mask_of(40), mask_of(60)] * 4
    assert looks_until_steady(Steadiness(alike=0.8), frames) == 4
    assert looks_until_steady(Steadiness(alike=0.801), frames) is None


def test_by_default_a_hundredth_is_no_change_and_a_fortieth_is():
    # 99 and 98 of 100 pixels: Dice 0.995; 99 and 95: 0.979
    assert looks_until_steady(Steadiness(), [mask_of(99), mask_of(98)] * 4) == 4
    assert looks_until_steady(Steadiness(), [mask_of(99), mask_of(95)] * 4) is None


def test_a_probability_of_a_half_is_foreground():
    frames = [np.full((4, 4), 0.5)] * 5
    assert looks_until_steady(Steadiness(), frames) == 4
    assert looks_until_steady(Steadiness(), [np.full((4, 4), 0.499)] * 9) is None


@pytest.mark.parametrize(("alike", "in_a_row"), [(0, 3), (1.01, 3), (0.9, 0)])
def test_values_that_cannot_be(alike, in_a_row):
    with pytest.raises(SettingsError, match=f"got {alike} and {in_a_row}"):
        Steadiness(alike, in_a_row)


def test_a_dice_of_one_may_be_asked_for():
    assert looks_until_steady(Steadiness(alike=1, in_a_row=1), [mask_of(9)] * 2) == 2
