"""Simulated strokes stay where a person would draw them."""

import numpy as np
import pytest
from scipy import ndimage

from napari_motionseg.errors import LabelError, SettingsError
from napari_motionseg.evaluation.simulated_strokes import (
    StrokeSettings,
    simulated_strokes,
)


@pytest.fixture(scope="module")
def mask():
    tree = np.zeros((90, 110), bool)
    tree[20:26, 10:100] = True
    tree[26:80, 50:55] = True
    return tree


def test_classes_take_turns_and_strokes_stay_inside(mask):
    settings = StrokeSettings(vessel=3, background=4, length=30, radius=1.5, margin=2)
    strokes = simulated_strokes(mask, settings, 0)
    assert [int(s.max()) for s in strokes] == [2, 1, 2, 1, 2, 1, 1]
    away = ndimage.distance_transform_edt(~mask)
    for stroke in strokes:
        painted = stroke > 0
        assert painted.any()
        assert ndimage.label(painted, np.ones((3, 3)))[1] == 1
        if stroke.max() == 2:
            assert mask[painted].all()
        else:
            assert (away[painted] > settings.margin).all()


def test_a_stroke_is_as_long_as_asked_where_there_is_room(mask):
    for length in (20, 40):
        settings = StrokeSettings(vessel=0, background=6, length=length, radius=0)
        sizes = [(s > 0).sum() for s in simulated_strokes(mask, settings, 1)]
        assert max(sizes) <= length
        assert np.mean(sizes) > 0.6 * length


def test_the_seed_decides(mask):
    settings = StrokeSettings()
    same = [np.stack(simulated_strokes(mask, settings, seed)) for seed in (3, 3, 4)]
    np.testing.assert_array_equal(same[0], same[1])
    assert (same[0] != same[2]).any()


def test_what_cannot_be_drawn_is_refused(mask):
    with pytest.raises(LabelError, match="contains vessel"):
        simulated_strokes(np.zeros((9, 9), bool), StrokeSettings(), 0)
    with pytest.raises(LabelError, match="no room"):
        simulated_strokes(np.ones((9, 9), bool), StrokeSettings(), 0)
    with pytest.raises(SettingsError, match="at least one"):
        StrokeSettings(vessel=0, background=0)
    with pytest.raises(SettingsError, match="length must be at least 1"):
        StrokeSettings(length=0)
