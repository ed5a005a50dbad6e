"""Hold the state of the Measure dock: points on a vessel, settings and numbers."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from psygnal import Signal

from napari_motionseg.cine import Cine
from napari_motionseg.errors import MeasurementError
from napari_motionseg.measurement import (
    Calibration,
    VesselMeasurement,
    calibration_by_catheter,
    calibration_of,
    measure_vessel,
)
from napari_motionseg.measurement.calibration import disagreement
from napari_motionseg.measurement.centreline import Point, vessel_cost
from napari_motionseg.measurement.diameters import Method
from napari_motionseg.measurement.stenosis import ReferenceMethod

WAITING = "Click the proximal and the distal end of a vessel."


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
    costs
        Cost of the pixels of the last frame, by its index; questions about one loop
        share it, so that a dragged point costs no second search for vessels.
    """

    cine: Cine
    frame: int
    points: tuple[Point, ...]
    calibration: Calibration
    method: Method = "tube"
    reference_method: ReferenceMethod = "curve fitted"
    costs: dict[int, NDArray[np.float64]] = field(default_factory=dict, repr=False)

    def answer(self) -> VesselMeasurement | MeasurementError:
        """Return the measurement, or the error that explains why there is none."""
        try:
            return measure_vessel(
                self.cine,
                self.frame,
                self.points,
                cost=self._cost(),
                calibration=self.calibration,
                method=self.method,
                reference_method=self.reference_method,
            )
        except MeasurementError as error:
            return error

    def _cost(self) -> NDArray[np.float64] | None:
        if not self.cine.frames.usable(self.frame):
            return None
        if self.frame not in self.costs:
            cost = vessel_cost(self.cine.normalized(self.frame))
            self.costs.clear()
            self.costs[self.frame] = cost
        return self.costs[self.frame]


class MeasureState:
    """Points, settings and result of a measurement, without Qt.

    Attributes
    ----------
    asked
        Emitted with a `VesselQuestion`, whose result must be passed to `accept`.
    changed
        Emitted after the result, the message or the calibration has changed.
    measured
        The displayed measurement, or None.
    message
        Hint for the user, such as the next step; may be empty.
    """

    asked: ClassVar[Signal] = Signal(object)
    changed: ClassVar[Signal] = Signal()

    def __init__(self) -> None:
        self._question: VesselQuestion | None = None
        self.measured: VesselMeasurement | None = None
        self.message = WAITING
        self.warning = ""

    @property
    def cine(self) -> Cine | None:
        """The loop that is measured, or None."""
        return None if self._question is None else self._question.cine

    @property
    def calibration(self) -> Calibration:
        """Size of a pixel."""
        return Calibration() if self._question is None else self._question.calibration

    def show_loop(self, cine: Cine | None) -> None:
        """Start with another loop, or none; the calibration is that of its header."""
        self.warning = ""
        self._question = None
        if cine is not None:
            self._question = VesselQuestion(cine, 0, (), calibration_of(cine))
        self._clear(WAITING)

    def place(self, frame: int, points: tuple[Point, ...]) -> None:
        """Set the points of a frame, and request a measurement of two or more.

        Parameters
        ----------
        frame
            Index of the frame.
        points
            Rows and columns in px, in the order in which they were clicked.
        """
        if self._question is None:
            return
        before = self._question
        if (before.frame, before.points) == (frame, points):
            return
        self._question = replace(before, frame=frame, points=points)
        self._ask()

    def choose(
        self,
        method: Method | None = None,
        reference_method: ReferenceMethod | None = None,
    ) -> None:
        """Measure by other methods; None to keep a method."""
        if self._question is None:
            return
        self._question = replace(
            self._question,
            method=method or self._question.method,
            reference_method=reference_method or self._question.reference_method,
        )
        self._ask()

    def calibrate(self, calibration: Calibration) -> None:
        """Measure with another size of a pixel, and warn if the header disagrees."""
        if self._question is None:
            return
        self.warning = disagreement(calibration_of(self._question.cine), calibration)
        self._question = replace(self._question, calibration=calibration)
        self._ask()
        self.changed.emit()  # the size of a pixel is shown before the answer comes

    def calibrate_by_header(self) -> None:
        """Measure with the size of a pixel that the loop's header gives."""
        if self._question is not None:
            self.calibrate(calibration_of(self._question.cine))

    def calibrate_by_catheter(self, french: float) -> None:
        """Calibrate by the first and the last point, which lie on a catheter's shaft.

        Parameters
        ----------
        french
            French size of the catheter.

        Raises
        ------
        MeasurementError
            If fewer than two points are placed, or there is no tube between them.
        """
        question = self._question
        if question is None or len(question.points) < 2:
            raise MeasurementError(
                "place two points on the shaft of the catheter first; they serve as "
                "the ends of what is measured"
            )
        first, *_, last = question.points
        self.calibrate(
            calibration_by_catheter(question.cine, question.frame, french, first, last)
        )

    def accept(
        self, question: VesselQuestion, found: VesselMeasurement | MeasurementError
    ) -> None:
        """Store the result of a request, unless a newer request was made."""
        if question is not self._question:
            return
        if isinstance(found, MeasurementError):
            self._clear(f"{str(found)[:1].upper()}{str(found)[1:]}.")
            return
        self.measured, self.message = found, ""
        self.changed.emit()

    def _ask(self) -> None:
        question = self._question
        if question is None or len(question.points) < 2:
            self._clear(WAITING)
            return
        self.asked.emit(question)

    def _clear(self, message: str) -> None:
        self.measured, self.message = None, message
        self.changed.emit()
