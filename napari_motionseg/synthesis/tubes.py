"""Drawing tubes: the path length of X-rays through curved cylinders, and their flow."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

Array = NDArray[np.float64]
Index = NDArray[np.intp]

LONGEST_VIEW_ALONG = 3.0  # how much longer a tube seen nearly end on may appear
MARGIN = 1.5  # px around a tube that are drawn, for edges softer than a pixel


@dataclass(frozen=True)
class Tubes:
    """Centrelines in the picture at one time.

    Parameters
    ----------
    centres
        ``(N, 2)`` x, y in px.
    radii
        ``(N,)`` px.
    branch
        ``(N,)`` number of the tube; samples of a tube are neighbours.
    stretch
        ``(N,)`` length in space over length in the picture.
    """

    centres: Array
    radii: Array
    branch: Index
    stretch: Array

    def tangents(self) -> Array:
        """Return unit tangents ``(N, 2)``."""
        ahead = np.empty_like(self.centres)
        ahead[:-1] = self.centres[1:] - self.centres[:-1]
        ahead[-1] = ahead[-2]
        last = np.flatnonzero(np.diff(self.branch, append=self.branch[-1] + 1))
        ahead[last] = ahead[np.maximum(last - 1, 0)]
        length = np.linalg.norm(ahead, axis=1, keepdims=True)
        # a tube seen end on for a sample has no direction there; any will do
        return np.where(length > 1e-6, ahead / np.maximum(length, 1e-6), [1.0, 0.0])


@dataclass(frozen=True)
class Hits:
    """Which sample of which tube each pixel sees; a row for each tube over a pixel.

    Parameters
    ----------
    pixel
        ``(M,)`` flat index of the pixel.
    sample
        ``(M,)`` nearest sample of that tube.
    distance
        ``(M,)`` px from the centreline.
    """

    pixel: Index
    sample: Index
    distance: Array


def draw(tubes: Tubes, shape: tuple[int, int]) -> Hits:
    """Return the pixels within each tube and `MARGIN` around it."""
    rows, columns = shape
    reach = int(np.ceil(tubes.radii.max() + MARGIN)) + 1
    offsets = np.arange(-reach, reach + 1)
    dy, dx = (o.ravel() for o in np.meshgrid(offsets, offsets, indexing="ij"))
    stamp = np.hypot(dy, dx)
    order = np.argsort(stamp)
    dy, dx, stamp = dy[order], dx[order], stamp[order]
    counts = np.searchsorted(stamp, tubes.radii + MARGIN + 1)
    sample = np.repeat(np.arange(len(counts)), counts)
    starts = np.repeat(np.cumsum(counts) - counts, counts)
    place = np.arange(len(sample)) - starts
    nearest = np.round(tubes.centres).astype(np.intp)
    x, y = nearest[sample, 0] + dx[place], nearest[sample, 1] + dy[place]
    inside = (x >= 0) & (x < columns) & (y >= 0) & (y < rows)
    x, y, sample = x[inside], y[inside], sample[inside]
    distance = np.hypot(x - tubes.centres[sample, 0], y - tubes.centres[sample, 1])
    pixel = y * columns + x
    key = tubes.branch[sample] * (rows * columns) + pixel
    order = np.lexsort((distance, key))
    first = np.ones(len(order), bool)
    first[1:] = key[order][1:] != key[order][:-1]
    chosen = order[first]
    chosen = chosen[distance[chosen] <= tubes.radii[sample[chosen]] + MARGIN]
    return Hits(pixel[chosen], sample[chosen], distance[chosen])


def path_length(tubes: Tubes, hits: Hits) -> Array:
    """Return the px that a ray runs inside the tube, for each hit.

    The chord of a circle, averaged over half a pixel to either side, so that thin tubes
    do not flicker, times how obliquely the ray meets the tube.
    """
    radius = tubes.radii[hits.sample]
    shifts = np.array([-0.375, -0.125, 0.125, 0.375])[:, None]
    chords = 2 * np.sqrt(np.maximum(radius**2 - (hits.distance + shifts) ** 2, 0))
    stretch = np.clip(tubes.stretch[hits.sample], 1, LONGEST_VIEW_ALONG)
    length: Array = chords.mean(axis=0) * stretch
    return length


def follow(points: Array, sample: Index, now: Tubes, then: Tubes) -> Array:
    """Return where points ``(M, 2)`` next to samples of `now` are in `then`.

    A point keeps its place along and across the centreline.
    """
    offset = points - now.centres[sample]
    along_now, along_then = now.tangents()[sample], then.tangents()[sample]
    along = (offset * along_now).sum(axis=1, keepdims=True)
    across = (offset * _normal(along_now)).sum(axis=1, keepdims=True)
    moved: Array = (
        then.centres[sample] + along * along_then + across * _normal(along_then)
    )
    return moved


def nearest_samples(tubes: Tubes, points: Array) -> Index:
    """Return the nearest sample ``(M,)`` to each of points ``(M, 2)``."""
    nearest: Index = cKDTree(tubes.centres).query(points)[1].astype(np.intp)
    return nearest


def _normal(tangent: Array) -> Array:
    return np.stack((-tangent[:, 1], tangent[:, 0]), axis=1)
