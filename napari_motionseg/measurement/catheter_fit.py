"""Measure the outer diameter of a catheter's shaft, empty or filled.

A catheter is a wall about a lumen. Contrast in the lumen hides the wall, so that a
filled catheter looks as narrow as its lumen, 4 to 16 % too small (Herrman et al. 1994).
The mean cross-section of the shaft is therefore modelled as two blurred tubes of one
axis, the whole shaft and its lumen, each with a contrast of its own:

    y(d) = b0 + b1 d - w (p(d; R, s) - p(d; q R, s)) - m p(d; q R, s)

Outer radius R, share q of the lumen and blur s are the same all along the shaft; the
contrasts are found linearly. The wall absorbs (w > 0). An empty lumen absorbs as much
as the tissue beside the shaft, m = 0, which makes one unknown less: without it, radius,
lumen and blur cannot be told apart. It is taken for filled only if that explains the
picture clearly better.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_motionseg.measurement.straightening import StraightVessel
from napari_motionseg.measurement.tube_profile import tube_profile

Array = NDArray[np.float64]

LUMENS = (0.65, 0.85)  # shares to begin with: thick and thin walls
USUAL_LUMEN, LUMEN_SPREAD = 0.78, 0.12  # of diagnostic and guiding catheters
# of the detector; that of the rough fit is wrong, because it knows no wall
USUAL_BLUR, BLUR_SPREAD = 0.9, 0.25
KNOWN_BLUR_SPREAD = 0.02  # where a vessel of the loop has told it
PIXEL_VARIANCE, MOST_BLUR_IN_PIXEL = 1 / 12, 0.04
# Gauss-Legendre nodes and weights of the mean over a pixel's width
PIXEL = ((-0.3873, 5 / 18), (0.0, 8 / 18), (0.3873, 5 / 18))
WIDER = 1.1  # than it is, an empty shaft seems to be to a fit that knows no wall
CLEARLY = 15.0  # of half of the chi square, by which a filled lumen must be better
BESIDE_PX = 4.0  # of background that is used on each side


@dataclass(frozen=True)
class CatheterFit:
    """A measured shaft; lengths in widths of a pixel.

    Parameters
    ----------
    diameter, sd
        Outer diameter and its standard deviation.
    lumen
        Diameter of the lumen, as a share of the outer one.
    filled
        Whether the lumen is darker than the wall.
    wall
        Contrast of the wall, as a share of that of a filled lumen; NaN if it is empty.
        Where both are alike, a filled shaft looks like one solid tube: its wall may as
        well be invisible, and the tube its lumen alone.
    """

    diameter: float
    sd: float
    lumen: float
    filled: bool
    wall: float


def fit_catheter(
    vessel: StraightVessel, offset: Array, start: float, blur: float | None = None
) -> CatheterFit:
    """Return the outer diameter of a straightened shaft.

    Parameters
    ----------
    vessel
        The straightened shaft.
    offset
        ``(N,)`` distance of the shaft's middle from the line in widths of a pixel.
    start
        Rough radius in widths of a pixel.
    blur
        Standard deviation of the blur in widths of a pixel, the pixel's own width
        included, as a fitted vessel of the same loop says; None if it is unknown.
    """
    places = vessel.offsets - offset[:, None]
    near = vessel.inside & (np.abs(places) <= start + BESIDE_PX)
    beside = near & (np.abs(places) >= start + 1)
    values = vessel.values - _background(vessel.values, places, beside)
    profile = _Profile.of(places[near], values[near], vessel, blur)
    begins = [(start / WIDER, lumen) for lumen in LUMENS]
    cost, empty = min((profile.fit(*b, filled=False) for b in begins), key=_cost)
    other, filled = min((profile.fit(*b, filled=True) for b in begins), key=_cost)
    # a lumen that is clearer than the tissue about the shaft holds no contrast agent
    return filled if filled.filled and other + CLEARLY < cost else empty


def _cost(found: tuple[float, CatheterFit]) -> float:
    return found[0]


def _background(values: Array, places: Array, beside: NDArray[np.bool_]) -> Array:
    """Return the line ``(N, M)`` through what lies beside each section of the shaft."""
    count = np.maximum(beside.sum(axis=1), 1)[:, None]
    middle = (places * beside).sum(axis=1)[:, None] / count
    level = (values * beside).sum(axis=1)[:, None] / count
    away = (places - middle) * beside
    slope = (away * (values - level)).sum(axis=1)[:, None]
    slope /= np.maximum((away**2).sum(axis=1)[:, None], 1e-12)
    line: Array = level + slope * (places - middle)
    return line


@dataclass(frozen=True, eq=False)
class _Profile:
    """Mean cross-section: gray ``(B,)`` at distances, with weights of the noise."""

    distance: Array
    gray: Array
    weight: Array
    blur: float
    blur_spread: float

    @classmethod
    def of(
        cls, places: Array, values: Array, vessel: StraightVessel, blur: float | None
    ) -> _Profile:  # fmt: skip
        """Average samples in bins of a quarter of a pixel."""
        bins = np.round(places * 4).astype(int)
        low = bins.min()
        count = np.bincount(bins - low)
        used = count > 0.2 * count.max()
        total = np.bincount(bins - low, values)
        square = np.bincount(bins - low, values**2)
        mean = total[used] / count[used]
        variance = np.maximum(square[used] / count[used] - mean**2, 1e-12)
        step = float(vessel.offsets[1] - vessel.offsets[0])
        # samples closer than a pixel share its noise
        independent = count[used] * min(1.0, step) * min(1.0, vessel.line.step)
        sd = np.sqrt(np.median(variance) / np.maximum(independent, 1))
        known = (USUAL_BLUR, BLUR_SPREAD)
        if blur is not None:
            alone = np.sqrt(max(blur**2 - PIXEL_VARIANCE, MOST_BLUR_IN_PIXEL))
            known = (float(alone), KNOWN_BLUR_SPREAD)
        return cls((np.flatnonzero(used) + low) / 4, mean, 1 / sd, *known)

    def fit(
        self, radius: float, lumen: float, *, filled: bool
    ) -> tuple[float, CatheterFit]:
        """Return the cost and the fit that begins with a radius and a lumen."""
        from scipy.optimize import least_squares

        begin = np.array([np.log(radius), lumen, np.log(self.blur), 0.0])
        low = [begin[0] - 0.5, 0.4, begin[2] - 0.8, -2.0]
        high = [begin[0] + 0.5, 0.96, begin[2] + 0.8, 2.0]
        found = least_squares(
            lambda x: self._residuals(x, filled), begin, bounds=(low, high)
        )
        log_radius, share = found.x[:2]
        contrasts = self._solve(found.x, filled)[0]
        covariance = np.linalg.pinv(found.jac.T @ found.jac)
        diameter = 2 * float(np.exp(log_radius))
        agent = float(contrasts[-1]) if filled else float("nan")
        wall = float(contrasts[0]) / agent if agent > 0 else float("nan")
        return float(found.cost), CatheterFit(
            diameter, diameter * float(np.sqrt(covariance[0, 0])), float(share),
            filled and bool(contrasts[-1] > 0), wall,
        )  # fmt: skip

    def _solve(self, x: Array, filled: bool) -> tuple[Array, Array]:
        """Return the wall's contrast first, and the residuals of gray values."""
        radius, share, blur, middle = np.exp(x[0]), x[1], np.exp(x[2]), x[3]
        away = self.distance - middle
        radii = np.array([radius, share * radius])
        # thin walls show the shape of the blur: a pixel is a box and no bell
        tubes = np.zeros((2, len(away)))
        for at, weight in PIXEL:
            shifted = np.stack([away + at] * 2)
            tubes += weight * tube_profile(shifted, radii, float(blur)).value
        shaft, lumen = tubes
        parts = [lumen - shaft, np.ones(len(shaft)), self.distance]
        if filled:
            parts.append(-lumen)
        weighted = np.stack(parts, axis=1) * self.weight[:, None]
        gray = self.gray * self.weight
        contrasts, *_ = np.linalg.lstsq(weighted, gray, rcond=None)
        if contrasts[0] < 0:  # a wall that shines is none
            contrasts, *_ = np.linalg.lstsq(weighted[:, 1:], gray, rcond=None)
            contrasts = np.concatenate(([0.0], contrasts))
        residuals: Array = gray - weighted @ contrasts
        return np.asarray(contrasts, np.float64), residuals

    def _residuals(self, x: Array, filled: bool) -> Array:
        prior = (
            (x[1] - USUAL_LUMEN) / LUMEN_SPREAD,
            (x[2] - np.log(self.blur)) / self.blur_spread,
        )
        return np.concatenate((self._solve(x, filled)[1], prior))
