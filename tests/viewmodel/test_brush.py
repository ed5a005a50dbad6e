"""The tool in hand."""

import pytest

from napari_motionseg.viewmodel.brush import LARGEST, SMALLEST, Brush, brush_place


def test_one_brush_is_in_hand():
    brush = Brush()
    assert not brush.paints(1)
    brush.tool, brush.number = "paint", 2
    assert [brush.paints(n) for n in range(4)] == [False, False, True, False]
    brush.tool = "erase"
    assert not brush.paints(2)


@pytest.mark.parametrize(
    ("size", "expected"), [(0, SMALLEST), (7.4, 7), (10_000, LARGEST)]
)
def test_sizes_stay_within_what_the_dock_offers(size, expected):
    brush, told = Brush(), []
    brush.events.size.connect(told.append)
    brush.resize(size)
    assert brush.size == expected
    assert told == [expected]


def test_the_first_size_suits_the_frames():
    brush = Brush()
    brush.fit(512, 600)
    assert brush.size == 5


def test_the_vessel_comes_first_and_each_class_has_its_place():
    assert [brush_place(n) for n in range(5)] == [1, 0, 2, 3, 4]
    assert [brush_place(brush_place(n)) for n in range(5)] == [0, 1, 2, 3, 4]
