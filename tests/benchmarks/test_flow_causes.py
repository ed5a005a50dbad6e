"""The divisions of the error, on pixels whose cause is known by hand."""

import numpy as np
from exact_pairs import ExactPair
from flow_causes import (
    FAILURES,
    PLACES,
    along_and_across,
    exclusive,
    failures,
    places,
)


def row(*values, dtype=float):
    return np.array([values], dtype)


def pair_of(**fields):
    """A picture of one row of seven pixels; fields that are not given are empty."""
    shape = (1, 7)
    plain = dict.fromkeys(ExactPair.__dataclass_fields__, np.zeros(shape))
    plain |= {name: np.zeros((2, *shape)) for name in ("flow", "back", "along")}
    plain |= {name: np.zeros(shape, bool) for name in ("mask", "later", "gone")}
    return ExactPair(**(plain | fields))


def test_a_pixel_has_the_first_place_that_applies():
    flow = np.zeros((2, 1, 7))
    flow[0] = row(20, 20, 20, 20, 20, 20, 5)
    pair = pair_of(
        flow=flow,
        gone=row(1, 0, 0, 0, 0, 0, 0, dtype=bool),
        crossing=row(9, 2.1, 2, 0, 0, 0, 0),
        beside=row(9, 9, 2.1, 2, 0, 0, 0),
        contrast=row(1, 1, 1, 3.9, 4, 9, 9),
        diameter=row(1, 1, 1, 1, 2.9, 3, 9),
    )
    found = places(pair)
    assert list(found) == list(PLACES)
    np.testing.assert_array_equal(np.concatenate(list(found.values())), np.eye(7))


def test_a_pixel_has_the_first_failure_that_applies():
    truth, layer = np.zeros((2, 1, 5)), np.zeros((2, 1, 5))
    # x is along the vessel; the error of a right layer is at most 2 px
    layer[0] = row(2, 3, 3, 1, 2)
    layer[1] = row(0, 0, 1, 3, 0)
    along = np.stack((np.ones((1, 5)), np.zeros((1, 5))))
    share = row(0.4, 0.4, 0.5, 0.5, 0.6)
    found = failures(share, layer, truth, along)
    assert list(found) == list(FAILURES)
    np.testing.assert_array_equal(np.concatenate(list(found.values())), np.eye(5))


def test_an_error_has_parts_along_and_across():
    error = np.array([3.0, 4.0]).reshape(2, 1, 1)
    along = np.array([0.0, -1.0]).reshape(2, 1, 1)
    lengthwise, sideways = along_and_across(error, along)
    assert (lengthwise.item(), sideways.item()) == (4, 3)


def test_exclusive_parts_do_not_overlap():
    a, b = row(1, 1, 0, dtype=bool), row(0, 1, 1, dtype=bool)
    found = exclusive({"a": a, "b": b})
    np.testing.assert_array_equal(found["a"], a)
    np.testing.assert_array_equal(found["b"], row(0, 0, 1, dtype=bool))
