"""Hold the state of the Measure dock: points on a vessel, settings and numbers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, ClassVar

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
from napari_motionseg.measurement.diameters import DiameterProfile, Method
from napari_motionseg.measurement.stenosis import ReferenceMethod
from napari_motionseg.measurement.vessel import with_borders, with_reference

if TYPE_CHECKING:
    from napari_motionseg.measurement import FollowedVessel
    from napari_motionseg.measurement.loop_numbers import LoopNumbers

CostKey = tuple[int, int | None]  # frame, and hash of the guide
Guide = Callable[[int], NDArray[np.bool_]]

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
    markers
        Arc lengths of the reference markers; None for their usual places.
    guide
        ``(H, W)`` bool, masks of the frame that guide the centreline; None for none.
    costs
        Cost of the pixels of the last frame, by its index and guide; questions about
        one loop share it, so that a dragged point costs no second search for vessels.
    """

    cine: Cine
    frame: int
    points: tuple[Point, ...]
    calibration: Calibration
    method: Method = "tube"
    reference_method: ReferenceMethod = "curve fitted"
    markers: tuple[float, float] | None = None
    guide: NDArray[np.bool_] | None = field(default=None, repr=False)
    costs: dict[CostKey, NDArray[np.float64]] = field(default_factory=dict, repr=False)

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
                markers=self.markers,
            )
        except MeasurementError as error:
            return error

    def _cost(self) -> NDArray[np.float64] | None:
        if not self.cine.frames.usable(self.frame):
            return None
        guide = self.guide
        key = self.frame, None if guide is None else hash(guide.tobytes())
        if key not in self.costs:
            probability = None if guide is None else guide.astype(float)
            cost = vessel_cost(self.cine.normalized(self.frame), probability)
            self.costs.clear()
            self.costs[key] = cost
        return self.costs[key]


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
    followed
        The measured vessel in all frames, or None.
    numbers
        What the whole loop says about the followed vessel, or None.
    """

    asked: ClassVar[Signal] = Signal(object)
    changed: ClassVar[Signal] = Signal()

    def __init__(self) -> None:
        self._question: VesselQuestion | None = None
        self.measured: VesselMeasurement | None = None
        self.message = WAITING
        self.warning = ""
        self._guide: Guide | None = None
        self.followed: FollowedVessel | None = None
        self.numbers: LoopNumbers | None = None
        self._blur: float | None = None  # px, of the vessel measured last
        self._shaft: tuple[Point, ...] = ()  # points that lie on a catheter

    @property
    def cine(self) -> Cine | None:
        """The loop that is measured, or None."""
        return None if self._question is None else self._question.cine

    @property
    def calibration(self) -> Calibration:
        """Size of a pixel."""
        return Calibration() if self._question is None else self._question.calibration

    @property
    def markers(self) -> tuple[float, float] | None:
        """Arc lengths of the reference markers; None for their usual places."""
        return None if self._question is None else self._question.markers

    def show_loop(self, cine: Cine | None) -> None:
        """Start with another loop, or none; the calibration is that of its header."""
        self.warning = ""
        self._drop_followed()
        self._question, self._blur, self._shaft = None, None, ()
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
        if self.followed is not None and not points and frame != before.frame:
            return  # the vessel was followed to this frame; its points stay where set
        self._drop_followed()
        if not points:
            self._remember_blur(before.points)
        self._question = replace(before, frame=frame, points=points, markers=None)
        self._ask()

    def follow(self, followed: FollowedVessel, profile: DiameterProfile) -> str | None:
        """Keep a followed vessel; return the reason why it cannot be used, or None.

        Parameters
        ----------
        followed
            The vessel in all frames.
        profile
            Diameters of the vessel that was to be followed.
        """
        from napari_motionseg.measurement.loop_numbers import loop_numbers

        measured = self.measured
        if self.cine is None or measured is None or measured.profile is not profile:
            return "the vessel has changed meanwhile"
        self.followed = followed
        self.numbers = loop_numbers(self.cine, followed)
        self.changed.emit()
        return None

    def move_markers(self, first: float, second: float) -> None:
        """Move the reference markers; the numbers follow without a new measurement.

        Parameters
        ----------
        first, second
            Arc lengths of the markers in the unit of the profile.
        """
        question, measured = self._question, self.measured
        if question is None or measured is None:
            return
        markers = (min(first, second), max(first, second))
        try:
            self.measured = with_reference(measured, question.reference_method, markers)
        except MeasurementError:
            return  # both markers at one place, while they are dragged
        self._question = replace(question, markers=markers)
        self.changed.emit()

    def move_borders(self, index: int, start: float, end: float) -> None:
        """Move the borders of a lesion; the numbers follow.

        Parameters
        ----------
        index
            Index of the lesion.
        start, end
            Arc lengths of its borders in the unit of the profile.
        """
        if self.measured is None:
            return
        try:
            self.measured = with_borders(self.measured, index, start, end)
        except MeasurementError:
            return  # the borders have met while they are dragged
        self.changed.emit()

    def _drop_followed(self) -> None:
        if self.followed is not None:
            self.followed = self.numbers = None
            self.changed.emit()  # a picture of another vessel must not stay

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
            markers=None,
            method=method or self._question.method,
            reference_method=reference_method or self._question.reference_method,
        )
        self._ask()

    def guide_by(self, guide: Guide | None) -> None:
        """Let masks guide the centreline; diameters always come from the picture.

        Parameters
        ----------
        guide
            Function that returns the mask ``(H, W)`` bool of a frame; None for none.
        """
        self._guide = guide
        if self._question is not None and len(self._question.points) > 1:
            self._ask()

    def calibrate(self, calibration: Calibration) -> None:
        """Measure with another size of a pixel, and warn if the header disagrees."""
        if self._question is None:
            return
        self._drop_followed()
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

        If a vessel of the loop was measured before, the shaft has its blur.

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
        found = calibration_by_catheter(
            question.cine, question.frame, french, first, last, blur=self._blur
        )
        self._shaft = question.points
        self.calibrate(found)

    def _remember_blur(self, points: tuple[Point, ...]) -> None:
        """Keep the blur of a vessel whose points are removed, for a catheter's shaft.

        A shaft is no such vessel: its wall and its lumen differ.
        """
        if self.measured is not None and points != self._shaft:
            self._blur = float(self.measured.profile.fit.blur)
        self._shaft = ()

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
        guide = None if self._guide is None else self._guide(question.frame)
        if guide is not None and not guide.any():
            guide = None  # this frame has no masks
        self._question = replace(question, guide=guide)
        self.asked.emit(self._question)

    def _clear(self, message: str) -> None:
        self.measured, self.message = None, message
        self.changed.emit()
