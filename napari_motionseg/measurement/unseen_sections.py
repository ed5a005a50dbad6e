"""Place cross-sections that a frame does not show between those that it shows.

Where contrast is thin, another vessel crosses or the flow has failed, the picture does
not correct a section's place, and errors of the flow would add up from frame to frame.
Neighbouring sections of a vessel move alike. The displacement from the anchor frame is
therefore taken for a smooth curve along the vessel, through the sections that are seen:

    minimise sum over n of (u[n] - v[n])^2 / s[n]^2 + integral of u''^2 / b^2

with displacements v, which are exact where a section is seen, and those of the flow
elsewhere. Errors of the flow grow with the frames since a section was seen last, and
neighbours share them. Far from any seen section, the flow alone decides. The curve's
standard deviation grows with the distance from what is seen, and says how far a section
may be from the vessel.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solveh_banded

from napari_motionseg.measurement.banded_inverse import diagonal_of_inverse

Array = NDArray[np.float64]

BEND = 0.05  # deviation of u'' as white noise along the vessel, per px^0.5
SEEN_PX = 0.3  # error of a section that is seen
FLOW_PX = 3.0  # error of the flow over one frame where the vessel is not seen
SHARED_PX = 20.0  # of the vessel, over which the flow has one and the same error


def placed_between(
    anchor: Array, places: Array, seen: NDArray[np.bool_], age: Array, step: float
) -> tuple[Array, Array]:
    """Return places ``(N, 2)`` of all sections, and their deviations ``(N,)``.

    Parameters
    ----------
    anchor
        ``(N, 2)`` places in the anchor frame, in widths of a pixel.
    places
        ``(N, 2)`` places in this frame in widths of a pixel: measured ones where a
        section is seen, else those to which the flow has carried it.
    seen
        ``(N,)`` bool, True for sections that the frame shows. They keep their places.
    age
        ``(N,)`` frames since a section was seen last; at least 1 where it is unseen.
    step
        Distance between sections in widths of a pixel.

    Returns
    -------
    tuple of (``(N, 2)`` places, ``(N,)`` standard deviations)
        Both in widths of a pixel.
    """
    if seen.all():
        return places, np.full(len(places), SEEN_PX)
    flow = FLOW_PX**2 * np.maximum(age, 1) * SHARED_PX / step
    precision = 1 / np.where(seen, SEEN_PX**2, flow)
    bands = _bands(precision, step)
    moved = solveh_banded(bands, precision[:, None] * (places - anchor), lower=True)
    spread: Array = np.sqrt(diagonal_of_inverse(bands))
    return np.where(seen[:, None], places, anchor + moved), spread


def _bands(precision: Array, step: float) -> Array:
    """Return the lower bands ``(3, N)`` of the equations."""
    stiff = 1 / (BEND**2 * step**3)
    bands = np.zeros((3, len(precision)))
    bands[0] = precision
    for i, first in enumerate((1, -2, 1)):
        for j, second in enumerate((1, -2, 1)[: i + 1]):
            rows = len(precision) - 2
            bands[i - j, j : j + rows] += stiff * first * second
    return bands
