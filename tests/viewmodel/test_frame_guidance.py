"""Clicks and arrows of a frame, and their way into a project and back."""

import json

import pytest

from napari_motionseg.guidance.points import Arrow, Clicks
from napari_motionseg.viewmodel.frame_guidance import (
    FrameGuidance,
    ObjectClicks,
    from_json,
    nearest,
    to_json,
)


def clicked(*positive, negative=(), **more):
    return ObjectClicks(Clicks(positive, negative), **more)


def test_a_point_replaces_one_on_its_pixel_whatever_its_sign():
    one = clicked((5, 6)).with_point((8, 9), False)
    assert one.clicks == Clicks(((5, 6),), ((8, 9),))
    turned = one.with_point((8, 9), True)
    assert turned.clicks == Clicks(((5, 6), (8, 9)))
    assert turned.without((8.4, 9), 1).clicks == Clicks(((5, 6),))
    assert turned.without((20, 20), 5) is turned


def test_a_corrected_proposal_is_the_users_own():
    carried = clicked((5, 6), proposed=True)
    assert not carried.with_point((8, 9), False).proposed
    assert not FrameGuidance(carried).objects
    assert FrameGuidance(carried.with_point((8, 9), True)).objects


def test_proposals_wait_and_become_current_one_by_one():
    first, second = clicked((1, 1), number=2), clicked((9, 9))
    frame = FrameGuidance().proposing([first, second])
    assert frame.current.clicks == first.clicks
    assert frame.current.proposed
    accepted = frame.accepted()
    assert accepted.done == (first,)
    assert accepted.current.clicks == second.clicks
    assert accepted.next_object().current == ObjectClicks()
    busy = FrameGuidance(clicked((4, 4))).proposing([first])
    assert busy.current == clicked((4, 4))
    assert len(busy.waiting) == 1


def test_arrows_are_found_by_their_start():
    frame = FrameGuidance().with_arrow(Arrow(5, 5, 3, 0)).with_arrow(Arrow(9, 9))
    assert frame.with_arrow(Arrow(5, 5, 0, 2)).arrows == (
        Arrow(9, 9), Arrow(5, 5, 0, 2)
    )  # fmt: skip
    assert frame.without_arrow((6, 5), 2).arrows == (Arrow(9, 9),)
    assert nearest((), (1, 1), 5) is None


def test_a_project_gives_back_what_it_got():
    frames = {
        3: FrameGuidance(
            clicked((1.5, 2), negative=((4, 5),), number=2), (clicked((7, 7)),),
            (clicked((9, 9), proposed=True),), (Arrow(1, 2, 3, 4), Arrow(5, 6)),
        ),
        11: FrameGuidance(arrows=(Arrow(1, 2, -3, 4),)),
    }  # fmt: skip
    assert from_json(json.loads(json.dumps(to_json(frames)))) == frames


@pytest.mark.parametrize(
    "values",
    [
        None, [], {"x": {}}, {"1": []}, {"-1": {}}, {"1": {"current": 3}},
        {"1": {"arrows": [[1, 2], "x", [1, 2, 3, float("nan")], None]}},
        {"1": {"current": {"positive": [[1, 1]], "negative": [[1, 1]]}}},
        {"1": {"current": {"positive": [[True, 1], [1e9, 0]], "class": "2"}}},
        {"1": {"done": 5, "waiting": {"a": 1}}},
    ],
)  # fmt: skip
def test_damaged_values_of_a_project_are_left_out(values):
    assert set(from_json(values).values()) <= {FrameGuidance()}
