"""Measure diameters along a vessel in one frame, by one of three methods.

* ``tube``: blurred tubes are fitted to the cross-sections (`tube_fit`). This is the
  most accurate method; it assumes a circular lumen.
* ``edges``: the two edges are found independently, as paths of steepest change on the
  straightened vessel (`edge_contours`). The lumen need not be circular. Lumens that are
  narrower than about three blurs are overestimated.
* ``densitometry``: the area of the lumen is computed from its absorption, and the
  diameter is that of a circle of this area. Contrast is assumed to be even along the
  vessel.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from napari_motionseg.errors import MeasurementError, SettingsError
from napari_motionseg.measurement.calibration import Calibration
from napari_motionseg.measurement.centreline import Centreline
from napari_motionseg.measurement.edge_contours import edge_contours
from napari_motionseg.measurement.straightening import StraightVessel, straighten
from napari_motionseg.measurement.tube_fit import (
    CONVERGED,
    ROUGHLY,
    TubeFit,
    TubePrior,
    fit_tubes,
)
from napari_motionseg.measurement.tube_search import search_tubes
from napari_motionseg.registry import unknown_name

Array = NDArray[np.float64]
Method = Literal["tube", "edges", "densitometry"]

SEARCHED_PX = 18.0  # half width in which a vessel is looked for at first
WIDEST_PX = 60.0
BACKGROUND_PX = 5.0  # that a cross-section shows beside the vessel at least
ROOM = 2.0  # half width of a cross-section, in largest radii
BLURS_BESIDE = 2.5  # beyond its radius a lumen still absorbs, by so many blurs
SEARCHED_EVERY = 2  # of the sections in the search: neighbours look alike
FAR_PX = 1.5  # off the middle, a cross-section of a bent vessel is a slanted one
NEAR_PX = 4.0  # of a measured line, whose radii then serve to begin with
MOST_SECTIONS = 20_000


@dataclass(frozen=True, eq=False)
class DiameterProfile:
    """Diameters along a vessel in one frame.

    Parameters
    ----------
    line
        Centreline through the middle of the lumen.
    diameters
        ``(N,)`` in the calibration's unit.
    method
        Name of the method.
    calibration
        Size of a pixel.
    fit
        Fitted tubes, in widths of a pixel; they are fitted for every method.
    """

    line: Centreline
    diameters: Array
    method: Method
    calibration: Calibration
    fit: TubeFit

    @cached_property
    def uncertainty(self) -> Array:
        """Return the standard deviation ``(N,)`` of each diameter.

        It includes only the noise, and not the uncertainty of the calibration.
        """
        spread: Array = 2 * self.fit.radius_sd * self.calibration.column_mm
        return spread

    @property
    def arc_length(self) -> Array:
        """Return the length ``(N,)`` from the first point in the calibration's unit."""
        return self.line.arc_length * self.calibration.column_mm


def measure_diameters(
    density: NDArray[np.floating],
    line: Centreline,
    calibration: Calibration | None = None,
    method: Method = "tube",
    prior: TubePrior | None = None,
    expected: Array | None = None,
) -> DiameterProfile:
    """Return the diameters along a centreline.

    Parameters
    ----------
    density
        ``(H, W)`` frame in which absorbances add up; vessels are dark. See
        `motion.contrast_arrival.density`.
    line
        The centreline; it is moved to the middle of the lumen first.
    calibration
        Size of a pixel; None to measure in pixels.
    method
        ``"tube"``, ``"edges"`` or ``"densitometry"``.
    prior
        Prior of the tubes; None for the defaults.
    expected
        ``(N,)`` approximate radii in widths of a pixel, such as those of a neighbouring
        frame; None to search for them.

    Raises
    ------
    MeasurementError
        If there is no vessel along the line, or the line is too long.
    SettingsError
        If the method is unknown.
    """
    if method not in get_args(Method):
        raise SettingsError(
            unknown_name("method", method, dict.fromkeys(get_args(Method)))
        )
    if len(line) > MOST_SECTIONS:
        raise MeasurementError(
            f"the line has {len(line)} cross-sections; at most {MOST_SECTIONS} can be "
            "measured at once"
        )
    calibration = calibration or Calibration()
    if expected is None:
        line, rough = _searched(density, line, prior)
        vessel, fit = _fitted(density, line, rough.radius, prior, rough)
    else:
        vessel, fit = _fitted(density, line, expected, prior)
    if np.abs(fit.offset).max() > FAR_PX:
        moved = line.shifted(fit.offset)
        vessel, fit = _fitted(density, moved, fit.radius, prior, fit)
    diameters = _by_method(method, vessel, fit) * calibration.column_mm
    return DiameterProfile(vessel.line, diameters, method, calibration, fit)


def preview_diameters(
    density: NDArray[np.floating],
    line: Centreline,
    known: DiameterProfile,
    calibration: Calibration,
    method: Method = "tube",
) -> DiameterProfile:
    """Return the diameters along a centreline quickly, and less exactly.

    Parameters
    ----------
    density
        ``(H, W)`` frame in which absorbances add up; vessels are dark.
    line
        The centreline.
    known
        Diameters along a similar line; where this line is near to it, nothing is
        searched for.
    calibration
        Size of a pixel.
    method
        As in `measure_diameters`.

    Raises
    ------
    MeasurementError
        If there is no vessel along the line.
    """
    from scipy.spatial import cKDTree

    away, nearest = cKDTree(known.line.points).query(line.points)
    if (away > NEAR_PX).any():
        line, rough = _searched(density, line, None)
        radius = rough.radius
    else:
        rough, radius = None, known.fit.radius[nearest]
    vessel, fit = _fitted(density, line, radius, None, rough, ROUGHLY)
    diameters = _by_method(method, vessel, fit) * calibration.column_mm
    return DiameterProfile(vessel.line, diameters, method, calibration, fit)


def _searched(
    density: NDArray[np.floating], line: Centreline, prior: TubePrior | None
) -> tuple[Centreline, TubeFit]:
    """Return the line in the middle of the lumen, and tubes fitted roughly along it."""
    half_width = SEARCHED_PX
    while True:
        vessel = straighten(density, line, half_width)
        start = search_tubes(vessel)
        largest = float(start[:, 0].max())
        if largest < half_width / 2 or half_width >= WIDEST_PX:
            break
        half_width *= 2
    # this fit only shows where the middle is and about how wide: half of the sections
    coarse = line.thinned(SEARCHED_EVERY)
    vessel = straighten(density, coarse, ROOM * largest + BACKGROUND_PX)
    fit = fit_tubes(vessel, start[::SEARCHED_EVERY], prior, converged=ROUGHLY)
    places = np.arange(len(line)) / SEARCHED_EVERY
    offset = np.interp(places, np.arange(len(coarse)), fit.offset)
    return line.shifted(offset), fit


def _fitted(
    density: NDArray[np.floating],
    line: Centreline,
    radius: Array,
    prior: TubePrior | None,
    rough: TubeFit | None = None,
    converged: float = CONVERGED,
) -> tuple[StraightVessel, TubeFit]:
    """Fit tubes to a line in the middle of a lumen whose radii are nearly known."""
    known = [radius] if rough is None else [radius, rough.contrast]
    radius, *contrast = (_stretched(each, len(line)) for each in known)
    vessel = straighten(density, line, ROOM * float(radius.max()) + BACKGROUND_PX)
    start = np.stack((radius, np.zeros(len(line)), *contrast), axis=1)
    blur = None if rough is None else rough.blur
    fit = fit_tubes(vessel, start, prior, near=True, converged=converged, blur=blur)
    return vessel, fit


def _stretched(values: Array, count: int) -> Array:
    """Return values along a vessel ``(count,)`` for another number of sections."""
    share = np.linspace(0, 1, len(values))
    found: Array = np.interp(np.linspace(0, 1, count), share, values)
    return found


def _by_method(method: Method, vessel: StraightVessel, fit: TubeFit) -> Array:
    """Return diameters ``(N,)`` in widths of a pixel."""
    if method == "edges":
        left, right = edge_contours(vessel, fit.blur)
        return right - left
    if method == "densitometry":
        diameters: Array = 2 * np.sqrt(_lumen_area(vessel, fit) / np.pi)
        return diameters
    return 2 * fit.radius


def _lumen_area(vessel: StraightVessel, fit: TubeFit) -> Array:
    """Return the area ``(N,)`` of the lumen in squared widths of a pixel.

    The area is the absorption of the section minus its background, divided by the
    absorption of one pixel's width of contrast, which is assumed to be even along the
    vessel.
    """
    level, slope = fit.background.T
    absorbed = level[:, None] + slope[:, None] * vessel.offsets - vessel.values
    away = np.abs(vessel.offsets - fit.offset[:, None])
    seen = away <= (fit.radius + BLURS_BESIDE * fit.blur)[:, None]
    step = float(vessel.offsets[1] - vessel.offsets[0])
    area: Array = (absorbed * seen).sum(axis=1) * step / np.median(fit.contrast)
    return np.maximum(area, 0)
