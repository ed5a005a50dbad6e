"""Lay the courses of segments along paths through space, as a table gives them."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import torch
from scipy.interpolate import CubicSpline
from torch import Tensor
from torch.nn import functional

from napari_motionseg.synthesis.draws import Draws
from napari_motionseg.synthesis.territory import Territory, Triple
from napari_motionseg.synthesis.vessel_courses import (
    even,
    length,
    smoothstep,
    spline,
)
from napari_motionseg.synthesis.vessel_shoots import Shoots

CONTROLS = 26  # control points of a segment with a parent
ROOT_CONTROLS = 64  # of one without, which may be long and winding
DENSE = 400  # points at which a path of the table is interpolated
ONTO_PATH = 0.45  # share of its course at which a segment lies on its path
ONTO_SHIFTS = 2.5  # least way onto its path, divided by its distance at the start
TURN_RADII = (3.0, 6.0)  # radii of its parent over which a segment turns out of it
TURN_NODES = 6.0  # least number of nodes for that
TURN_SHARE = 0.5  # share of its course over which a segment turns that goes straight on


def root_path(
    territory: Territory, row: Tensor, axes: Tensor, nodes: int, draws: Draws
) -> Tensor:
    """Return courses ``(N, nodes, 3)`` of segments without a parent.

    Parameters
    ----------
    territory
        Territory with the table of segments.
    row
        Row ``(N,)`` of the table of each segment.
    axes
        Semi-axes ``(N, 3)`` in px of its organ; negative along x for a mirror image.
    nodes
        Number of points of each course.
    draws
        Source of the random courses.
    """
    return even(spline(_paths(territory, row, axes, ROOT_CONTROLS, draws), nodes))


def branch_path(
    territory: Territory,
    shoots: Shoots,
    row: Tensor,
    axes: Tensor,
    nodes: int,
    draws: Draws,
) -> Tensor:
    """Return courses ``(N, nodes, 3)`` that leave their parents and join their paths.

    Parameters
    ----------
    territory
        Territory with the table of segments.
    shoots
        Beginnings of the segments.
    row, axes, nodes, draws
        Values as for `root_path`.
    """
    points = _paths(territory, row, axes, CONTROLS, draws)
    share = torch.linspace(0, 1, CONTROLS, device=row.device)[:, None]
    shift = shoots.start - points[:, 0]
    # not so soon that a segment, which leaves further along, turns back
    onto = ONTO_SHIFTS * torch.linalg.vector_norm(shift, dim=-1) / length(points)
    away = 1 - smoothstep(share / onto.clamp(min=ONTO_PATH)[:, None, None])
    points = points + away * shift[:, None]
    radii = draws.uniform(len(row), *TURN_RADII) * shoots.parent_radius
    return even(_turned(even(spline(points, nodes)), shoots.ahead, radii))


def _turned(course: Tensor, ahead: Tensor, shortest: Tensor) -> Tensor:
    """Return courses ``(N, K, 3)`` that begin in a given direction.

    Parameters
    ----------
    course
        Evenly spaced courses ``(N, K, 3)`` in px.
    ahead
        Unit vector ``(N, 3)`` along the parent.
    shortest
        Length ``(N,)`` in px over which a course turns that leaves at a right angle.
    """
    own = functional.normalize(course[:, 1] - course[:, 0], dim=-1)
    straight = (own * ahead).sum(dim=-1).clamp(min=0) ** 2
    whole = length(course)
    least = TURN_NODES * whole / course.shape[1]
    turn = torch.minimum(torch.maximum(shortest, least), TURN_SHARE * whole)
    turn = (turn + straight * (TURN_SHARE * whole - turn))[:, None]
    way = whole[:, None] * torch.linspace(0, 1, course.shape[1], device=course.device)
    share = (way / turn).clamp(max=1)
    # its slope is 1 at the start, without curvature, and 0 at the end with its value
    off = turn * share * (1 - share) ** 3 * (1 + 3 * share)
    return course + off[..., None] * (ahead - own)[:, None]


def _paths(
    territory: Territory, row: Tensor, axes: Tensor, count: int, draws: Draws
) -> Tensor:
    """Return points ``(N, count, 3)`` of paths, which differ from the table."""
    table = torch.stack([_even_points(one.course, count) for one in territory.segments])
    size = axes / torch.tensor(territory.semi_axes, device=axes.device)
    points = table.to(row.device)[row] * (territory.px_per_mm * size)[:, None]
    spread = territory.per_row(lambda one: one.spread, row.device)[row]
    spread = (spread * length(points))[:, None, None]
    share = torch.linspace(0, 1, count, device=row.device)[:, None]
    # aslant, bowed and bent to both sides; the beginning stays where it is
    shapes = share, torch.sin(math.pi * share) / 2, torch.sin(2 * math.pi * share) / 4
    for shape in shapes:
        points = points + shape * spread * draws.normal((len(row), 1, 3))
    return points


@cache
def _even_points(course: tuple[Triple, ...], count: int) -> Tensor:
    """Return evenly spaced points ``(count, 3)`` of a smooth curve through points.

    It is the cubic spline over the length of the chords.
    """
    if len(course) < 2:  # not a path
        return torch.zeros(count, 3)
    points = np.array(course, float)
    way = np.r_[0, np.linalg.norm(np.diff(points, axis=0), axis=1).cumsum()]
    dense = CubicSpline(way, points)(np.linspace(0, way[-1], DENSE))
    at = np.r_[0, np.linalg.norm(np.diff(dense, axis=0), axis=1).cumsum()]
    wanted = np.linspace(0, at[-1], count)
    even_ones = [np.interp(wanted, at, dense[:, axis]) for axis in range(3)]
    return torch.tensor(np.stack(even_ones, axis=1), dtype=torch.float32)
