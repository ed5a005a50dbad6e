"""Compute the profile of a blurred, contrast-filled tube, and its derivatives.

In a tube of circular section with radius r, a ray at distance t from the axis has the
length ``2 sqrt(r^2 - t^2)``. The detector blurs it by a Gaussian of standard deviation
s:

    p(d; r, s) = integral over t from -r to r of 2 sqrt(r^2 - t^2) N(d - t; s)

With Gauss-Chebyshev nodes of the second kind the integral is a short sum that is exact
to rounding while neighbouring nodes lie closer than s.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

LEAST_NODES = 12
NODES_PER_BLUR = 3.2  # nodes over the radius, for each blur that the radius spans


class TubeProfile(NamedTuple):
    """Values and derivatives of profiles, each ``(N, M)``.

    Parameters
    ----------
    value
        Blurred length of the rays within the tube, in the unit of the radius.
    by_distance, by_log_radius, by_log_blur
        Derivatives by the distance, by log r and by log s.
    """

    value: Array
    by_distance: Array
    by_log_radius: Array
    by_log_blur: Array


def tube_profile(distance: Array, radius: Array, blur: float) -> TubeProfile:
    """Return the profile of blurred tubes and its derivatives.

    Parameters
    ----------
    distance
        ``(N, M)`` signed distances from the axis of each of N tubes.
    radius
        ``(N,)`` radii, positive, in the unit of `distance`.
    blur
        Standard deviation of the blur, positive, in the same unit.
    """
    places, weights = _nodes(float(np.max(radius, initial=0.0)) / blur)
    column = radius[:, None]
    value, slope, pull, spread = (np.zeros(distance.shape) for _ in range(4))
    height = 1 / (math.sqrt(2 * math.pi) * blur)
    for place, weight in zip(places, weights, strict=True):
        away = (distance - place * column) / blur
        bell = weight * height * np.exp(-0.5 * away * away)
        value += bell
        tilted = bell * away
        slope -= tilted
        pull += place * tilted
        spread += tilted * away
    area = 2 * column**2
    return TubeProfile(
        value=area * value,
        by_distance=area * slope / blur,
        by_log_radius=area * (2 * value + column * pull / blur),
        by_log_blur=area * (spread - value),
    )


def _nodes(radius_in_blurs: float) -> tuple[Array, Array]:
    """Return nodes in (-1, 1) and weights of the integral of sqrt(1 - x^2)."""
    count = LEAST_NODES + math.ceil(NODES_PER_BLUR * radius_in_blurs)
    angle = np.arange(1, count + 1) * math.pi / (count + 1)
    return np.cos(angle), math.pi / (count + 1) * np.sin(angle) ** 2
