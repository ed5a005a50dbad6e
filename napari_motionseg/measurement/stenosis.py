"""Find narrowings of a vessel: reference diameters, lesions, diameter stenosis.

    percent diameter stenosis = (1 - MLD / RVD) * 100

MLD is the smallest diameter of a lesion, RVD the reference diameter there. There are
three methods for the reference, which differ, so that a number without its method says
little (DICOM PS3.17, annex T.4; PS3.16, CID 3465).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from napari_motionseg.errors import MeasurementError, SettingsError
from napari_motionseg.measurement.tube_fit import MAD_TO_SD
from napari_motionseg.registry import unknown_name

Array = NDArray[np.float64]
ReferenceMethod = Literal["curve fitted", "interpolated local", "mean local"]

MARKERS = (0.05, 0.95)  # of the length: where reference markers stand by default
MARKER_SPAN = 0.04  # of the length, over which a marker's diameter is averaged
LEAST_NARROWING = 0.2  # a dip below the reference by less is no lesion
BORDER = 0.05  # a lesion ends where the diameter is within this share of the reference
TAPER_ROUNDS = 30
TUKEY = 3.0  # diameters that lie lower by so many deviations do not shape the curve
LEAST_SPREAD = 0.01  # of the diameter: two digits of a vessel's own unevenness


@dataclass(frozen=True)
class Lesion:
    """One narrowing.

    Parameters
    ----------
    start, smallest, end
        Indices of the cross-sections where the lesion begins, is narrowest, and ends.
    mld, rvd
        Smallest diameter, and reference diameter at the same place, in the unit of the
        diameters.
    length
        Length from start to end in the unit of the arc length.
    """

    start: int
    smallest: int
    end: int
    mld: float
    rvd: float
    length: float

    @property
    def percent_diameter_stenosis(self) -> float:
        """Return ``(1 - MLD / RVD) * 100``."""
        return 100 * (1 - self.mld / self.rvd)

    @property
    def percent_area_stenosis(self) -> float:
        """Return ``(1 - (MLD / RVD)^2) * 100``, of a circular lumen."""
        return 100 * (1 - (self.mld / self.rvd) ** 2)


def reference_diameters(
    arc_length: Array,
    diameters: Array,
    method: ReferenceMethod = "curve fitted",
    markers: tuple[float, float] | None = None,
) -> Array:
    """Return the reference diameter ``(N,)`` at each cross-section.

    Parameters
    ----------
    arc_length
        ``(N,)`` rising lengths along the vessel.
    diameters
        ``(N,)`` diameters, in any unit.
    method
        ``"curve fitted"``: a straight taper is fitted to the diameters outside lesions,
        which are the parts far below it. ``"interpolated local"``: the line through the
        diameters at two markers. ``"mean local"``: the mean of these two diameters.
    markers
        Arc lengths of the two reference markers; None for 5 % and 95 % of the vessel.
        The fitted curve does not use them.

    Raises
    ------
    SettingsError
        If the method is unknown.
    MeasurementError
        If the markers do not lie on the vessel in their order.
    """
    if method not in get_args(ReferenceMethod):
        choices = dict.fromkeys(get_args(ReferenceMethod))
        raise SettingsError(unknown_name("reference method", method, choices))
    if method == "curve fitted":
        return _taper(arc_length, diameters)
    begin, length = arc_length[0], arc_length[-1] - arc_length[0]
    places = tuple(begin + share * length for share in MARKERS)
    places = places if markers is None else markers
    if not arc_length[0] <= places[0] < places[1] <= arc_length[-1]:
        raise MeasurementError(
            f"reference markers must lie on the vessel, from {arc_length[0]:.2f} to "
            f"{arc_length[-1]:.2f}, the first before the second; got {places[0]:.2f} "
            f"and {places[1]:.2f}"
        )
    at = [_marker(arc_length, diameters, place) for place in places]
    if method == "mean local":
        return np.full(len(diameters), (at[0] + at[1]) / 2)
    share = (arc_length - places[0]) / (places[1] - places[0])
    between: Array = at[0] + share * (at[1] - at[0])
    return between


def _marker(arc_length: Array, diameters: Array, place: float) -> float:
    span = MARKER_SPAN * (arc_length[-1] - arc_length[0]) / 2
    near = np.abs(arc_length - place) <= span
    if not near.any():
        near = np.abs(arc_length - place) == np.abs(arc_length - place).min()
    return float(np.median(diameters[near]))


def _taper(arc_length: Array, diameters: Array) -> Array:
    """Fit a line with weights that exclude lesions, which lie far below it."""
    centred = arc_length - arc_length.mean()
    design = np.stack((np.ones_like(centred), centred), axis=1)
    # begin with the upper half: most of a vessel is healthy, and lesions lie below
    weight = (diameters >= np.median(diameters)).astype(float)
    curve = diameters
    for _ in range(TAPER_ROUNDS):
        gram = design.T @ (weight[:, None] * design) + 1e-12 * np.eye(2)
        fitted = design @ np.linalg.solve(gram, design.T @ (weight * diameters))
        if np.allclose(fitted, curve, rtol=1e-6):
            break
        curve = fitted
        below = diameters - curve
        used = np.abs(below[weight > 0])
        spread = MAD_TO_SD * float(np.median(used)) if len(used) else 0.0
        spread = max(spread, LEAST_SPREAD * float(np.median(diameters)))
        weight = np.clip(1 - (below / (TUKEY * spread)) ** 2, 0, None) ** 2
        if weight.sum() < 2:
            break
    return curve


def find_lesions(arc_length: Array, diameters: Array, reference: Array) -> list[Lesion]:
    """Return the lesions of a vessel, the most severe one first.

    Parameters
    ----------
    arc_length, diameters, reference
        ``(N,)`` lengths, diameters and reference diameters along the vessel.

    Returns
    -------
    list of Lesion
        Parts in which the diameter falls by a fifth or more below its reference. Each
        part extends until the diameter is within 5 % of the reference again.
    """
    share = diameters / np.maximum(reference, 1e-12)
    narrow = share < 1 - BORDER
    lesions = []
    edges = np.flatnonzero(np.diff(np.r_[False, narrow, False]))
    for start, stop in zip(edges[::2], edges[1::2], strict=True):
        smallest = start + int(np.argmin(share[start:stop]))
        if share[smallest] > 1 - LEAST_NARROWING:
            continue
        first, last = max(start - 1, 0), min(stop, len(share) - 1)
        lesions.append(
            Lesion(
                int(first), int(smallest), int(last),
                float(diameters[smallest]), float(reference[smallest]),
                float(arc_length[last] - arc_length[first]),
            )
        )  # fmt: skip
    return sorted(lesions, key=lambda lesion: -lesion.percent_diameter_stenosis)
