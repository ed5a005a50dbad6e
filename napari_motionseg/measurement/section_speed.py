"""Speed of a followed vessel's cross-sections across the picture."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_motionseg.measurement.calibration import Calibration

Array = NDArray[np.float64]


def section_speeds(
    points: Array, frame_times: Array, calibration: Calibration
) -> Array:
    """Return the speed ``(T, N)`` of cross-sections in units of length per second.

    It is the speed in the plane of the picture: motion towards the detector is not
    seen, so that it is a lower limit of the speed in space.

    Parameters
    ----------
    points
        ``(T, N, 2)`` row and column in px of each section; NaN where unknown.
    frame_times
        ``(T,)`` milliseconds from the first frame, rising.
    calibration
        Size of a pixel.

    Notes
    -----
    Speeds are differences over two frames about each frame, and over one at the ends of
    the loop.
    """
    if len(points) < 2:
        return np.full(points.shape[:2], np.nan)
    way = points * calibration.sizes
    apart = np.gradient(way, frame_times / 1000, axis=0)
    speed: Array = np.linalg.norm(apart, axis=2)
    return speed
