"""Courses along paths pass the points of the table, and leave parents smoothly."""

import dataclasses

import pytest
import torch

from napari_motionseg.synthesis.draws import Draws
from napari_motionseg.synthesis.path_courses import branch_path, root_path
from napari_motionseg.synthesis.territories import TERRITORIES
from napari_motionseg.synthesis.territory import Segment
from napari_motionseg.synthesis.vessel_courses import length
from napari_motionseg.synthesis.vessel_shoots import Shoots

WAY = ((0, 0, 0), (20, 0, 0), (40, 20, 0), (60, 20, 10))
TERRITORY = dataclasses.replace(
    TERRITORIES["leg"],
    segments=(
        Segment("A", None, WAY, "path", spread=0.0),
        Segment("B", "A", WAY, "path", spread=0.0),
    ),
    semi_axes=(100.0, 100.0, 100.0),
    px_per_mm=2.0,
)
AXES = torch.tensor([[100.0, 100.0, 100.0]])


def draws(seed=0):
    return Draws(torch.Generator().manual_seed(seed), torch.device("cpu"))


def shoot(start, ahead, radius=3.0):
    one = torch.ones(1)
    return Shoots(
        torch.tensor([start]), torch.tensor([ahead]), one, radius * one, 0 * one,
        one, one < 0, one < 0, one.long(), one.long(), one.long(),
    )  # fmt: skip


def test_a_root_passes_the_points_of_the_table():
    course = root_path(TERRITORY, torch.tensor([0]), AXES, 300, draws())
    table = 2.0 * torch.tensor(WAY)
    away = torch.cdist(table, course[0]).min(dim=1).values
    assert float(away.max()) < 1.0
    assert torch.equal(course[0, 0], table[0])
    steps = course.diff(dim=1).norm(dim=-1)
    assert float(steps.max()) < 1.05 * float(steps.min())


def test_a_mirrored_and_larger_organ_has_mirrored_and_larger_courses():
    row = torch.tensor([0])
    one = root_path(TERRITORY, row, AXES, 50, draws())
    factors = torch.tensor([[-1.0, 1.0, 1.0]])
    other = root_path(TERRITORY, row, AXES * factors, 50, draws())
    torch.testing.assert_close(other, one * factors)
    large = root_path(TERRITORY, row, AXES * 1.5, 50, draws())
    torch.testing.assert_close(large, one * 1.5, atol=1e-3, rtol=1e-4)


@pytest.mark.parametrize("ahead", [(0.0, 1.0, 0.0), (0.0, 0.0, -1.0), (-0.6, 0.8, 0.0)])
def test_a_branch_begins_on_its_parent_along_it_and_joins_its_path(ahead):
    begin = (4.0, -6.0, 2.0)
    course = branch_path(
        TERRITORY, shoot(begin, ahead), torch.tensor([1]), AXES, 200, draws()
    )[0]
    torch.testing.assert_close(course[0], torch.tensor(begin))
    first = torch.nn.functional.normalize(course[1] - course[0], dim=0)
    assert float(first @ torch.tensor(ahead)) > 0.9
    torch.testing.assert_close(course[-1], 2.0 * torch.tensor(WAY[-1]).float())


def test_a_branch_that_leaves_further_along_does_not_turn_back():
    ahead = torch.nn.functional.normalize(torch.tensor([1.0, 0.3, 0.0]), dim=0)
    course = branch_path(
        TERRITORY, shoot((60.0, 10.0, 0.0), tuple(ahead.tolist())),
        torch.tensor([1]), AXES, 200, draws(),
    )  # fmt: skip
    assert float(course[0, :, 0].diff().min()) > 0
    assert float(length(course)[0]) > 40


def test_spread_moves_the_end_by_its_share_of_the_length():
    rows = tuple(dataclasses.replace(one, spread=0.1) for one in TERRITORY.segments)
    wide = dataclasses.replace(TERRITORY, segments=rows)
    many = torch.zeros(400, dtype=torch.long)
    courses = root_path(wide, many, AXES.expand(400, 3), 20, draws())
    whole = float(length(root_path(TERRITORY, many[:1], AXES, 300, draws()))[0])
    assert float(courses[:, 0].std(dim=0).max()) < 1e-4
    off = courses[:, -1].std(dim=0)
    torch.testing.assert_close(off, torch.full((3,), 0.1 * whole), rtol=0.12, atol=0)
