"""Motions of numbered parts, and the guidance that tells them."""

import pytest
import torch

from napari_motionseg.training.propagation.part_motion import PartMotions


@pytest.fixture
def parts():
    """Three bars; the first two are one group, and a speck that nobody clicks."""
    numbers = torch.zeros(40, 60, dtype=torch.int64)
    numbers[5:10], numbers[15:20], numbers[30:35] = 1, 2, 3
    numbers[37, 3] = 4
    return numbers


def motions(parts, seed=0, flow=None):
    groups = torch.where(parts == 2, 1, parts)
    flow = torch.zeros(2, 40, 60) if flow is None else flow
    return PartMotions(parts, groups, flow, 24.0, torch.Generator().manual_seed(seed))


def test_clicks_move_whole_parts_and_nothing_else(parts):
    kinds = set()
    for seed in range(80):
        flow, guided, _ = motions(parts, seed).clicks()
        moving = flow.abs().sum(dim=0) > 0
        kinds.add(tuple(sorted({int(n) for n in parts[moving].unique()})))
        for number in range(5):
            part = moving[parts == number]
            assert part.all() or not part.any()
        assert (guided & moving).any()
        assert 1 <= guided.sum() <= 40
        assert flow.norm(dim=0).max() < 2 * 24
    # one part, two parts of a group, the background alone, all
    assert {(1,), (2,), (3,), (1, 2), (0,), (0, 1, 2, 3, 4)} <= kinds
    # a part of another group does not move along
    assert (1, 3) not in kinds
    assert (4,) not in kinds


def test_points_without_motion_lie_beside_what_moves(parts):
    some = 0
    for seed in range(40):
        flow, guided, _ = motions(parts, seed).clicks()
        still = guided & (flow.abs().sum(dim=0) == 0)
        some += bool(still.any())
    assert 8 < some < 36


def test_all_parts_move_by_themselves(parts):
    flow, guided, _ = motions(parts, 3).all_parts()
    others = [motions(parts, seed).all_parts().guided for seed in range(4, 9)]
    means = [flow[:, parts == n].mean(dim=1) for n in range(4)]
    apart = [float((means[i] - means[j]).norm()) for i in range(4) for j in range(i)]
    assert sum(a > 0.5 for a in apart) >= 3
    # now and then, neither watershed nor grid finds a place in so small a picture
    assert any(mask.any() for mask in (guided, *others))


def test_the_motion_of_the_scene_keeps_its_direction(parts):
    scene = torch.zeros(2, 40, 60)
    scene[0, 5:10], scene[1, 15:20] = 3, -2
    flow, _, _ = motions(parts, 1, scene).scene()
    factor = flow[0, 7, 7] / 3
    assert 0.5 <= factor <= 2.5
    torch.testing.assert_close(flow, factor * scene)


def test_an_affine_motion_has_its_speed_in_the_middle(parts):
    drawn = motions(parts, 5)
    for _ in range(10):
        flow = drawn.affine(parts == 1, 6.0)
        middle = flow[:, parts == 1].mean(dim=1)
        assert float(middle.norm()) == pytest.approx(6, abs=1e-3)


def test_a_picture_without_parts_moves_as_a_whole_or_as_background():
    empty = torch.zeros(40, 60, dtype=torch.int64)
    flow, guided, _ = motions(empty).clicks()
    assert (flow.abs().sum(dim=0) > 0).all()
    assert guided.any()


def test_points_and_motion_lie_in_the_field_of_view(parts):
    opened = torch.zeros(40, 60, dtype=torch.bool)
    opened[4:12, 20:28] = True
    flow = torch.ones(2, 40, 60)
    for seed in range(30):
        drawn = PartMotions(
            parts, parts, flow, 24.0, torch.Generator().manual_seed(seed), opened
        )
        for one in (drawn.clicks(), drawn.scene(), drawn.all_parts()):
            assert not one.flow[:, ~opened].any()
            assert not one.guided[~opened].any()
            assert one.guided.any()  # without a point, no motion can be predicted
