"""Ask for the numbers of the vessel that is shown, and then of all others."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from psygnal import Signal

from napari_motionseg.cine import Cine
from napari_motionseg.errors import MeasurementError
from napari_motionseg.measurement import (
    Calibration,
    VesselMeasurement,
    calibration_of,
)
from napari_motionseg.measurement.centreline import Point
from napari_motionseg.measurement.loop_vessel import LoopVessel
from napari_motionseg.measurement.path_search import PathSearch
from napari_motionseg.viewmodel.edited_vessels import EditedVessels
from napari_motionseg.viewmodel.vessel_notes import LoopNotes, VesselNotes
from napari_motionseg.viewmodel.vessel_question import CostKey, Guide, VesselQuestion
from napari_motionseg.viewmodel.vessel_results import VesselResults

if TYPE_CHECKING:
    from napari_motionseg.measurement import FollowedVessel
    from napari_motionseg.measurement.loop_numbers import LoopNumbers

WAITING = "Click the proximal and the distal end of a vessel."


class ShownVessel:
    """The loop, the vessel and the frame that are shown, and all results.

    Attributes
    ----------
    asked
        Emitted with a `VesselQuestion`, whose result must be passed to `accept`.
    changed
        Emitted after the result, the message or the calibration has changed.
    cine
        The loop that is measured, or None.
    vessels
        The vessels of the loop, which can be added, removed and undone.
    results
        What was measured of each vessel, also while another frame is shown.
    message
        Hint for the user, such as the next step; may be empty.
    warning
        Sentence on calibrations that differ; may be empty.
    held
        Whether the mouse holds a point: its numbers are then previews.
    follow_again
        Whether the current vessel was followed before its points were moved.
    """

    asked: ClassVar[Signal] = Signal(object)
    changed: ClassVar[Signal] = Signal()

    def __init__(self) -> None:
        self._guide: Guide | None = None
        self.vessels = EditedVessels()
        self.start(None, None)

    def start(self, cine: Cine | None, notes: LoopNotes | None) -> None:
        """Forget the results, and begin with a loop and its notes, or with none."""
        self.cine = cine
        self.message, self.warning = WAITING, ""
        self.held = self.follow_again = False
        self.vessels.start(notes)
        self.results = VesselResults()
        self._frame = 0
        self._previewed = False  # since the last exact measurement was asked for
        self._question: VesselQuestion | None = None  # that is being answered
        self._costs: dict[CostKey, PathSearch] = {}

    @property
    def vessel(self) -> VesselNotes:
        """The vessel that is edited."""
        return self.vessels.vessel

    @property
    def points(self) -> tuple[Point, ...]:
        """Rows and columns of the vessel's points on the shown frame."""
        return self.vessel.points(self._frame)

    @property
    def calibration(self) -> Calibration:
        """Size of a pixel."""
        if self.cine is None:
            return Calibration()
        return self.vessels.notes.calibration or calibration_of(self.cine)

    @property
    def markers(self) -> tuple[float, float] | None:
        """Arc lengths of the reference markers; None for their usual places."""
        return self.vessel.markers

    @property
    def measured(self) -> VesselMeasurement | None:
        """The displayed measurement of the current vessel, or None."""
        found = self.results.measured.get(self.vessel.number)
        if found is None or found.frame == self._frame or self.followed is not None:
            return found
        return None

    @property
    def followed(self) -> FollowedVessel | None:
        """The current vessel in all frames, or None."""
        pair = self.results.followed.get(self.vessel.number)
        return None if pair is None else pair[0]

    @property
    def numbers(self) -> LoopNumbers | None:
        """Numbers of the whole loop for the followed vessel, or None."""
        pair = self.results.followed.get(self.vessel.number)
        return None if pair is None else pair[1]

    @property
    def being_measured(self) -> bool:
        """Whether the displayed numbers are about to be replaced by newer ones."""
        question = self._question
        return question is not None and question.vessel == self.vessel.number

    def all_measured(self) -> list[LoopVessel]:
        """Return all measured vessels of the loop in the order of their numbers."""
        found = []
        for number, measured in sorted(self.results.measured.items()):
            followed, numbers = self.results.followed.get(number, (None, None))
            found.append(LoopVessel(number, measured, followed, numbers))
        return found

    def hold(self, held: bool) -> None:
        """Make the moves of a dragged point one step, and their numbers previews.

        Parameters
        ----------
        held
            True when the mouse is pressed on a point, False when it is released: the
            vessel is then measured once, exactly.
        """
        self.vessels.hold(held)
        self.held = held
        if not held and self._previewed:
            self._ask()

    def accept(
        self, question: VesselQuestion, found: VesselMeasurement | MeasurementError
    ) -> None:
        """Store the result of a request.

        If a newer request about the same vessel waits, because its points are being
        dragged faster than vessels are measured, the result is shown meanwhile.
        """
        if question is not self._question:
            self._preview(question, found)
            return
        self._question = None
        shown = question.vessel == self.vessel.number
        if isinstance(found, MeasurementError):
            self.results.fail(question.vessel)
            if shown:
                self.message = f"{str(found)[:1].upper()}{str(found)[1:]}."
        elif question.preview_of is not None:
            self.results.preview(question.vessel, found)
            self.message = ""
        else:
            vessel = self.vessels.notes.numbered(question.vessel)
            self.results.accept(vessel, found)
            self.message = "" if shown else self.message
        self.changed.emit()
        self._ask_for_others()

    def _preview(
        self, question: VesselQuestion, found: VesselMeasurement | MeasurementError
    ) -> None:
        """Show a result whose points have moved on, until that of the newer ones."""
        newer = self._question
        if newer is None or isinstance(found, MeasurementError):
            return
        if newer.is_of(question) and newer.vessel == self.vessel.number:
            self.results.preview(question.vessel, found)
            self.changed.emit()

    def _ask(self) -> None:
        self._question = None
        if self.cine is None:
            return
        if len(self.points) < 2:
            if self.vessel.frame in (None, self._frame):
                self.results.drop(self.vessel.number)
            self.message = WAITING
            self.changed.emit()
            self._ask_for_others()
            return
        self.results.asked(self.vessel.number)
        self._ask_about(self.vessel, self._frame)

    def _ask_for_others(self) -> None:
        if self.held:
            return  # the dragged vessel's turn comes again at once
        wanted = self.results.missing(self.vessels.notes)
        if wanted is not None:
            self._ask_about(*wanted)

    def _ask_about(self, vessel: VesselNotes, frame: int) -> None:
        if self.cine is None:
            return
        known = self.measured if self.held and vessel is self.vessel else None
        self._previewed = known is not None
        guide = None if self._guide is None else self._guide(frame)
        if guide is not None and not guide.any():
            guide = None  # this frame has no masks
        self._question = VesselQuestion(
            self.cine, frame, vessel.points(frame), self.calibration, vessel.method,
            vessel.reference_method, vessel.markers, guide, vessel.number, self._costs,
            known,
        )  # fmt: skip
        self.asked.emit(self._question)
