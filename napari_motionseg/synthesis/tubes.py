"""Draw tubes: the path of X-rays through them, which is in front, where it moves.

The projection of a tube of radius r is the sum of discs of radius r, one for each step
of its centreline, weighted by the length of the step. Along a straight line the discs
add up to the chord 2 sqrt(r^2 - d^2) at distance d. Crossings, bends and tubes seen end
on therefore need no special case, and only pixels under a tube are visited.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

EDGE_PX = (
    # half the width in px over which a disc fades, so that thin tubes do not flicker
    0.5
)
LEAST_VISIBLE_PX = 0.6  # least radius of a thin vessel in a mask


@dataclass(frozen=True)
class Tubes:
    """Samples of centrelines of many scenes, in the picture at one time.

    Parameters
    ----------
    centres
        Positions ``(N, 2)``, x and y in px.
    radii
        Radius ``(N,)`` in px.
    step
        Length ``(N,)`` of centreline in space, in px, that a sample stands for.
    scene, branch
        Index ``(N,)`` of scene and branch; samples of a branch are consecutive.
    """

    centres: Tensor
    radii: Tensor
    step: Tensor
    scene: Tensor
    branch: Tensor

    def tangents(self) -> Tensor:
        """Return unit tangent vectors ``(N, 2)``."""
        centres, last = self.centres, self.branch.diff() != 0
        ahead = centres.diff(dim=0)
        behind = torch.cat((ahead[:1], ahead[:-1]))
        # the last sample of a branch uses the previous one
        ahead = torch.where(last[:, None], behind, ahead)
        ahead = torch.cat((ahead, ahead[-1:]))
        length = torch.linalg.vector_norm(ahead, dim=1, keepdim=True)
        right = torch.tensor([1.0, 0.0], device=centres.device)
        # a tube that is seen end on has no direction in the picture; any will do
        return torch.where(length > 1e-6, ahead / length.clamp(min=1e-6), right)


@dataclass(frozen=True)
class Hits:
    """Pixels near samples, one row for each pair of a sample and a pixel.

    Parameters
    ----------
    pixel
        Flat index ``(M,)`` into ``(B, H, W)``.
    sample
        Index ``(M,)`` of the sample.
    distance
        Distance ``(M,)`` of the pixel from the sample, in px.
    """

    pixel: Tensor
    sample: Tensor
    distance: Tensor


def draw(tubes: Tubes, shape: tuple[int, int]) -> Hits:
    """Return the pixels within the disc of each sample and its soft edge."""
    rows, columns = shape
    reach = int(tubes.radii.max().ceil()) + 2 if len(tubes.radii) else 2
    axis = torch.arange(-reach, reach + 1, device=tubes.radii.device)
    dy, dx = (o.reshape(-1) for o in torch.meshgrid(axis, axis, indexing="ij"))
    far, order = torch.hypot(dy.float(), dx.float()).sort()
    dy, dx = dy[order], dx[order]
    # a sample lies up to 0.71 px from the centre of its pixel
    counts = torch.searchsorted(far, tubes.radii + EDGE_PX + 0.71)
    sample = torch.repeat_interleave(counts)
    place = torch.arange(len(sample), device=sample.device)
    place = place - (counts.cumsum(0) - counts)[sample]
    nearest = tubes.centres.round().long()
    x = nearest[sample, 0] + dx[place]
    y = nearest[sample, 1] + dy[place]
    inside = (x >= 0) & (x < columns) & (y >= 0) & (y < rows)
    x, y, sample = x[inside], y[inside], sample[inside]
    centre = tubes.centres[sample]
    distance = torch.hypot(x - centre[:, 0], y - centre[:, 1])
    pixel = (tubes.scene[sample] * rows + y) * columns + x
    return Hits(pixel, sample, distance)


def add_absorbance(
    picture: Tensor, tubes: Tubes, hits: Hits, absorbance: Tensor
) -> None:
    """Add the absorbance ``(N,)`` per px of path of tubes to ``(B, H, W)``."""
    radius = tubes.radii[hits.sample]
    cover = ((radius - hits.distance) / (2 * EDGE_PX) + 0.5).clamp(0, 1)
    # a disc narrower than its soft edge would weigh too much
    narrow = (radius / EDGE_PX).clamp(max=1) ** 2
    weight = (tubes.step * absorbance)[hits.sample] * cover * narrow
    picture.view(-1).index_add_(0, hits.pixel, weight)


def front(
    tubes: Tubes, hits: Hits, density: Tensor, size: int
) -> tuple[Tensor, Tensor]:
    """Return the sample that each pixel shows: the strongest within its radius.

    Parameters
    ----------
    tubes, hits
        The samples, and their pixels as `draw` returns them.
    density
        Density ``(N,)`` of each sample; 0 excludes it.
    size
        Number of pixels of all pictures together.

    Returns
    -------
    tuple[Tensor, Tensor]
        Index ``(size,)`` of the sample, -1 for none, and its chord times density.
    """
    radius = tubes.radii[hits.sample].clamp(min=LEAST_VISIBLE_PX)
    inside = (hits.distance <= radius) & (density[hits.sample] > 0)
    pixel, sample = hits.pixel[inside], hits.sample[inside]
    square = radius[inside] ** 2 - hits.distance[inside] ** 2
    key = density[sample] * (square.clamp(min=0).sqrt() + 1e-3)
    best = torch.zeros(size, device=key.device)
    best.scatter_reduce_(0, pixel, key, "amax")
    won = key == best[pixel]
    seen = torch.full((size,), -1, dtype=torch.long, device=key.device)
    # among equal samples the first is taken, which is the same on every device
    seen.scatter_reduce_(0, pixel[won], sample[won], "amax")
    return seen, best


def follow(points: Tensor, sample: Tensor, now: Tubes, then: Tubes) -> Tensor:
    """Return the positions in `then` of points ``(M, 2)`` next to samples of `now`.

    A point keeps its coordinates along and across the centreline.
    """
    offset = points - now.centres[sample]
    along_now, along_then = now.tangents()[sample], then.tangents()[sample]
    along = (offset * along_now).sum(dim=1, keepdim=True)
    across = (offset * _normal(along_now)).sum(dim=1, keepdim=True)
    moved = along * along_then + across * _normal(along_then)
    return then.centres[sample] + moved


def _normal(tangent: Tensor) -> Tensor:
    return torch.stack((-tangent[:, 1], tangent[:, 0]), dim=1)
