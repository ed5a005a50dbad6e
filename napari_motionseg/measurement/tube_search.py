"""Find the rough radius and offset of a vessel before tubes are fitted."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from napari_motionseg.errors import MeasurementError
from napari_motionseg.measurement.straightening import StraightVessel
from napari_motionseg.measurement.tube_profile import tube_profile

Array = NDArray[np.float64]

SMALLEST_RADIUS, RADII_A_DOUBLING = 0.7, 4  # px; candidates a factor 1.19 apart
OFFSETS = np.arange(-4.0, 5.0)  # px: the path is not always in the middle
LARGEST_SHARE = 0.6  # of the half width: the rest must show background
USUAL_BLUR = 0.9
SMOOTHED_PX = 2.0  # along the vessel, before candidates are compared
SEARCHED_EVERY_PX = 1.0  # sections between are alike after smoothing
CHANGE_COST = (
    0.004  # of the explained variance, for a change of a radius's rank or 1 px
)
LEAST_EXPLAINED = 0.25  # share of the variance; noise reaches 0.22, vessels have 0.4


def search_tubes(vessel: StraightVessel) -> Array:
    """Return rough radius and offset ``(N, 2)`` of each section in px.

    Every section is compared with tubes of many radii and offsets on a linear
    background. The sequence of candidates that explains most, with few changes and with
    about the vessel's usual contrast, wins.

    Parameters
    ----------
    vessel
        The straightened vessel.

    Raises
    ------
    MeasurementError
        If nothing along the line is darker than what lies beside it.
    """
    largest = LARGEST_SHARE * vessel.offsets[-1]
    count = 1 + int(RADII_A_DOUBLING * np.log2(max(largest / SMALLEST_RADIUS, 1)))
    radii = SMALLEST_RADIUS * 2 ** (np.arange(count) / RADII_A_DOUBLING)
    stride = max(1, round(SEARCHED_EVERY_PX / vessel.line.step))
    scores, contrast = (each[::stride] for each in _explained(vessel, radii))
    scores = stride * scores  # each stands for those that are left out
    rank, offset = _best_sequence(scores)
    rows = np.arange(len(rank))
    # noise is explained here and there, but not by one tube all along
    if np.median(scores[rows, rank, offset]) < stride * LEAST_EXPLAINED:
        raise MeasurementError(
            "nothing along the line between the points is darker than what lies beside "
            "it: check that both points lie on one vessel, filled with contrast"
        )
    # contrast flows through the whole vessel: tissue that looks like a wide and faint
    # tube beside a thin lumen is none
    usual = np.median(contrast[rows, rank, offset])
    octaves = np.log2(np.maximum(contrast, 1e-12) / max(float(usual), 1e-12))
    rank, offset = _best_sequence(scores * np.exp(-0.5 * octaves**2))
    every = np.arange(len(vessel.values))
    rough = (radii[rank], OFFSETS[offset])
    found = [np.interp(every, every[::stride], each) for each in rough]
    return np.stack(found, axis=1)


def _explained(vessel: StraightVessel, radii: Array) -> tuple[Array, Array]:
    """Return the share of variance that each candidate explains, and its contrast.

    Both are ``(N, R, C)``: sections, radii, offsets.
    """
    spread = SMOOTHED_PX / vessel.line.step
    values = gaussian_filter1d(vessel.values, spread, axis=0)
    background = np.stack((np.ones_like(vessel.offsets), vessel.offsets), axis=1)
    basis, _ = np.linalg.qr(background)
    rest = values - values @ basis @ basis.T
    total = np.maximum((rest**2).sum(axis=1), 1e-12)
    scores = np.empty((len(values), len(radii), len(OFFSETS)))
    contrast = np.empty_like(scores)
    for c, offset in enumerate(OFFSETS):
        distance = np.broadcast_to(
            vessel.offsets - offset, (len(radii), len(vessel.offsets))
        )
        shapes = tube_profile(distance, radii, USUAL_BLUR).value
        shapes = shapes - shapes @ basis @ basis.T
        size = np.linalg.norm(shapes, axis=1)
        depth = np.maximum(-rest @ (shapes / size[:, None]).T, 0)  # vessels are dark
        scores[:, :, c] = depth**2 / total[:, None]
        contrast[:, :, c] = depth / size
    return scores, contrast


def _best_sequence(scores: Array) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the candidates' indices ``(N,)`` by dynamic programming."""
    count, radii, offsets = scores.shape
    ranks, places = np.divmod(np.arange(radii * offsets), offsets)
    cost = CHANGE_COST * (
        np.abs(ranks[:, None] - ranks) + np.abs(places[:, None] - places)
    )
    flat = scores.reshape(count, -1)
    best = flat[0]
    back = np.empty((count, radii * offsets), np.intp)
    for n in range(1, count):
        ways = best[None] - cost
        back[n] = ways.argmax(axis=1)
        best = ways.max(axis=1) + flat[n]
    chosen = np.empty(count, np.intp)
    chosen[-1] = best.argmax()
    for n in range(count - 1, 0, -1):
        chosen[n - 1] = back[n, chosen[n]]
    return ranks[chosen], places[chosen]
