"""Ask for the measurement of a vessel, which can be computed in any thread."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from napari_motionseg.cine import Cine
from napari_motionseg.errors import MeasurementError
from napari_motionseg.measurement import (
    Calibration,
    VesselMeasurement,
    measure_vessel,
)
from napari_motionseg.measurement.centreline import Point, vessel_cost
from napari_motionseg.measurement.diameters import Method
from napari_motionseg.measurement.path_search import PathSearch
from napari_motionseg.measurement.stenosis import ReferenceMethod

CostKey = tuple[int, int | None]  # frame, and hash of the guide
Guide = Callable[[int], NDArray[np.bool_]]


@dataclass(frozen=True, eq=False)
class VesselQuestion:
    """Request for a measurement, which can be computed in any thread.

    Parameters
    ----------
    cine
        The loop with the vessel.
    frame
        Index of the frame.
    points
        Rows and columns of the points in px, the proximal one first.
    calibration
        Size of a pixel.
    method
        Method of measuring diameters.
    reference_method
        Method of finding the reference diameter.
    markers
        Arc lengths of the reference markers; None for their usual places.
    guide
        ``(H, W)`` bool, masks of the frame that guide the centreline; None for none.
    vessel
        Number of the vessel in the notes of its loop.
    costs
        Search for paths in the last frame, by its index and guide; questions about one
        loop share it, so that a dragged point costs no second search for vessels.
    preview_of
        Last measurement, while a point is being dragged: the vessel is then measured
        less exactly, in a fraction of the time. None measures it exactly.
    """

    cine: Cine
    frame: int
    points: tuple[Point, ...]
    calibration: Calibration
    method: Method = "tube"
    reference_method: ReferenceMethod = "curve fitted"
    markers: tuple[float, float] | None = None
    guide: NDArray[np.bool_] | None = field(default=None, repr=False)
    vessel: int = 1
    costs: dict[CostKey, PathSearch] = field(default_factory=dict, repr=False)
    preview_of: VesselMeasurement | None = field(default=None, repr=False)

    def answer(self) -> VesselMeasurement | MeasurementError:
        """Return the measurement, or the error that explains why there is none."""
        try:
            found = measure_vessel(
                self.cine,
                self.frame,
                self.points,
                cost=self._cost(),
                calibration=self.calibration,
                method=self.method,
                reference_method=self.reference_method,
                markers=self.markers,
                preview_of=self.preview_of,
            )
        except MeasurementError as error:
            return error
        _ = found.profile.uncertainty  # here and not in the window, which plots it
        return found

    def is_of(self, other: VesselQuestion) -> bool:
        """Return whether another request differs in nothing but the points' places."""
        return (
            self.cine is other.cine
            and len(self.points) == len(other.points)
            and self._choices() == other._choices()
        )

    def _choices(self) -> tuple[object, ...]:
        return (
            self.vessel, self.frame, self.calibration, self.method,
            self.reference_method, self.markers,
        )  # fmt: skip

    def _cost(self) -> PathSearch | None:
        if not self.cine.frames.usable(self.frame):
            return None
        guide = self.guide
        key = self.frame, None if guide is None else hash(guide.tobytes())
        if key not in self.costs:
            probability = None if guide is None else guide.astype(float)
            cost = vessel_cost(self.cine.normalized(self.frame), probability)
            self.costs.clear()
            self.costs[key] = PathSearch(cost)
        return self.costs[key]
