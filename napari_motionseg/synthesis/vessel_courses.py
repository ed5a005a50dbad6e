"""Shape the courses of vessels over an ellipsoid: smooth curves that undulate."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
import torch
from scipy.interpolate import BSpline
from torch import Tensor
from torch.nn import functional

from napari_motionseg.synthesis.draws import Draws

WAVES = 5  # number of waves that form an undulation
SHORTEST_WAVE_PX = 34.0
SHORTEST_WAVE_RADII = 11.0  # a vessel can't turn within a few of its radii
LONGEST_WAVE_PX = 260.0
SLOPE = 0.5  # slope of an undulation, as root mean square, at a tortuosity of 1
# length over which an undulation rises to its full height at the start of a branch
BEGIN_RADII, BEGIN_PX = 6.0, 40.0
INTO_WALL = 0.3  # undulation across the surface divided by that along it
# a corkscrew: px for each radian of its wave, in units of the radius; its slope; and
# the radius in px above which vessels have none
CORKSCREW_RADII = (2.5, 4.0)
CORKSCREW_SLOPE = (0.5, 1.2)
CORKSCREW_LARGEST_PX = 5.0


def on_ellipsoid(places: Tensor, axes: Tensor) -> Tensor:
    """Return points ``(..., 3)`` on or in ellipsoids.

    Parameters
    ----------
    places
        Polar angle and azimuth in radians, and depth: ``(..., 3)``.
    axes
        Semi-axes ``(..., 3)`` in px.
    """
    polar, azimuth, depth = places.unbind(dim=-1)
    unit = torch.stack(
        (polar.sin() * azimuth.cos(), polar.sin() * azimuth.sin(), -polar.cos()), dim=-1
    )
    return axes * unit * depth[..., None]


def normals(points: Tensor, axes: Tensor) -> Tensor:
    """Return outward unit normals ``(..., 3)`` of the ellipsoids through points."""
    return functional.normalize(points / axes**2, dim=-1)


def tangents(nodes: Tensor) -> Tensor:
    """Return unit tangents ``(N, K, 3)`` of polylines ``(N, K, 3)``."""
    ahead = nodes.diff(dim=1)
    middle = ahead[:, 1:] + ahead[:, :-1]
    whole = torch.cat((ahead[:, :1], middle, ahead[:, -1:]), dim=1)
    return functional.normalize(whole, dim=-1)


@lru_cache(maxsize=32)
def _basis(controls: int, nodes: int) -> np.ndarray:  # type: ignore[type-arg]
    inner = np.linspace(0, 1, controls - 2)
    knots = np.concatenate(([0.0] * 3, inner, [1.0] * 3))
    at = np.linspace(0, 1, nodes)
    dense: np.ndarray = BSpline.design_matrix(at, knots, 3).toarray()  # type: ignore[type-arg]
    return dense.astype(np.float32)


def spline(controls: Tensor, nodes: int) -> Tensor:
    """Return points ``(N, nodes, ...)`` of clamped cubic B-splines.

    A curve begins at its first control point, in the direction of the second one, and
    its curvature is continuous.

    Parameters
    ----------
    controls
        Control points ``(N, C)`` or ``(N, C, 3)``, at least 4 for each curve.
    nodes
        Number of points of each curve.
    """
    basis = torch.from_numpy(_basis(controls.shape[1], nodes)).to(controls.device)
    return torch.einsum("kc,nc...->nk...", basis, controls)


def even(nodes: Tensor, reach: Tensor | None = None) -> Tensor:
    """Return polylines ``(N, K, 3)`` whose points are evenly spaced along them.

    Parameters
    ----------
    nodes
        Polylines ``(N, K, 3)``.
    reach
        Share ``(N,)`` of each polyline to keep; None keeps all.
    """
    chords = torch.linalg.vector_norm(nodes.diff(dim=1), dim=-1)
    way = functional.pad(chords.cumsum(dim=1), (1, 0))
    end = way[:, -1:] if reach is None else way[:, -1:] * reach[:, None].clamp(max=1)
    count = nodes.shape[1]
    wanted = end * torch.linspace(0, 1, count, device=nodes.device)
    after = torch.searchsorted(way, wanted).clamp(1, count - 1)
    low, high = way.gather(1, after - 1), way.gather(1, after)
    part = ((wanted - low) / (high - low).clamp(min=1e-6))[..., None]
    index = after[..., None].expand(-1, -1, 3)
    first, second = nodes.gather(1, index - 1), nodes.gather(1, index)
    return first + part * (second - first)


def hugging(nodes: Tensor, depth: Tensor, axes: Tensor) -> Tensor:
    """Move points ``(N, K, 3)`` along their radius to depths ``(N, K)``."""
    own = torch.linalg.vector_norm(nodes / axes[:, None], dim=-1)
    moved: Tensor = nodes * (depth / own.clamp(min=1e-3))[..., None]
    return moved


def within(nodes: Tensor, axes: Tensor) -> Tensor:
    """Return polylines ``(N, K, 3)`` that do not leave their ellipsoids.

    Points outside are moved to the surface. A polyline that begins outside comes no
    further out.

    Parameters
    ----------
    nodes
        Polylines ``(N, K, 3)``.
    axes
        Semi-axes ``(N, 3)`` of the ellipsoids in px.
    """
    own = torch.linalg.vector_norm(nodes / axes[:, None], dim=-1)
    return hugging(nodes, torch.minimum(own, own[:, :1].clamp(min=1)), axes)


def length(nodes: Tensor) -> Tensor:
    """Return the length ``(N,)`` of polylines ``(N, K, 3)``."""
    whole: Tensor = torch.linalg.vector_norm(nodes.diff(dim=1), dim=-1).sum(dim=1)
    return whole


def smoothstep(share: Tensor) -> Tensor:
    """Return a smooth rise from 0 at 0 to 1 at 1."""
    share = share.clamp(0, 1)
    risen: Tensor = share * share * (3 - 2 * share)
    return risen


def undulating(
    nodes: Tensor,
    up: Tensor,
    tortuosity: Tensor,
    radius: Tensor,
    corkscrews: float,
    draws: Draws,
) -> Tensor:
    """Return courses ``(N, K, 3)`` that swing to both sides of given ones.

    The swing is limited to a band of wavelengths, and is 0 at the start, so that a
    branch leaves its parent along the parent.

    Parameters
    ----------
    nodes
        Evenly spaced courses ``(N, K, 3)`` in px.
    up
        Unit normals ``(N, K, 3)`` of the surface along which they mostly swing.
    tortuosity
        Tortuosity ``(N,)``: 0 leaves the courses as they are.
    radius
        Radius ``(N,)`` in px of the vessels.
    corkscrews
        Share of the thin vessels that wind in short waves towards their end.
    draws
        Source of the random waves.
    """
    count = nodes.shape[1]
    whole = length(nodes)[:, None]
    way = whole * torch.linspace(0, 1, count, device=nodes.device)
    begun = smoothstep(way / (BEGIN_RADII * radius[:, None]).clamp(min=BEGIN_PX))
    side = functional.normalize(torch.linalg.cross(up, tangents(nodes)), dim=-1)
    along = _swing(way, radius, tortuosity, draws) * begun
    along = along + _corkscrew(way, radius, corkscrews, draws)
    across = _swing(way, radius, INTO_WALL * tortuosity, draws) * begun
    return nodes + along[..., None] * side + across[..., None] * up


def _swing(way: Tensor, radius: Tensor, tortuosity: Tensor, draws: Draws) -> Tensor:
    """Return the sum ``(N, K)`` of waves of equal slopes and random lengths."""
    n = len(way)
    shortest = (SHORTEST_WAVE_RADII * radius).clamp(min=SHORTEST_WAVE_PX)[:, None]
    share = draws.uniform((n, WAVES), 0, 1)
    wave = shortest * (LONGEST_WAVE_PX / shortest).clamp(min=1.2) ** share
    phase = draws.uniform((n, WAVES), 0, 2 * math.pi)
    steep = (
        SLOPE * tortuosity[:, None] * draws.normal((n, WAVES)) * math.sqrt(2 / WAVES)
    )
    wave = wave / (2 * math.pi)
    swings = (steep * wave)[..., None] * torch.sin(
        way[:, None] / wave[..., None] + phase[..., None]
    )
    return swings.sum(dim=1)


def _corkscrew(way: Tensor, radius: Tensor, share: float, draws: Draws) -> Tensor:
    """Return short waves ``(N, K)`` that grow towards the end of some thin vessels."""
    shape = (len(way), 1)
    there = draws.happens(shape, share) & (radius[:, None] < CORKSCREW_LARGEST_PX)
    wave = radius[:, None].clamp(min=1.2) * draws.uniform(shape, *CORKSCREW_RADII)
    height = wave * draws.uniform(shape, *CORKSCREW_SLOPE) * there
    phase = draws.uniform(shape, 0, 2 * math.pi)
    begin = draws.uniform(shape, 0.1, 0.7)
    grown = smoothstep((way / way[:, -1:].clamp(min=1) - begin) / 0.3)
    return height * grown * torch.sin(way / wave + phase)
