"""Cells do not overlap, and a point of the sheet is found again."""

import itertools

import pytest

from napari_motionseg.motion import Sheet

SIZE = (45, 70)


@pytest.mark.parametrize("flows", [1, 2])
@pytest.mark.parametrize("pictures", range(5))
def test_cells_lie_apart_and_points_are_found(flows, pictures):
    sheet = Sheet(SIZE, flows, pictures)
    cells = list(itertools.product(range(pictures + 1), range(flows)))
    assert len(cells) == sheet.cells
    corners = {cell: sheet.corner(*cell) for cell in cells}
    assert corners[0, 0] == (0, 0)
    for a, b in itertools.combinations(corners.values(), 2):
        assert abs(a[0] - b[0]) > SIZE[0] or abs(a[1] - b[1]) > SIZE[1]
    for (_, flow), (top, left) in corners.items():
        for row, column in ((0, 0), (44, 69), (3, 41)):
            found = sheet.cell_at(top + row, left + column)
            assert found == (flow, row, column)
        assert sheet.cell_at(top - 1, left) is None
        assert sheet.cell_at(top, left + SIZE[1]) is None


@pytest.mark.parametrize("pictures", range(5))
def test_two_flows_stand_side_by_side_at_one_distance(pictures):
    sheet = Sheet(SIZE, 2, pictures)
    for block in range(pictures + 1):
        (top, left), (other_top, other_left) = (
            sheet.corner(block, flow) for flow in (0, 1)
        )
        assert top == other_top
        assert other_left - left == sheet.shift


def test_the_sheet_is_nearly_square():
    rows = {}
    for flows, pictures in itertools.product((1, 2), range(5)):
        sheet = Sheet(SIZE, flows, pictures)
        blocks = pictures + 1
        rows[flows, pictures] = (
            -(-blocks // sheet.blocks_a_row), flows * min(blocks, sheet.blocks_a_row)
        )  # fmt: skip
    assert rows == {
        (1, 0): (1, 1), (1, 1): (1, 2), (1, 2): (2, 2), (1, 3): (2, 2), (1, 4): (2, 3),
        (2, 0): (1, 2), (2, 1): (2, 2), (2, 2): (2, 4), (2, 3): (2, 4), (2, 4): (3, 4),
    }  # fmt: skip
