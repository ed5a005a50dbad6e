"""Cells do not overlap, and a point of each cell is found again."""

import itertools

import pytest

from napari_motionseg.viewmodel.cells import CellHit, CheckpointCells, FlowCells

SIZE = (45, 70)


@pytest.mark.parametrize("kind", [FlowCells, CheckpointCells])
@pytest.mark.parametrize("members", [1, 2])
@pytest.mark.parametrize("pictures", range(5))
@pytest.mark.parametrize("size", [SIZE, (3, 5)])
def test_cells_lie_apart_and_points_are_found(kind, members, pictures, size):
    grid = kind(size, members, pictures)
    cells = list(itertools.product(range(pictures + 1), range(members)))
    assert len(cells) == grid.cells
    corners = {cell: grid.corner(*cell) for cell in cells}
    assert corners[0, 0] == (0, 0)
    for a, b in itertools.combinations(corners.values(), 2):
        assert abs(a[0] - b[0]) > size[0] or abs(a[1] - b[1]) > size[1]
    for (block, member), (top, left) in corners.items():
        for row, column in ((0, 0), (size[0] - 1, size[1] - 1), (2, 3)):
            found = grid.cell_at(top + row, left + column)
            assert found == CellHit(block, member, (row, column))
        assert grid.cell_at(top - 1, left) is None
        assert grid.cell_at(top, left - 1) is None
        assert grid.cell_at(top + size[0], left) is None
        assert grid.cell_at(top, left + size[1]) is None


@pytest.mark.parametrize("pictures", range(5))
def test_two_flows_stand_side_by_side_at_one_distance(pictures):
    grid = FlowCells(SIZE, 2, pictures)
    for block in range(pictures + 1):
        (top, left), (other_top, other_left) = (
            grid.corner(block, flow) for flow in (0, 1)
        )
        assert top == other_top
        assert other_left - left == grid.column_step


def test_views_of_flow_make_a_near_square():
    rows = {}
    for flows, pictures in itertools.product((1, 2), range(5)):
        grid = FlowCells(SIZE, flows, pictures)
        blocks = pictures + 1
        rows[flows, pictures] = (
            -(-blocks // grid.blocks_per_row), flows * min(blocks, grid.blocks_per_row)
        )  # fmt: skip
    assert rows == {
        (1, 0): (1, 1), (1, 1): (1, 2), (1, 2): (2, 2), (1, 3): (2, 2), (1, 4): (2, 3),
        (2, 0): (1, 2), (2, 1): (2, 2), (2, 2): (2, 4), (2, 3): (2, 4), (2, 4): (3, 4),
    }  # fmt: skip


def test_two_flows_have_room_for_two_lines_of_caption():
    one, two = (FlowCells((96, 120), flows, 3) for flows in (1, 2))
    assert [one.corner(block) for block in range(4)] == [
        (0, 0), (0, 125), (108, 0), (108, 125),
    ]  # fmt: skip
    assert [two.corner(block, 1) for block in range(4)] == [
        (0, 125), (0, 375), (120, 125), (120, 375),
    ]  # fmt: skip


def test_cells_of_one_checkpoint_make_a_near_square():
    grid = CheckpointCells((90, 120), 1, 5)
    corners = [grid.corner(block) for block in range(6)]
    assert corners == [(0, 0), (0, 125), (0, 250), (108, 0), (108, 125), (108, 250)]
    assert grid.cells == 6


def test_two_checkpoints_have_a_row_each():
    grid = CheckpointCells((90, 120), 2, 5)
    assert [grid.corner(block, 1) for block in (0, 5)] == [(120, 0), (120, 625)]
