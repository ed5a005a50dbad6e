"""Measure one vessel in one frame, from clicked points to numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_motionseg.cine import Cine
from napari_motionseg.errors import MeasurementError
from napari_motionseg.measurement.calibration import Calibration, calibration_of
from napari_motionseg.measurement.cautions import (
    cautions,
    closed_sections,
    lesion_cautions,
)
from napari_motionseg.measurement.centreline import (
    Point,
    trace_centreline,
    vessel_cost,
)
from napari_motionseg.measurement.diameters import (
    DiameterProfile,
    Method,
    measure_diameters,
    preview_diameters,
)
from napari_motionseg.measurement.path_search import PathSearch
from napari_motionseg.measurement.stenosis import (
    Lesion,
    ReferenceMethod,
    find_lesions,
    reference_diameters,
)
from napari_motionseg.motion.contrast_arrival import density, is_logarithmic

Array = NDArray[np.float64]

PREVIEW_STEP = 1.0  # px between the sections of a preview


@dataclass(frozen=True, eq=False)
class VesselMeasurement:
    """Diameters, reference and lesions of a vessel in one frame.

    Parameters
    ----------
    frame
        Index of the frame.
    profile
        Diameters along the vessel.
    reference
        ``(N,)`` reference diameters in the same unit.
    reference_method
        How the reference was found.
    lesions
        Narrowings, the most severe one first; none if there are none.
    warnings
        Full sentences about what must not be trusted; see `cautions`.
    """

    frame: int
    profile: DiameterProfile
    reference: Array
    reference_method: ReferenceMethod
    lesions: list[Lesion]
    warnings: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Return the numbers as JSON values; the names of lengths end in their unit.

        Without a lesion, the smallest diameter and the reference there are given, and
        the length of the lesion is None.
        """
        profile, unit = self.profile, self.profile.calibration.unit
        smallest = int(np.argmin(profile.diameters / self.reference))
        worst = self.lesions[0] if self.lesions else None
        mld = worst.mld if worst else float(profile.diameters[smallest])
        rvd = worst.rvd if worst else float(self.reference[smallest])
        return {
            "frame": self.frame,
            f"arc_length_{unit}": _rounded(profile.arc_length),
            f"diameters_{unit}": _rounded(profile.diameters),
            f"uncertainty_{unit}": _rounded(profile.uncertainty),
            "points": np.round(profile.line.points, 2).tolist(),
            f"mld_{unit}": round(mld, 4),
            f"rvd_{unit}": round(rvd, 4),
            "rvd_method": self.reference_method,
            "percent_diameter_stenosis": round(100 * (1 - mld / rvd), 2),
            f"lesion_length_{unit}": round(worst.length, 4) if worst else None,
            "lesions": [self._lesion(lesion) for lesion in self.lesions],
            "warnings": list(self.warnings),
            "diameter_method": profile.method,
            "spacing_basis": profile.calibration.basis,
        }

    def _lesion(self, lesion: Lesion) -> dict[str, Any]:
        unit, arc_length = self.profile.calibration.unit, self.profile.arc_length
        return {
            f"start_{unit}": round(float(arc_length[lesion.start]), 4),
            f"smallest_{unit}": round(float(arc_length[lesion.smallest]), 4),
            f"end_{unit}": round(float(arc_length[lesion.end]), 4),
            f"mld_{unit}": round(lesion.mld, 4),
            f"rvd_{unit}": round(lesion.rvd, 4),
            "percent_diameter_stenosis": round(lesion.percent_diameter_stenosis, 2),
            "percent_area_stenosis": round(lesion.percent_area_stenosis, 2),
            f"length_{unit}": round(lesion.length, 4),
        }


def measure_vessel(
    cine: Cine,
    frame: int,
    points: Sequence[Point],
    *,
    probability: NDArray[np.floating] | None = None,
    cost: Array | PathSearch | None = None,
    calibration: Calibration | None = None,
    method: Method = "tube",
    reference_method: ReferenceMethod = "curve fitted",
    markers: tuple[float, float] | None = None,
    preview_of: VesselMeasurement | None = None,
) -> VesselMeasurement:
    """Measure a vessel between points in one frame.

    Parameters
    ----------
    cine
        The loop.
    frame
        Index of the frame.
    points
        Rows and columns in px of two or more points on the vessel, proximal first.
    probability
        ``(H, W)`` probability of vessel, or a mask, that guides the centreline; None
        judges by the picture alone. Diameters always come from the picture.
    cost
        ``(H, W)`` cost of the frame's pixels from `vessel_cost`, or a `PathSearch` of
        it, if it is known: it takes a third of the time. None computes it.
    calibration
        Size of a pixel; None to read it from the loop's header.
    method
        How diameters are measured; see `measure_diameters`.
    reference_method, markers
        How the reference diameter is found; see `reference_diameters`.
    preview_of
        Measurement of a similar line, while a point is being moved: the vessel is then
        measured at every pixel, less exactly, in a fraction of the time. None measures
        it exactly.

    Raises
    ------
    MeasurementError
        If there is no such frame, it is damaged, a point lies outside of it, or nothing
        between the points is a vessel.
    """
    _check_frame(cine, frame)
    if probability is not None and probability.shape != cine.shape[1:]:
        raise MeasurementError(
            f"the mask has shape {probability.shape}; this loop's frames have "
            f"{cine.shape[1:]}"
        )
    calibration = calibration or calibration_of(cine)
    picture = cine.normalized(frame)
    aspect = calibration.row_mm / calibration.column_mm
    if cost is None:
        cost = vessel_cost(picture, probability)
    dark = density(picture, is_logarithmic(cine))
    if preview_of is None:
        line = trace_centreline(cost, points, aspect)
        profile = measure_diameters(dark, line, calibration, method)
    else:
        line = trace_centreline(cost, points, aspect, PREVIEW_STEP)
        known = preview_of.profile
        profile = preview_diameters(dark, line, known, calibration, method)
    return _measurement(frame, profile, picture.shape, reference_method, markers)


def _measurement(
    frame: int,
    profile: DiameterProfile,
    shape: tuple[int, ...],
    reference_method: ReferenceMethod,
    markers: tuple[float, float] | None,
) -> VesselMeasurement:
    """Return what a profile says: reference, lesions and warnings."""
    # a lumen that cannot be told from noise has no diameter, and no lower limit of one
    closed = closed_sections(profile)
    profile = replace(profile, diameters=np.where(closed, 0.0, profile.diameters))
    reference = reference_diameters(
        profile.arc_length, profile.diameters, reference_method, markers
    )
    lesions = find_lesions(profile.arc_length, profile.diameters, reference)
    warnings = cautions(profile, shape) + lesion_cautions(profile, lesions)
    return VesselMeasurement(
        frame, profile, reference, reference_method, lesions, warnings
    )


def _check_frame(cine: Cine, frame: int) -> None:
    if not 0 <= frame < len(cine):
        raise MeasurementError(
            f"frame {frame} is outside the loop's 0 to {len(cine) - 1}"
        )
    if not cine.frames.usable(frame):
        raise MeasurementError(f"frame {frame} is damaged: choose another one")


def with_reference(
    measured: VesselMeasurement,
    reference_method: ReferenceMethod,
    markers: tuple[float, float] | None = None,
) -> VesselMeasurement:
    """Return a measurement with another reference; the diameters stay as they are.

    Parameters
    ----------
    measured
        The measured vessel.
    reference_method, markers
        How the reference diameter is found; see `reference_diameters`.

    Raises
    ------
    MeasurementError
        If the markers do not lie on the vessel in their order.
    """
    length, diameters = measured.profile.arc_length, measured.profile.diameters
    reference = reference_diameters(length, diameters, reference_method, markers)
    return replace(
        measured,
        reference=reference,
        reference_method=reference_method,
        lesions=find_lesions(length, diameters, reference),
    )


def with_borders(
    measured: VesselMeasurement, index: int, start: float, end: float
) -> VesselMeasurement:
    """Return a measurement in which a lesion lies between borders that a user chose.

    Parameters
    ----------
    measured
        The measured vessel.
    index
        Index of the lesion.
    start, end
        Arc lengths of its borders, in the unit of the profile.

    Raises
    ------
    MeasurementError
        If there is no such lesion, or no cross-section between the borders.
    """
    if not 0 <= index < len(measured.lesions):
        raise MeasurementError(
            f"lesion {index} is not one of the {len(measured.lesions)} of this vessel"
        )
    length = measured.profile.arc_length
    inside = np.flatnonzero((length >= start) & (length <= end))
    if not len(inside):
        raise MeasurementError(
            f"there is no cross-section between {start:.2f} and {end:.2f}; the vessel "
            f"reaches from 0 to {length[-1]:.2f}"
        )
    diameters, reference = measured.profile.diameters, measured.reference
    smallest = int(inside[(diameters[inside] / reference[inside]).argmin()])
    first, last = int(inside[0]), int(inside[-1])
    changed = Lesion(
        first, smallest, last, float(diameters[smallest]), float(reference[smallest]),
        float(length[last] - length[first]),
    )  # fmt: skip
    lesions = list(measured.lesions)
    lesions[index] = changed
    return replace(measured, lesions=lesions)


def _rounded(values: Array) -> list[float | None]:
    return [round(float(v), 4) if np.isfinite(v) else None for v in values]
