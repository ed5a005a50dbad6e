"""Find centrelines: paths of least cost between points that the user has clicked.

A path follows pixels that are dark like a vessel, and pixels with a high probability of
vessel if there is a probability map. It is smoothed and sampled at even steps of true
length, so that pixels need not be square.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_motionseg.errors import MeasurementError
from napari_motionseg.measurement.path_search import PathSearch
from napari_motionseg.measurement.ridge_filter import dark_ridges

Array = NDArray[np.float64]
Point = tuple[float, float]

VESSEL_SIGMAS_PX = (1.0, 1.6, 2.5, 4.0, 6.0)  # coronaries are 2 to 20 px wide
FULL_PERCENTILE = 99.5  # of the ridge filter's response: taken as certain vessel
LEAST_COST = 0.02  # of a sure vessel; the background costs 1
SMOOTHING_PX = 0.5  # how far the smooth line may leave the path of pixels, on average
FEWEST_POINTS = 5  # of a path that a cubic spline can follow


@dataclass(frozen=True, eq=False)
class Centreline:
    """A smooth line along a vessel, sampled at even steps.

    Parameters
    ----------
    points
        ``(N, 2)`` row and column in px, with fractions.
    aspect
        Height of a pixel over its width.
    step
        Distance between neighbouring points in widths of a pixel.
    """

    points: Array
    aspect: float
    step: float

    def __len__(self) -> int:
        return len(self.points)

    @property
    def arc_length(self) -> Array:
        """Return the length ``(N,)`` from the first point, in widths of a pixel."""
        length: Array = np.arange(len(self.points), dtype=np.float64) * self.step
        return length

    @property
    def normals(self) -> Array:
        """Return unit normals ``(N, 2)`` row and column, in widths of a pixel.

        They point to the left of the direction of travel on the screen, where rows
        run down.
        """
        plane = self.points * (self.aspect, 1.0)
        along = np.gradient(plane, axis=0)
        along /= np.maximum(np.linalg.norm(along, axis=1, keepdims=True), 1e-12)
        return np.stack((-along[:, 1], along[:, 0]), axis=1)

    def at(self, offset: Array) -> Array:
        """Return the points ``(N, ..., 2)`` at distances `offset` along the normals.

        Parameters
        ----------
        offset
            ``(N, ...)`` distances from the line in widths of a pixel, positive to the
            left of the direction of travel.
        """
        extra = (1,) * (offset.ndim - 1)
        normals = self.normals.reshape(-1, *extra, 2)
        start = self.points.reshape(-1, *extra, 2)
        place: Array = start + offset[..., None] * normals / (self.aspect, 1.0)
        return place

    def thinned(self, every: int) -> Centreline:
        """Return the line with one of `every` points, which are so far apart."""
        return Centreline(self.points[::every], self.aspect, self.step * every)

    def shifted(self, offset: Array) -> Centreline:
        """Return the line moved by ``(N,)`` widths of a pixel along its normals."""
        return resampled(self.at(offset), self.aspect, self.step, smoothing_px=0.05)


def vessel_cost(
    frame: NDArray[np.floating], probability: NDArray[np.floating] | None = None
) -> Array:
    """Return the cost ``(H, W)`` of a path's pixel, from `LEAST_COST` to 1.

    Parameters
    ----------
    frame
        ``(H, W)`` in [0, 1], vessels dark.
    probability
        ``(H, W)`` probability of vessel in [0, 1]; None to use only the picture. If it
        is given, the geometric mean of both is used, so that a path keeps to the middle
        of a vessel that the network has found.
    """
    ridge = dark_ridges(np.asarray(frame, np.float32), VESSEL_SIGMAS_PX)
    full = np.percentile(ridge, FULL_PERCENTILE)
    vessel = np.clip(ridge / full, 0, 1) if full > 0 else np.zeros(ridge.shape)
    if probability is not None:
        vessel = np.sqrt(vessel * np.clip(probability, 0, 1))
    cost: Array = LEAST_COST**vessel
    return cost


def trace_centreline(
    cost: Array | PathSearch, points: Sequence[Point], aspect: float = 1.0,
    step: float = 0.5,
) -> Centreline:  # fmt: skip
    """Return the centreline of least cost through points, in their order.

    Parameters
    ----------
    cost
        ``(H, W)`` positive cost of each pixel; see `vessel_cost`. A `PathSearch` of
        such a cost is quicker where points are moved one at a time.
    points
        Rows and columns in px of at least two points.
    aspect
        Height of a pixel over its width.
    step
        Distance between the line's points in widths of a pixel.

    Raises
    ------
    MeasurementError
        If there are fewer than two points, one lies outside the picture, or two
        neighbours are too close for a line.
    """
    search = cost if isinstance(cost, PathSearch) else PathSearch(cost)
    path = search.path(_inside(points, search.cost.shape), aspect)
    if len(path) < FEWEST_POINTS:
        raise MeasurementError(
            f"the points {list(map(tuple, points))} are {len(path)} pixels apart; a "
            f"vessel of at least {FEWEST_POINTS} pixels is needed: click farther apart"
        )
    return resampled(np.asarray(path, np.float64), aspect, step)


def resampled(
    points: Array, aspect: float, step: float, smoothing_px: float = SMOOTHING_PX
) -> Centreline:
    """Return a smooth line along points, sampled at even steps.

    Parameters
    ----------
    points
        ``(N, 2)`` row and column in px, in the order of travel.
    aspect
        Height of a pixel over its width.
    step
        Distance between the line's points in widths of a pixel.
    smoothing_px
        Root mean square of the distance in px by which the line may leave the points.
    """
    from scipy.interpolate import splev, splprep

    plane = points * (aspect, 1.0)
    apart = np.linalg.norm(np.diff(plane, axis=0), axis=1)
    plane = plane[np.r_[True, apart > 1e-9]]
    spline, _ = splprep(plane.T, s=len(plane) * smoothing_px**2, k=3)
    fine = np.linspace(0, 1, 8 * len(plane))
    dense = np.stack(splev(fine, spline), axis=1)
    length = np.r_[0, np.linalg.norm(np.diff(dense, axis=0), axis=1).cumsum()]
    count = max(2, int(length[-1] / step) + 1)
    share = np.interp(np.arange(count) * step, length, fine)
    even = np.stack(splev(share, spline), axis=1)
    return Centreline(even / (aspect, 1.0), aspect, step)


def _inside(points: Sequence[Point], shape: tuple[int, ...]) -> list[tuple[int, int]]:
    if len(points) < 2:
        raise MeasurementError(
            f"a centreline needs two points or more; got {len(points)}"
        )
    pixels = []
    for row, column in points:
        if not (0 <= row <= shape[0] - 1 and 0 <= column <= shape[1] - 1):
            raise MeasurementError(
                f"the point ({row:g}, {column:g}) lies outside the picture of "
                f"{shape[0]} rows and {shape[1]} columns"
            )
        pixels.append((round(row), round(column)))
    return pixels
