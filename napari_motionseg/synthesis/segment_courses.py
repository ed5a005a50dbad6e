"""Lay the control points of segments: along grooves or paths, over walls, inwards.

A segment begins on its parent and runs along it for a short way. Its course is a smooth
curve of the control points; see `spline`.
"""

from __future__ import annotations

import math
from functools import cache
from typing import get_args

import torch
from torch import Tensor
from torch.nn import functional

from napari_motionseg.synthesis.draws import Draws
from napari_motionseg.synthesis.path_courses import branch_path, root_path
from napari_motionseg.synthesis.territory import Kind, Territory, Triple
from napari_motionseg.synthesis.vessel_courses import (
    even,
    hugging,
    normals,
    on_ellipsoid,
    spline,
)
from napari_motionseg.synthesis.vessel_shoots import Shoots

NODES = 128  # points of a course
CONTROLS = 11  # control points of a course on the surface
PLACE_SPREAD = (
    3.0  # degrees: standard deviation of a whole groove; its places have half
)
TARGET_SPREAD = 6.0  # degrees: standard deviation of the end of a branch on the wall
ALONG_RADII = (1.0, 2.2)  # radii that a branch runs along its parent
AT_END = 1.6  # factor on that at the end of the parent
STRAIGHT_ON = (0.14, 0.26)  # share of the way to the end that a branch goes straight
BULGE = 0.06  # standard deviation of the bulge of a branch, as share of its way
IN_GROOVE = 0.5  # share of its course at which a segment lies in its groove


def root_course(
    territory: Territory, row: Tensor, axes: Tensor, draws: Draws
) -> Tensor:
    """Return courses ``(N, NODES, 3)`` of segments without a parent.

    Parameters
    ----------
    territory
        Territory with the table of segments.
    row
        Row ``(N,)`` of the table of each segment.
    axes
        Semi-axes ``(N, 3)`` in px of its organ; negative along x for a mirror image.
    draws
        Source of the random courses.
    """
    nodes = torch.zeros((len(row), NODES, 3), device=row.device)
    path = _of_kind(territory, "path", row)
    nodes[path] = root_path(territory, row[path], axes[path], NODES, draws)
    nodes[~path] = _at_aorta(territory, row[~path], axes[~path], draws)
    return nodes


def _at_aorta(territory: Territory, row: Tensor, axes: Tensor, draws: Draws) -> Tensor:
    """Return courses ``(N, NODES, 3)`` that begin at the aorta, along grooves."""
    places = _places(territory, row, CONTROLS, draws)
    controls = on_ellipsoid(places, axes[:, None])
    return _on_surface(controls, places[..., 2], axes)


def _of_kind(territory: Territory, kind: Kind, row: Tensor) -> Tensor:
    """Return which rows ``(N,)`` are segments of a kind."""
    found: Tensor = territory.per_row(lambda one: one.kind == kind, row.device)[row]
    return found


def segment_course(
    territory: Territory,
    shoots: Shoots,
    row: Tensor,
    axes: Tensor,
    length: Tensor,
    draws: Draws,
) -> Tensor:
    """Return courses ``(N, NODES, 3)`` of segments that leave their parents.

    Parameters
    ----------
    territory
        Territory with the table of segments.
    shoots
        Beginnings of the segments.
    row, axes
        Values as for `root_course`.
    length
        Length ``(N,)`` in px of septal branches.
    draws
        Source of the random courses.
    """
    along = shoots.parent_radius * draws.uniform(len(shoots), *ALONG_RADII)
    along = torch.where(shoots.at_end, AT_END * along, along)
    begin = shoots.start + along[:, None] * shoots.ahead
    nodes = torch.zeros((len(row), NODES, 3), device=row.device)
    groove, wall, septum, path = (
        _of_kind(territory, kind, row) for kind in get_args(Kind)
    )
    nodes[groove] = _in_groove(
        territory, shoots.at(groove), begin[groove], row[groove], axes[groove], draws
    )
    nodes[wall] = _over_wall(
        territory, shoots.at(wall), begin[wall], row[wall], axes[wall], draws
    )
    nodes[septum] = _into_septum(
        shoots.at(septum), begin[septum], length[septum], draws
    )
    nodes[path] = branch_path(
        territory, shoots.at(path), row[path], axes[path], NODES, draws
    )
    return nodes


def _in_groove(
    territory: Territory,
    shoots: Shoots,
    begin: Tensor,
    row: Tensor,
    axes: Tensor,
    draws: Draws,
) -> Tensor:
    """Return courses that begin where their parent ends, and soon lie in the groove."""
    places = _places(territory, row, CONTROLS - 1, draws)
    points = on_ellipsoid(places, axes[:, None])
    share = torch.linspace(0, 1, CONTROLS - 1, device=row.device)[:, None]
    nearer = (1 - share / IN_GROOVE).clamp(min=0) ** 2
    points = points + nearer * (begin[:, None] - points[:, :1])
    controls = torch.cat((shoots.start[:, None], begin[:, None], points[:, 1:]), dim=1)
    own = _depth(controls[:, :2], axes)
    depth = places[..., 2] + nearer[:, 0] * (own[:, 1:] - places[:, :1, 2])
    return _on_surface(controls, torch.cat((own, depth[:, 1:]), dim=1), axes)


def _over_wall(
    territory: Territory,
    shoots: Shoots,
    begin: Tensor,
    row: Tensor,
    axes: Tensor,
    draws: Draws,
) -> Tensor:
    """Return courses that turn out by the shoots' angles, towards their targets."""
    n = len(shoots)
    places = territory.per_row(
        lambda one: (*one.course, (90.0, 0.0, 1.0))[0], row.device
    )
    ends = places[row]
    ends[:, :2] = torch.deg2rad(ends[:, :2] + TARGET_SPREAD * draws.normal((n, 2)))
    target = on_ellipsoid(ends, axes)
    up = normals(shoots.start, axes)
    out = aside(target - begin, (up, shoots.ahead))
    cos, sin = shoots.angle.cos()[:, None], shoots.angle.sin()[:, None]
    far = torch.linalg.vector_norm(target - begin, dim=-1, keepdim=True)
    leave = begin + draws.uniform((n, 1), *STRAIGHT_ON) * far * (
        cos * shoots.ahead + sin * out
    )
    share = torch.linspace(0, 1, CONTROLS - 2, device=row.device)[:, None]
    bow = torch.linalg.cross(up, functional.normalize(target - leave, dim=-1))
    bulge = (BULGE * draws.normal((n, 1)) * far * bow)[:, None]
    line = leave[:, None] + share * (target - leave)[:, None]
    line = line + torch.sin(math.pi * share) * bulge
    controls = torch.cat((shoots.start[:, None], begin[:, None], line), dim=1)
    own = _depth(controls[:, :2], axes)
    depth = own[:, 1:] + share[:, 0] * (ends[:, 2:] - own[:, 1:])
    return _on_surface(controls, torch.cat((own, depth), dim=1), axes)


def _into_septum(shoots: Shoots, begin: Tensor, length: Tensor, draws: Draws) -> Tensor:
    """Return straight courses across the heart, from one groove towards the other."""
    n = len(shoots)
    across = -torch.sign(shoots.start[:, 1])
    into = torch.stack(
        (0.12 * draws.normal(n), across, 0.25 + 0.15 * draws.normal(n)), dim=1
    )
    into = length[:, None] * functional.normalize(into, dim=-1)
    share = torch.linspace(0.1, 1, CONTROLS - 2, device=length.device)[:, None]
    line = begin[:, None] + share * into[:, None]
    controls = torch.cat((shoots.start[:, None], begin[:, None], line), dim=1)
    return even(spline(controls, NODES))


def aside(vectors: Tensor, axes: tuple[Tensor, ...]) -> Tensor:
    """Return unit vectors ``(N, 3)`` without their parts along unit axes."""
    for axis in axes:
        vectors = vectors - (vectors * axis).sum(dim=-1, keepdim=True) * axis
    return functional.normalize(vectors, dim=-1)


def _depth(points: Tensor, axes: Tensor) -> Tensor:
    depth: Tensor = torch.linalg.vector_norm(points / axes[:, None], dim=-1)
    return depth


def _on_surface(controls: Tensor, depth: Tensor, axes: Tensor) -> Tensor:
    """Return smooth courses whose depths follow those of the control points."""
    return even(hugging(spline(controls, NODES), spline(depth, NODES), axes))


def _places(territory: Territory, row: Tensor, count: int, draws: Draws) -> Tensor:
    """Return places ``(N, count, 3)`` along grooves, with angles in radians."""
    n = len(row)
    table = torch.stack([_even_places(one.course, count) for one in territory.segments])
    places = table.to(row.device)[row]
    # smooth along the groove: aside, aslant and bowed
    share = torch.linspace(0, 1, count, device=row.device)[:, None]
    shapes = torch.ones_like(share), share - 0.5, torch.sin(math.pi * share) - 0.5
    for shape in shapes:
        spread = math.radians(PLACE_SPREAD) * draws.normal((n, 1, 2))
        places[..., :2] += shape * spread
    return places


@cache
def _even_places(course: tuple[Triple, ...], count: int) -> Tensor:
    """Return evenly spaced places ``(count, 3)`` of a course, in radians."""
    if len(course) < 2:  # a branch over the wall or into it
        return torch.zeros(count, 3)
    places = torch.tensor(course, dtype=torch.float32)
    places[:, :2] = torch.deg2rad(places[:, :2])
    points = on_ellipsoid(places, torch.ones(3))
    chords = torch.linalg.vector_norm(points.diff(dim=0), dim=-1)
    way = functional.pad(chords.cumsum(0), (1, 0))
    wanted = torch.linspace(0, float(way[-1]), count)
    after = torch.searchsorted(way, wanted).clamp(1, len(way) - 1)
    part = ((wanted - way[after - 1]) / chords[after - 1])[:, None]
    x, y, z = (points[after - 1] + part * points.diff(dim=0)[after - 1]).unbind(dim=1)
    depth = places[after - 1, 2] + part[:, 0] * places[:, 2].diff()[after - 1]
    return torch.stack(
        (torch.atan2(torch.hypot(x, y), -z), torch.atan2(y, x), depth), 1
    )
