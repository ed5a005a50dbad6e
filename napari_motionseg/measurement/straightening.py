"""Straighten a vessel: sample a picture across its centreline."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_motionseg.measurement.centreline import Centreline

Array = NDArray[np.float64]

SPLINE_REACH = 12  # px


@dataclass(frozen=True, eq=False)
class StraightVessel:
    """A picture sampled on cross-sections of a centreline.

    Parameters
    ----------
    values
        ``(N, M)`` gray values; row n lies across point n of the line.
    offsets
        ``(M,)`` distances from the line in widths of a pixel, rising, symmetric to 0.
    line
        The centreline.
    inside
        ``(N, M)`` bool: whether the sample lies within the picture.
    """

    values: Array
    offsets: Array
    line: Centreline
    inside: NDArray[np.bool_]


def straighten(
    frame: NDArray[np.floating], line: Centreline, half_width: float, step: float = 0.5
) -> StraightVessel:
    """Return a picture on the cross-sections of a centreline.

    Parameters
    ----------
    frame
        ``(H, W)`` gray values, which are sampled by cubic splines to add little blur.
    line
        The centreline.
    half_width
        Half of the length of a cross-section, in widths of a pixel.
    step
        Distance between samples across, in widths of a pixel.
    """
    count = int(np.ceil(half_width / step))
    offsets: Array = np.arange(-count, count + 1, dtype=np.float64) * step
    places = line.at(np.broadcast_to(offsets, (len(line), len(offsets))))
    values = _sampled(frame, places)
    limits = np.asarray(frame.shape) - 1
    inside: NDArray[np.bool_] = np.all((places >= 0) & (places <= limits), axis=2)
    return StraightVessel(values, offsets, line, inside)


def _sampled(frame: NDArray[np.floating], places: Array) -> Array:
    """Return gray values at places ``(N, M, 2)`` by cubic splines.

    Only the part of the frame about the places is turned into splines. A pixel changes
    splines at a distance of `SPLINE_REACH` by less than a millionth.
    """
    flat = places.reshape(-1, 2)
    last = np.asarray(frame.shape) - 1
    low = np.clip(np.floor(flat.min(axis=0)) - SPLINE_REACH, 0, last).astype(int)
    high = np.clip(np.ceil(flat.max(axis=0)) + SPLINE_REACH, 0, last).astype(int)
    part = frame[low[0] : high[0] + 1, low[1] : high[1] + 1]
    sampled: Array = ndimage.map_coordinates(
        np.asarray(part, np.float64), (places - low).transpose(2, 0, 1), order=3,
        mode="nearest",
    )  # fmt: skip
    return sampled
