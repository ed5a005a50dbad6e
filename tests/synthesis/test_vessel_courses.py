"""Splines, even spacing and undulations of courses on an ellipsoid."""

import math

import numpy as np
import pytest
import torch

from napari_motionseg.synthesis.draws import Draws
from napari_motionseg.synthesis.vessel_courses import (
    even,
    hugging,
    length,
    normals,
    on_ellipsoid,
    smoothstep,
    spline,
    tangents,
    undulating,
)

AXES = torch.tensor([[180.0, 150.0, 240.0]])


def draws(seed=0):
    return Draws(torch.Generator().manual_seed(seed), torch.device("cpu"))


def basis(number, degree, knots, at):
    """Return one B-spline by the recursion of Cox and de Boor."""
    if degree == 0:
        last = at == knots[-1] and knots[number] < at <= knots[number + 1]
        return float(knots[number] <= at < knots[number + 1] or last)
    total = 0.0
    for shift, sign in ((0, 1), (1, -1)):
        low, high = knots[number + shift], knots[number + shift + degree]
        if high > low:
            rising = (at - low) / (high - low)
            weight = rising if sign > 0 else 1 - rising
            total += weight * basis(number + shift, degree - 1, knots, at)
    return total


@pytest.mark.parametrize("count", [4, 5, 11])
def test_a_spline_is_that_of_the_recursion(count):
    controls = torch.randn(2, count, 3)
    inner = np.linspace(0, 1, count - 2)
    knots = [0.0] * 3 + list(inner) + [1.0] * 3
    expected = np.zeros((2, 9, 3))
    for k, at in enumerate(np.linspace(0, 1, 9)):
        for i in range(count):
            expected[:, k] += basis(i, 3, knots, at) * controls[:, i].numpy()
    np.testing.assert_allclose(spline(controls, 9), expected, atol=1e-5)


def test_a_spline_begins_at_its_first_point_towards_the_second():
    controls = torch.randn(3, 7, 3)
    nodes = spline(controls, 500)
    torch.testing.assert_close(nodes[:, 0], controls[:, 0])
    torch.testing.assert_close(nodes[:, -1], controls[:, -1])
    ahead = torch.nn.functional.normalize(controls[:, 1] - controls[:, 0], dim=1)
    assert float((tangents(nodes)[:, 0] * ahead).sum(dim=1).min()) > 0.99


def test_even_points_lie_on_the_polyline_at_equal_distances():
    angle = torch.linspace(0, 1, 301) ** 2 * math.pi
    circle = torch.stack((100 * angle.cos(), 100 * angle.sin(), 0 * angle), dim=1)
    nodes = even(circle[None], torch.tensor([0.5]))[0]
    steps = nodes.diff(dim=0).norm(dim=1)
    assert float(steps.max() - steps.min()) < 0.01
    # half of the half circle
    assert float(length(nodes[None])) == pytest.approx(100 * math.pi / 2, rel=1e-3)
    torch.testing.assert_close(
        nodes[-1], torch.tensor([0.0, 100.0, 0.0]), atol=0.2, rtol=0
    )
    assert float((nodes.norm(dim=1) - 100).abs().max()) < 0.1


def test_places_lie_on_the_ellipsoid_at_their_depths():
    places = torch.tensor([[1.2, -2.0, 1.0], [0.4, 1.0, 0.8], [math.pi, 0.0, 1.0]])
    points = on_ellipsoid(places, AXES)
    depth = (points / AXES).norm(dim=1)
    torch.testing.assert_close(depth, places[:, 2])
    # the apex is the end of the long axis
    torch.testing.assert_close(points[2, 2], AXES[0, 2])
    moved = hugging(points[None], torch.full((1, 3), 0.5), AXES)
    torch.testing.assert_close((moved[0] / AXES).norm(dim=1), torch.full((3,), 0.5))


def test_normals_are_those_of_the_level_surfaces():
    point = on_ellipsoid(torch.tensor([1.1, 0.7, 1.0]), AXES[0]).requires_grad_()
    ((point / AXES[0]) ** 2).sum().backward()
    slope = torch.nn.functional.normalize(point.grad, dim=0)
    torch.testing.assert_close(normals(point.detach(), AXES[0]), slope)


def meridian(count=200):
    places = torch.zeros(1, count, 3)
    places[..., 0] = torch.linspace(0.8, 2.6, count)
    places[..., 2] = 1
    return even(on_ellipsoid(places, AXES[:, None]))


def swing(tortuosity, seed=0, radius=2.0, corkscrews=0.0):
    nodes = meridian()
    moved = undulating(
        nodes, normals(nodes, AXES[:, None]), torch.tensor([tortuosity]),
        torch.tensor([radius]), corkscrews, draws(seed),
    )  # fmt: skip
    return nodes, moved


def test_a_course_without_tortuosity_stays():
    nodes, moved = swing(0.0)
    torch.testing.assert_close(nodes, moved)


def test_undulations_begin_at_zero_and_follow_the_tortuosity():
    sizes = []
    for tortuosity in (0.2, 0.8):
        slopes = []
        for seed in range(30):
            nodes, moved = swing(tortuosity, seed)
            away = moved - nodes
            torch.testing.assert_close(away[:, 0], torch.zeros(1, 3))
            # a branch leaves along its parent: the first step keeps its direction
            assert float((tangents(nodes) * tangents(moved)).sum(dim=-1)[0, 0]) > 0.97
            slopes.append(float(away.diff(dim=1)[:, 30:].norm(dim=-1).square().mean()))
        step = float(length(meridian())) / 199
        sizes.append(math.sqrt(np.mean(slopes)) / step)
    # a slope of 0.5 along the surface and 0.15 across, at a tortuosity of 1
    assert sizes[1] == pytest.approx(0.8 * math.hypot(0.5, 0.15), rel=0.25)
    assert sizes[0] == pytest.approx(sizes[1] / 4, rel=0.05)


def test_wide_vessels_swing_in_longer_waves():
    def turns(radius):
        found = []
        for seed in range(30):
            _, moved = swing(0.8, seed, radius)
            cosine = (tangents(moved)[:, 1:] * tangents(moved)[:, :-1]).sum(dim=-1)
            found.append(float(cosine.clamp(-1, 1).arccos().square().mean()))
        return np.mean(found)

    assert turns(10.0) < 0.5 * turns(2.0)


def test_corkscrews_wind_the_ends_of_thin_vessels():
    nodes, wound = swing(0.0, 1, 2.0, corkscrews=1.0)
    away = (wound - nodes).norm(dim=-1)[0]
    assert float(away[:20].max()) < 0.05
    assert float(away[-60:].max()) > 2
    _, wide = swing(0.0, 1, 8.0, corkscrews=1.0)
    torch.testing.assert_close(nodes, wide)


def test_a_smooth_step_rises_from_0_to_1():
    share = torch.tensor([-1.0, 0.0, 0.25, 0.5, 1.0, 2.0])
    assert smoothstep(share).tolist() == [0, 0, 0.15625, 0.5, 1, 1]
