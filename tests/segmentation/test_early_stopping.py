"""Early stopping without labels: how many like masks in a row, and how like."""

import numpy as np
import pytest

from napari_motionseg.errors import SettingsError
from napari_motionseg.segmentation.early_stopping import EarlyStopping


def mask_of(pixels):
    """Return probabilities of 100 pixels, the first of which are foreground."""
    probability = np.full((10, 10), 0.1)
    probability.flat[:pixels] = 0.9
    return probability


def updates_until_stop(watch, probabilities):
    for number, probability in enumerate(probabilities, 1):
        if watch.update(probability):
            return number
    return None


def test_three_updates_without_a_change_stop():
    """The first look has nothing to be compared with: four like masks in all."""
    assert updates_until_stop(EarlyStopping(), [mask_of(40)] * 9) == 4


@pytest.mark.parametrize("patience", [1, 2, 5])
def test_as_many_updates_as_asked(patience):
    watch = EarlyStopping(patience=patience)
    assert updates_until_stop(watch, [mask_of(40)] * 9) == patience + 1


def test_one_change_and_the_count_begins_anew():
    like, other = mask_of(40), mask_of(80)
    assert updates_until_stop(EarlyStopping(), [like] * 3 + [other] * 9) == 3 + 4


def test_a_dice_of_exactly_the_bound_is_no_change():
    # Dice of 40 and 60 pixels, nested: 2 * 40 / 100
    frames = [mask_of(40), mask_of(60)] * 4
    assert updates_until_stop(EarlyStopping(min_dice=0.8), frames) == 4
    assert updates_until_stop(EarlyStopping(min_dice=0.801), frames) is None


def test_by_default_a_hundredth_is_no_change_and_a_fortieth_is():
    # 99 and 98 of 100 pixels: Dice 0.995; 99 and 95: 0.979
    assert updates_until_stop(EarlyStopping(), [mask_of(99), mask_of(98)] * 4) == 4
    assert updates_until_stop(EarlyStopping(), [mask_of(99), mask_of(95)] * 4) is None


def test_a_probability_of_a_half_is_foreground():
    frames = [np.full((4, 4), 0.5)] * 5
    assert updates_until_stop(EarlyStopping(), frames) == 4
    assert updates_until_stop(EarlyStopping(), [np.full((4, 4), 0.499)] * 9) is None


@pytest.mark.parametrize(("min_dice", "patience"), [(0, 3), (1.01, 3), (0.9, 0)])
def test_values_that_cannot_be(min_dice, patience):
    with pytest.raises(SettingsError, match=f"got {min_dice} and {patience}"):
        EarlyStopping(min_dice, patience)


def test_a_dice_of_one_may_be_asked_for():
    assert (
        updates_until_stop(EarlyStopping(min_dice=1, patience=1), [mask_of(9)] * 2) == 2
    )
