"""Look for a vessel again beside the place where it was expected.

Between two frames a vessel may move farther than its own width. If the flow misses
that, the vessel lies beside the sections that should show it. Across each such section,
tubes of its known radius are compared with the picture at every offset. The sequence of
offsets that explains most, and that departs from the neighbours that are seen, wins.
"""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from napari_motionseg.measurement.diameters import BACKGROUND_PX, ROOM
from napari_motionseg.measurement.straightening import StraightVessel
from napari_motionseg.measurement.tube_profile import tube_values

Array = NDArray[np.float64]

OFFSET_STEP = 1.0  # px between offsets that are compared
SMOOTHED_PX = 2.0  # along the vessel, before tubes are compared
STEEPEST = 1.0  # change of the offset over the same length of the vessel
SLOPE_COST = 0.05  # of the explained variance, for an offset that changes by 1 px
AWAY_COST = 0.02  # of the explained variance, at one deviation from the expected place
DEEPER = 2.0  # or shallower by this factor, a tube is hardly the expected vessel


def window_px(radius: Array) -> float:
    """Return half of the width in px in which a tube is compared with the picture."""
    return ROOM * float(radius.max()) + BACKGROUND_PX


def relocated_offsets(
    vessel: StraightVessel,
    radius: Array,
    blur: float,
    depth: Array,
    spread: Array,
    seen: NDArray[np.bool_],
) -> tuple[Array, Array]:
    """Return how far the vessel lies from each section, and how sure that is.

    Parameters
    ----------
    vessel
        The picture across the sections, sampled at steps of `OFFSET_STEP`. It must be
        wider than the offsets that are looked at by `window_px` on each side.
    radius
        ``(N,)`` radii in widths of a pixel.
    blur
        Standard deviation of the blur in widths of a pixel.
    depth
        ``(N,)`` expected darkness of the middle of each section, in gray values.
    spread
        ``(N,)`` standard deviation of the expected places in widths of a pixel.
    seen
        ``(N,)`` bool, True for sections at whose place the vessel is; their offset
        is 0.

    Returns
    -------
    tuple of (``(N,)`` offsets, ``(N,)`` likeness)
        Offsets along the normals in widths of a pixel, and the share of the variance
        that the section's tube explains there; a vessel explains 0.4 or more.
    """
    likeness, offsets = _likeness(vessel, radius, blur, depth)
    scores = likeness - AWAY_COST * (offsets / spread[:, None]) ** 2
    away = np.abs(offsets) > np.maximum(3 * spread, OFFSET_STEP)[:, None]
    scores[away] = -np.inf
    scores[seen] = np.where(offsets == 0, 0.0, -np.inf)
    chosen = best_offsets(scores, vessel.line.step)
    smooth = gaussian_filter1d(offsets[chosen], SMOOTHED_PX / vessel.line.step)
    alike: Array = likeness[np.arange(len(chosen)), chosen]
    return np.where(seen, 0.0, smooth), alike


def _likeness(
    vessel: StraightVessel, radius: Array, blur: float, depth: Array
) -> tuple[Array, Array]:
    """Return how alike ``(N, C)`` the picture and each section's tube are at C offsets.

    It is the share of the variance in the window about the offset that the tube
    explains, in [0, 1], less if it is deeper or shallower than expected.
    """
    half = int(np.ceil(window_px(radius) / OFFSET_STEP))
    step = SMOOTHED_PX / vessel.line.step
    values = gaussian_filter1d(vessel.values, step, axis=0)
    windows = sliding_window_view(values, 2 * half + 1, axis=1)
    away = np.arange(-half, half + 1) * OFFSET_STEP
    basis, _ = np.linalg.qr(np.stack((np.ones_like(away), away), axis=1))
    tubes = tube_values(np.broadcast_to(away, (len(radius), len(away))), radius, blur)
    middle = tubes[:, half]
    tubes = tubes - tubes @ basis @ basis.T
    rest = windows - windows @ basis @ basis.T
    power = (tubes**2).sum(axis=1)[:, None]
    along = np.maximum(-np.einsum("ncw,nw->nc", rest, tubes), 0)  # vessels are dark
    share = along**2 / power / np.maximum((rest**2).sum(axis=2), 1e-12)
    found = along / power * middle[:, None]
    octaves = np.log2(np.maximum(found, 1e-12) / np.maximum(depth, 1e-12)[:, None])
    share *= np.exp(-0.5 * (octaves / np.log2(DEEPER)) ** 2)
    return share, vessel.offsets[half : len(vessel.offsets) - half]


def best_offsets(scores: Array, step: float) -> NDArray[np.intp]:
    """Return the indices ``(N,)`` of the best sequence, by dynamic programming.

    Parameters
    ----------
    scores
        ``(N, C)`` score of each offset; minus infinity where it is not possible.
    step
        Distance between sections in widths of a pixel.
    """
    stride = max(1, round(OFFSET_STEP / (STEEPEST * step)))
    count, places = scores.shape
    some = scores[::stride]
    back = np.zeros((len(some), places), np.intp)
    best = some[0]
    for n in range(1, len(some)):
        padded = np.pad(best, 1, constant_values=-np.inf)
        ways = np.stack(
            (padded[1:-1], padded[:-2] - SLOPE_COST, padded[2:] - SLOPE_COST)
        )
        turn = ways.argmax(axis=0)
        back[n] = np.arange(places) + np.array([0, -1, 1])[turn]
        best = ways.max(axis=0) + some[n]
    chosen = np.empty(len(some), np.intp)
    chosen[-1] = best.argmax()
    for n in range(len(some) - 1, 0, -1):
        chosen[n - 1] = back[n, chosen[n]]
    every = np.minimum(np.arange(count) // stride, len(some) - 1)
    return chosen[every]
