"""Sums over the cells of both divisions."""

import numpy as np
from flow_causes import FAILURES, PLACES
from flow_errors import SUMS, cell_sums, spread, total
from synthetic_pairs import chunks


def test_a_cell_adds_up_its_pixels():
    none = np.zeros((1, 3), bool)
    where = dict.fromkeys(PLACES, none) | {
        "thin": np.array([[True, True, False]]),
        "clear": np.array([[False, False, True]]),
    }
    failed = dict.fromkeys(FAILURES, none) | {
        "shape": np.array([[True, False, False]]),
        "none": np.array([[False, True, True]]),
    }
    chosen = np.array([[True, True, False]])
    found = cell_sums(where, failed, chosen, {"dis": np.array([[1.0, 2.0, 4.0]])})
    assert found == {
        "thin shape": {"pixels": 1, "dis": 1},
        "thin none": {"pixels": 1, "dis": 2},
    }


def test_tables_are_added_cell_by_cell():
    row = dict.fromkeys(("pixels", *SUMS), 1.0)
    found = total([{"thin none": row}, {}, {"thin none": row, "far both": row}])
    assert list(found) == ["thin none", "far both"]
    assert set(found["thin none"].values()) == {2.0}


def test_pairs_are_spread_over_all_scenes():
    every = chunks("package", 200, 64)
    found = spread(every, 9)
    assert [chunk.number for chunk in found] == [0, 24, 49]
    assert spread(every, 200) == every
    assert spread(every, 1000) == every
