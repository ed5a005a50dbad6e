"""Simulated strokes stay where a person would draw them."""

import numpy as np
import pytest
from scipy import ndimage

from napari_motionseg.errors import LabelError, SettingsError
from napari_motionseg.evaluation.simulated_strokes import (
    StrokeSettings,
    simulated_corrections,
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


def test_corrections_lie_on_the_largest_errors(mask):
    marked = mask.copy()
    marked[20:26, 60:100] = False  # a missed end, and a smaller gap
    marked[60:68, 50:55] = False
    marked[75:82, 5:40] = True  # two false marks
    marked[40:47, 80:95] = True
    settings = StrokeSettings(vessel=1, background=5, length=20, radius=2)
    strokes = simulated_corrections(mask, marked, settings, 0)
    assert [int(s.max()) for s in strokes] == [2, 1, 1]
    missed, false = mask & ~marked, marked & ~mask
    rows, columns = np.nonzero(strokes[0])
    assert missed[strokes[0] > 0].mean() > 0.9
    assert mask[strokes[0] > 0].all()
    assert (rows < 26).all()
    assert (columns > 60).all()
    for stroke, column in ((strokes[1], slice(5, 40)), (strokes[2], slice(80, 95))):
        assert not mask[stroke > 0].any()
        assert (stroke[:, column] > 0).any()
        assert false[stroke > 0].mean() > 0.7


def test_a_class_without_errors_gets_one_usual_stroke(mask):
    strokes = simulated_corrections(mask, mask, StrokeSettings(), 3)
    usual = simulated_strokes(mask, StrokeSettings(), 3)
    assert len(strokes) == 2
    np.testing.assert_array_equal(strokes[0], usual[0])
    np.testing.assert_array_equal(strokes[1], usual[1])
