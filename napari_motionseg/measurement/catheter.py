"""Calibrate by a catheter, whose outer diameter follows from its French size."""

from __future__ import annotations

import numpy as np

from napari_motionseg.cine import Cine
from napari_motionseg.measurement.calibration import (
    Calibration,
    calibration_by_object,
    catheter_diameter_mm,
)
from napari_motionseg.measurement.catheter_fit import BESIDE_PX, fit_catheter
from napari_motionseg.measurement.centreline import (
    Point,
    trace_centreline,
    vessel_cost,
)
from napari_motionseg.measurement.diameters import measure_diameters
from napari_motionseg.measurement.straightening import straighten
from napari_motionseg.motion.contrast_arrival import density, is_logarithmic

# contrasts of wall and filled lumen, between which they look like one solid tube
LEAST_WALL, ALIKE = 0.1, 0.85


def calibration_by_catheter(
    cine: Cine,
    frame: int,
    french: float,
    start: Point,
    end: Point,
    blur: float | None = None,
) -> Calibration:
    """Return the calibration by the shaft of a catheter between two points.

    Parameters
    ----------
    cine
        The loop.
    frame
        Index of a frame that shows the shaft, empty or filled. If the wall of a filled
        one cannot be told from the contrast agent, the calibration's basis says so: the
        tube that is seen may be the lumen alone, and the result a quarter too large.
    french
        French size of the catheter: three times its outer diameter in millimetres.
    start, end
        Row and column in px of two points on the shaft.
    blur
        Standard deviation of the blur in widths of a pixel, from the fit of a vessel in
        the same loop (`DiameterProfile.fit`), which halves the error; None if no vessel
        was measured.

    Raises
    ------
    MeasurementError
        If the size is invalid, or there is no tube between the points.
    """
    size = catheter_diameter_mm(french)
    picture = cine.normalized(frame)
    aspect = cine.pixel_aspect
    line = trace_centreline(vessel_cost(picture), (start, end), aspect)
    profile = measure_diameters(
        density(picture, is_logarithmic(cine)), line, Calibration(aspect, 1.0)
    )
    rough = float(np.median(profile.fit.radius))
    shaft = straighten(
        density(picture, is_logarithmic(cine)), profile.line,
        2 * rough + BESIDE_PX,
    )  # fmt: skip
    found = fit_catheter(shaft, profile.fit.offset, rough, blur)
    basis = f"catheter {french:g}F, {'filled' if found.filled else 'empty'}"
    if found.wall < LEAST_WALL or ALIKE < found.wall < 1 / ALIKE:
        basis += ", wall not told from contrast"
    return calibration_by_object(
        size, found.diameter, basis, aspect=aspect, sd_px=found.sd
    )
