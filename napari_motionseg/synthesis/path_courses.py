"""Lay the courses of segments along paths through space, as a table gives them."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import torch
from scipy.interpolate import CubicSpline
from torch import Tensor

from napari_motionseg.synthesis.draws import Draws
from napari_motionseg.synthesis.territory import Territory, Triple
from napari_motionseg.synthesis.vessel_courses import even, length, spline
from napari_motionseg.synthesis.vessel_shoots import Shoots

CONTROLS = 26  # control points of a course
DENSE = 400  # points at which a path of the table is interpolated
ONTO_PATH = 0.45  # share of its course at which a segment lies on its path
ALONG_RADII = (0.5, 1.2)  # radii that a segment runs along its parent


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
    return even(spline(_paths(territory, row, axes, draws), nodes))


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
    points = _paths(territory, row, axes, draws)
    share = torch.linspace(0, 1, CONTROLS, device=row.device)[:, None]
    away = (1 - share / ONTO_PATH).clamp(min=0)
    away = away * away * (3 - 2 * away)
    along = shoots.parent_radius * draws.uniform(len(row), *ALONG_RADII)
    # at most to the next control point, so that a short segment does not turn back
    step = length(points) / (CONTROLS - 1)
    begin = shoots.start + torch.minimum(along, step)[:, None] * shoots.ahead
    points = points + away * (shoots.start[:, None] - points[:, :1])
    controls = torch.cat((shoots.start[:, None], begin[:, None], points[:, 1:]), dim=1)
    return even(spline(controls, nodes))


def _paths(territory: Territory, row: Tensor, axes: Tensor, draws: Draws) -> Tensor:
    """Return points ``(N, CONTROLS, 3)`` of paths, which differ from the table."""
    table = torch.stack([_even_points(one.course) for one in territory.segments])
    mm = axes / torch.tensor(territory.semi_axes, device=axes.device)
    points = table.to(row.device)[row] * (territory.px_per_mm * mm)[:, None]
    spread = territory.per_row(lambda one: one.spread, row.device)[row]
    spread = (spread * length(points))[:, None, None]
    share = torch.linspace(0, 1, CONTROLS, device=row.device)[:, None]
    # aslant, bowed and bent to both sides; the beginning stays where it is
    shapes = share, torch.sin(math.pi * share) / 2, torch.sin(2 * math.pi * share) / 4
    for shape in shapes:
        points = points + shape * spread * draws.normal((len(row), 1, 3))
    return points


@cache
def _even_points(course: tuple[Triple, ...]) -> Tensor:
    """Return evenly spaced points ``(CONTROLS, 3)`` of a smooth curve through points.

    It is the cubic spline over the length of the chords.
    """
    if len(course) < 2:  # not a path
        return torch.zeros(CONTROLS, 3)
    points = np.array(course, float)
    way = np.r_[0, np.linalg.norm(np.diff(points, axis=0), axis=1).cumsum()]
    dense = CubicSpline(way, points)(np.linspace(0, way[-1], DENSE))
    at = np.r_[0, np.linalg.norm(np.diff(dense, axis=0), axis=1).cumsum()]
    wanted = np.linspace(0, at[-1], CONTROLS)
    even_ones = [np.interp(wanted, at, dense[:, axis]) for axis in range(3)]
    return torch.tensor(np.stack(even_ones, axis=1), dtype=torch.float32)
