"""Clicks become the mask of what follows them."""

import math

import numpy as np
import pytest
from helpers.propagation import KnownObjects

from napari_motionseg.errors import SettingsError
from napari_motionseg.guidance import Clicks, click_mask, click_scores, mask_of_scores


@pytest.fixture
def objects():
    numbers = np.zeros((30, 40), int)
    numbers[:, 8:12] = 1
    numbers[14:17, 12:] = 2
    return numbers


@pytest.fixture
def frame(objects):
    return np.where(objects > 0, 0.3, 0.7).astype(np.float32)


def test_the_clicked_object_is_the_mask(objects, frame):
    known = KnownObjects(objects)
    found = click_mask(known, known.prepare(frame), Clicks(((5, 9),)))
    assert (found.mask == (objects == 1)).all()
    assert found.scores[objects == 1] == pytest.approx(1)
    assert not found.note


def test_several_points_join_objects_and_a_negative_point_keeps_one_out(objects, frame):
    known = KnownObjects(objects)
    prepared = known.prepare(frame)
    both = click_mask(known, prepared, Clicks(((5, 9), (15, 30))))
    assert (both.mask == (objects > 0)).all()
    less = click_mask(known, prepared, Clicks(((5, 9),), ((15, 30),)))
    assert (less.mask == (objects == 1)).all()
    still = [a for a in known.asked[-1][0] if not a.length]
    assert [(a.row, a.column) for a in still] == [(15, 30)]


@pytest.mark.parametrize(("knows_vessels", "count"), [(True, 1), (False, 4)])
def test_a_network_of_the_paper_is_asked_in_four_directions(
    objects, frame, knows_vessels, count
):
    known = KnownObjects(objects)
    known.knows_vessels = knows_vessels
    click_scores(known, known.prepare(frame), Clicks(((24, 9.5),)))
    arrows = [guidance[0] for guidance in known.asked[-1]]
    assert len(arrows) == count
    angles = sorted(math.atan2(a.down, a.right) % (2 * math.pi) for a in arrows)
    np.testing.assert_allclose(np.diff(angles), 2 * math.pi / count)
    assert all(a.length == pytest.approx(10) for a in arrows)


def test_motion_against_the_click_does_not_count(objects, frame):
    known = KnownObjects(objects)
    answer = known.flows

    def contrary(prepared, guidance, **_):
        flows = answer(prepared, guidance)
        flows[:, :, objects == 2] = -flows[:, :, objects == 1][:, :, :1]
        return flows

    known.flows = contrary
    scores = click_scores(known, known.prepare(frame), Clicks(((5, 9),)))
    assert scores[objects == 2] == pytest.approx(0)


def test_the_threshold_needs_no_new_answer(objects, frame):
    known = KnownObjects(objects)
    scores = click_scores(known, known.prepare(frame), Clicks(((5, 9),)))
    scores[objects == 2] = 0.3
    assert (mask_of_scores(scores, 0.5) == (objects == 1)).all()
    assert (mask_of_scores(scores, 0.2) == (objects > 0)).all()
    with pytest.raises(SettingsError, match="between 0 and 1; got 1.0"):
        mask_of_scores(scores, 1.0)


def test_a_click_on_the_background_is_said(objects, frame):
    known = KnownObjects(objects)
    found = click_mask(known, known.prepare(frame), Clicks(((2, 30),)))
    assert "lie on the background" in found.note


def test_an_empty_mask_is_said(objects, frame):
    known = KnownObjects(objects)
    known.flows = lambda prepared, guidance, **_: np.zeros((len(guidance), 2, 30, 40))
    found = click_mask(known, known.prepare(frame), Clicks(((5, 9),)))
    assert not found.mask.any()
    assert "nothing moves with the clicks" in found.note


def test_nothing_outside_the_field_belongs_to_the_object(objects, frame):
    known = KnownObjects(objects)
    field = np.ones(frame.shape, bool)
    field[20:] = False
    found = click_mask(known, known.prepare(frame), Clicks(((5, 9),)), field=field)
    assert (found.mask == ((objects == 1) & field)).all()
    with pytest.raises(SettingsError, match="row 25, column 9 is outside the field"):
        click_mask(known, known.prepare(frame), Clicks(((25, 9),)), field=field)


def test_a_branch_moves_and_is_connected_and_a_tree_is_connected(objects, frame):
    known = KnownObjects(objects)
    known.connected = lambda prepared, arrows: np.where(objects > 0, 0.8, 0)
    prepared, clicks = known.prepare(frame), Clicks(((5, 9),))
    branch = click_scores(known, prepared, clicks)
    tree = click_scores(known, prepared, clicks, extent="tree")
    for number, own, all_ in ((0, 0, 0), (1, 0.8, 0.8), (2, 0, 0.8)):
        assert branch[objects == number] == pytest.approx(own)
        assert tree[objects == number] == pytest.approx(all_, abs=0.05)
    known.knows_vessels = False
    moved = click_scores(known, prepared, clicks)
    assert moved[objects == 1] == pytest.approx(1)
    with pytest.raises(SettingsError, match="did you mean 'branch'"):
        click_scores(known, prepared, clicks, extent="branches")


def test_all_vessels_are_corrected_by_clicks_of_both_kinds(objects, frame):
    known = KnownObjects(objects)
    known.vessels = lambda prepared: np.array([0.02, 0.8, 0.2])[objects]
    prepared = known.prepare(frame)
    exchanged = Clicks(((15, 30),), ((24, 9),))
    found = click_mask(known, prepared, exchanged, extent="vessels")
    assert found.mask[15, 28:33].all()
    assert not found.mask[objects == 0].any()
    assert not found.mask[22:27, 8:12].any()
    only = click_mask(known, prepared, Clicks((), ((24, 9),)), extent="vessels")
    assert not only.mask[22:27, 8:12].any()
    assert len(known.asked) == 2  # what moves with a point is asked for once
    with pytest.raises(SettingsError, match="at least one point is needed"):
        click_mask(known, prepared, Clicks(()), extent="vessels")
    with pytest.raises(SettingsError, match="at least one positive point"):
        click_mask(known, prepared, Clicks((), ((24, 9),)), extent="tree")


def test_points_without_motion_stay_points_without_motion(objects, frame):
    known = KnownObjects(objects)
    seen = []
    known.connected = lambda prepared, arrows: (
        seen.extend(arrows) or np.ones(objects.shape, np.float32)
    )
    click_scores(known, known.prepare(frame), Clicks(((5, 9),), ((15, 30),)))
    assert [(a.row, a.length > 0) for a in seen] == [(5, True), (15, False)]


def test_parts_that_no_click_touches_are_left_out():
    scores = np.zeros((30, 40), np.float32)
    scores[5:8, 2:12] = scores[20:23, 2:12] = scores[5:8, 30:35] = 0.8
    mask = mask_of_scores(scores, 0.5, ((6, 3), (19, 13)))
    assert mask[6, 11]
    assert mask[21, 5]  # the click was 2 px beside it
    assert not mask[6, 32]
    assert mask_of_scores(scores, 0.5)[6, 32]
    assert not mask_of_scores(scores, 0.5, ((0, 20),)).any()
