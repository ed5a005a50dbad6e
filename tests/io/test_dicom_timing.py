"""Frame times: what FrameIncrementPointer names, and what stands in for it."""

import numpy as np
import pytest
from pydicom.tag import Tag


def test_the_pointer_decides_between_vector_and_step(cine_with):
    both = {"FrameTime": 40, "FrameTimeVector": [0, 30, 50, 30]}
    step = cine_with(FrameIncrementPointer=Tag("FrameTime"), **both)
    np.testing.assert_allclose(step.frame_times, [0, 40, 80, 120])
    assert step.timing_basis == "FrameTime"
    vector = cine_with(FrameIncrementPointer=Tag("FrameTimeVector"), **both)
    np.testing.assert_allclose(vector.frame_times, [0, 30, 80, 110])
    assert vector.timing_basis == "FrameTimeVector"


@pytest.mark.parametrize(
    ("attributes", "times", "basis"),
    [
        ({"CineRate": 10}, [0, 100, 200, 300], "CineRate"),
        (
            {"RecommendedDisplayFrameRate": 20, "CineRate": 0},
            [0, 50, 100, 150],
            "RecommendedDisplayFrameRate",
        ),
        ({"FrameTime": 0, "CineRate": 10}, [0, 100, 200, 300], "CineRate"),
        (
            {"FrameTimeVector": [0, 9, 9], "CineRate": 10},
            [0, 100, 200, 300], "CineRate",
        ),
    ],
)  # fmt: skip
def test_fall_backs_of_timing(cine_with, attributes, times, basis):
    cine = cine_with(**attributes)
    np.testing.assert_allclose(cine.frame_times, times)
    assert cine.timing_basis == basis


def test_a_vector_without_the_first_frame(cine_with):
    """The first increment is always 0, so that some writers leave it out."""
    cine = cine_with(FrameTimeVector=[30, 40, 50])
    np.testing.assert_allclose(cine.frame_times, [0, 30, 70, 120])
    assert cine.notes == ("FrameTimeVector lacks the value of the first frame.",)
    assert cine_with(FrameTimeVector=[0, 40, 50]).frame_times is None


def test_times_that_do_not_rise_are_no_times(cine_with):
    cine = cine_with(FrameTimeVector=[0, 10, -10, 10])
    assert cine.frame_times is None
    assert any("do not rise" in note for note in cine.notes)


@pytest.mark.parametrize(
    ("pointer", "attributes", "basis", "noted"),
    [
        (["FrameTime", "ImageType"], {"FrameTime": 40}, "FrameTime", "ImageType"),
        (["ImageType", "FrameTime"], {"FrameTime": 40}, "FrameTime", "ImageType"),
        (
            ["FrameTimeVector", "FrameTime"], {"FrameTime": 40},
            "FrameTime", "FrameTimeVector, which is missing or empty",
        ),
        (
            ["FrameTime", "FrameTimeVector"],
            {"FrameTime": 40, "FrameTimeVector": [0, 30, 50, 30]}, "FrameTime", "",
        ),
        (
            ["FrameTimeVector", "FrameTime"],
            {"FrameTime": 40, "FrameTimeVector": [0, 30, 50, 30]},
            "FrameTimeVector", "",
        ),
        (
            "FrameTimeVector", {"FrameTime": 40, "FrameTimeVector": [0, 30, 50]},
            "FrameTime", "3 values for 4 frames; it was ignored",
        ),
        (
            "FrameTimeVector", {"FrameTimeVector": [0, 30, 50, 30, 30]},
            "FrameTimeVector", "5 values for 4 frames.",
        ),
        (
            "FrameTimeVector", {"FrameTimeVector": [], "CineRate": 25},
            "CineRate", "FrameTimeVector, which is missing or empty",
        ),
        (
            "FrameTimeVector", {"FrameTimeVector": [0, 0, 0, 0], "CineRate": 25},
            "CineRate", "do not rise",
        ),
        ("CineRate", {"CineRate": 25, "FrameTime": 20}, "CineRate", ""),
        (0x00091001, {"FrameTime": 40}, "FrameTime", "an unknown attribute"),
        (0x00181063, {"CineRate": 25}, "CineRate", "missing or empty"),
        ([], {"FrameTime": 40}, "FrameTime", ""),
        ("FrameTime", {"FrameTime": -40, "CineRate": 25}, "CineRate", "-40 ms"),
        ("FrameTime", {"FrameTime": 0, "CineRate": -5}, "unknown", "-5 frames"),
        ("FrameTime", {"ActualFrameDuration": 40}, "ActualFrameDuration", "missing"),
    ],
)  # fmt: skip
def test_the_pointer_and_what_it_points_at(
    cine_with, pointer, attributes, basis, noted
):
    several = pointer if isinstance(pointer, list) else [pointer]
    tags = [Tag(one) for one in several]
    cine = cine_with(FrameIncrementPointer=tags or None, **attributes)
    assert cine.timing_basis == basis
    if basis not in ("unknown", "FrameTimeVector"):
        assert cine.frame_interval == 40
    assert any(noted in note for note in cine.notes) if noted else not cine.notes


def test_a_rate_that_no_angiogram_has_is_noted(cine_with):
    cine = cine_with(FrameTime=0.001)
    assert any("which is not plausible for an angiogram" in note for note in cine.notes)


def test_no_timing_is_said(cine_with):
    cine = cine_with()
    assert (cine.frame_times, cine.timing_basis) == (None, "unknown")
