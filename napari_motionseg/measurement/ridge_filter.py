"""Filter a picture for dark lines of several widths (Sato et al. 1998).

The response is the larger eigenvalue of the picture's second derivatives at the scale
sigma, times sigma squared. A wider scale is smoothed from the one before it, and the
derivatives are differences of neighbours, so that a frame takes a fifth of the time of
scikit-image's filter: a click must be answered at once.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, map_coordinates

Frame = NDArray[np.float32]

HALVED_FROM_PX = 2.0  # filters from this width on are computed at half of the size
SMALLEST = 3  # px, side of a picture that has second derivatives
TRUNCATED = 3.0  # standard deviations
# variances that smooth a picture too: differences of neighbours, and the mean of 2 px
OF_DIFFERENCES, OF_HALVING = 1 / 6, 1 / 16


def dark_ridges(frame: Frame, sigmas: Sequence[float]) -> Frame:
    """Return the largest response ``(H, W)`` of the filter over all scales.

    Wide filters see no detail of a pixel, so that half of the resolution serves them
    in a quarter of the time.

    Parameters
    ----------
    frame
        ``(H, W)`` gray values.
    sigmas
        Scales in px: about half of the widths of the lines.
    """
    narrow = [sigma for sigma in sigmas if sigma < HALVED_FROM_PX]
    wide = [sigma / 2 for sigma in sigmas if sigma >= HALVED_FROM_PX]
    ridge = _responses(frame, narrow)
    even = np.pad(frame, [(0, side % 2) for side in frame.shape], mode="edge")
    rows, columns = (side // 2 for side in even.shape)
    half = even.reshape(rows, 2, columns, 2).mean(axis=(1, 3))
    if not wide or min(half.shape) < SMALLEST:
        return ridge
    # the middle of a halved pixel lies between two pixels
    row, column = ((np.arange(side) - 0.5) / 2 for side in frame.shape)
    places = np.meshgrid(row, column, indexing="ij")
    answers = _responses(half, wide, OF_HALVING)
    coarse = map_coordinates(answers, places, order=1, mode="nearest")
    widest: Frame = np.maximum(ridge, coarse)
    return widest


def _responses(frame: Frame, sigmas: Sequence[float], smoothed: float = 0.0) -> Frame:
    """Return the largest response at one resolution; 0 without a scale.

    Parameters
    ----------
    frame
        ``(H, W)`` gray values.
    sigmas
        Scales in px of the frame.
    smoothed
        Variance in px squared by which the frame is smoothed already.
    """
    largest = np.zeros(frame.shape, np.float32)
    smooth, before = frame, smoothed + OF_DIFFERENCES
    for sigma in sorted(sigmas):
        more = math.sqrt(max(sigma**2 - before, 0))
        smooth = gaussian_filter(smooth, more, truncate=TRUNCATED)
        before = sigma**2
        np.maximum(largest, sigma**2 * _larger_eigenvalue(smooth), out=largest)
    return largest


def _larger_eigenvalue(smooth: Frame) -> Frame:
    """Return the larger eigenvalue ``(H, W)`` of the second derivatives."""
    padded = np.pad(smooth, 1, mode="symmetric")
    above, below = padded[:-2], padded[2:]
    middle = padded[1:-1]
    down = above[:, 1:-1] + below[:, 1:-1] - 2 * smooth
    right = middle[:, :-2] + middle[:, 2:] - 2 * smooth
    mixed = (below[:, 2:] - below[:, :-2] - above[:, 2:] + above[:, :-2]) / 4
    apart = (down - right) / 2
    eigenvalue = (down + right) / 2 + np.sqrt(apart**2 + mixed**2)
    return eigenvalue.astype(np.float32)
