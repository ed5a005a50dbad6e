"""Hold the state of the Measure dock: vessels of a loop, settings and numbers."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from psygnal import Signal

from napari_motionseg.cine import Cine
from napari_motionseg.errors import MeasurementError
from napari_motionseg.measurement import (
    Calibration,
    VesselMeasurement,
    calibration_by_catheter,
    calibration_of,
)
from napari_motionseg.measurement.calibration import disagreement
from napari_motionseg.measurement.centreline import Point
from napari_motionseg.measurement.diameters import DiameterProfile, Method
from napari_motionseg.measurement.stenosis import ReferenceMethod
from napari_motionseg.measurement.vessel import with_borders, with_reference
from napari_motionseg.viewmodel.shaft_blur import ShaftBlur
from napari_motionseg.viewmodel.shown_vessel import WAITING, ShownVessel
from napari_motionseg.viewmodel.vessel_notes import LoopNotes, Place, VesselNotes
from napari_motionseg.viewmodel.vessel_question import Guide

if TYPE_CHECKING:
    from napari_motionseg.measurement import FollowedVessel

__all__ = ["WAITING", "MeasureState"]


class MeasureState(ShownVessel):
    """Vessels of a loop as a user places, chooses and calibrates them, without Qt.

    Attributes
    ----------
    replaced
        Emitted after the points of the current vessel have changed without a click.
    """

    replaced: ClassVar[Signal] = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._shaft = ShaftBlur()
        self.vessels.replaced.connect(self._replaced)

    def show_loop(self, cine: Cine | None, notes: LoopNotes | None = None) -> None:
        """Start with another loop, or none.

        Parameters
        ----------
        cine
            The loop, or None.
        notes
            Vessels that were placed in it before; None for none.
        """
        self.start(cine, notes)
        self._shaft = ShaftBlur()
        self._shown_anew()

    def place(self, frame: int, points: tuple[Point, ...]) -> None:
        """Set the current vessel's points on a frame, and request a measurement.

        Parameters
        ----------
        frame
            Index of the frame, which is shown.
        points
            Rows and columns in px, in the order in which they were clicked.
        """
        others = [place for place in self.vessel.places if place[0] != frame]
        here = [(frame, row, column) for row, column in points]
        self.place_all(frame, (*others, *here))

    def place_all(self, frame: int, places: tuple[Place, ...]) -> None:
        """Set all points of the current vessel, and request a measurement.

        Parameters
        ----------
        frame
            Index of the frame that is shown.
        places
            Frame, row and column of the points, in the order of clicks.
        """
        if self.cine is None:
            return
        before, moved = self.vessel, self._frame != frame
        if places != before.places:
            if not any(place[0] == self._frame for place in places):
                self._shaft.left(self.points, self.measured)
            self._frame = frame
            followed = self.followed is not None
            self.follow_again |= followed
            self.results.outdate(before.number)
            # each click is a step of its own; a drag is one
            dragged = len(places) == len(before.places)
            kind = f"points {before.number}" if dragged else ""
            self.vessels.edit(self.vessels.notes.having(before.placed(places)), kind)
            if followed:
                self.changed.emit()  # a picture of another vessel must not stay
            self._ask()
        elif moved:
            self._frame = frame
            if self.followed is None or self.points:
                self._ask()

    def _replaced(self, before: LoopNotes) -> None:
        """Show other points than before, by undo or because of another vessel."""
        self._shaft.left(before.vessel.points(self._frame), self.measured)
        self.results.compare(before, self.vessels.notes)
        self._shown_anew()

    def _shown_anew(self) -> None:
        self.follow_again = False
        if self.vessel.frame is not None:
            self._frame = self.vessel.frame
        self._compare_calibrations()
        self.replaced.emit()
        self._ask()
        self.changed.emit()

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

        number = self.results.number_of(profile)
        if self.cine is None or number is None:
            return "the vessel has changed meanwhile"
        self.results.followed[number] = followed, loop_numbers(self.cine, followed)
        self.changed.emit()
        return None

    def move_markers(self, first: float, second: float) -> None:
        """Move the reference markers; the numbers follow without a new measurement.

        Parameters
        ----------
        first, second
            Arc lengths of the markers in the unit of the profile.
        """
        measured, vessel = self.measured, self.vessel
        if measured is None:
            return
        markers = (min(first, second), max(first, second))
        try:
            found = with_reference(measured, vessel.reference_method, markers)
        except MeasurementError:
            return  # both markers at one place, while they are dragged
        changed = replace(vessel, markers=markers, borders=())
        self._dragged(changed, found, f"markers {vessel.number}")

    def move_borders(self, index: int, start: float, end: float) -> None:
        """Move the borders of a lesion; the numbers follow.

        Parameters
        ----------
        index
            Index of the lesion.
        start, end
            Arc lengths of its borders in the unit of the profile.
        """
        measured, vessel = self.measured, self.vessel
        if measured is None:
            return
        try:
            found = with_borders(measured, index, start, end)
        except MeasurementError:
            return  # the borders have met while they are dragged
        changed = vessel.bordered(index, start, end)
        self._dragged(changed, found, f"borders {vessel.number} {index}")

    def _dragged(
        self, vessel: VesselNotes, found: VesselMeasurement, kind: str
    ) -> None:
        self.results.measured[vessel.number] = found
        self.vessels.edit(self.vessels.notes.having(vessel), kind)
        self.changed.emit()

    def choose(
        self,
        method: Method | None = None,
        reference_method: ReferenceMethod | None = None,
    ) -> None:
        """Measure the current vessel by other methods; None to keep a method."""
        vessel = self.vessel
        changed = vessel.chosen(
            method=method or vessel.method,
            reference_method=reference_method or vessel.reference_method,
        )
        if self.cine is not None:
            self.results.asked(vessel.number)
            self.vessels.edit(self.vessels.notes.having(changed))
            self._ask()

    def guide_by(self, guide: Guide | None) -> None:
        """Let masks guide the centreline; diameters always come from the picture.

        Parameters
        ----------
        guide
            Function that returns the mask ``(H, W)`` bool of a frame; None for none.
        """
        self._guide = guide
        if len(self.points) > 1:
            self._ask()

    def calibrate(self, calibration: Calibration | None) -> None:
        """Measure with another size of a pixel, and warn if the header disagrees.

        Parameters
        ----------
        calibration
            Size of a pixel; None for that of the header.
        """
        if self.cine is None:
            return
        before = self.vessels.notes
        self.vessels.edit(before.calibrated(calibration))
        self.results.compare(before, self.vessels.notes)
        self._compare_calibrations()
        self._ask()
        self.changed.emit()  # the size of a pixel is shown before the answer comes

    def _compare_calibrations(self) -> None:
        header = self.calibration if self.cine is None else calibration_of(self.cine)
        self.warning = disagreement(header, self.calibration)

    def calibrate_by_header(self) -> None:
        """Measure with the size of a pixel that the loop's header gives."""
        self.calibrate(None)

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
        if self.cine is None or len(self.points) < 2:
            raise MeasurementError(
                "place two points on the shaft of the catheter first; they serve as "
                "the ends of what is measured"
            )
        first, *_, last = self.points
        found = calibration_by_catheter(
            self.cine, self._frame, french, first, last, blur=self._shaft.blur
        )
        self._shaft.calibrated_by(self.points)
        self.calibrate(found)
