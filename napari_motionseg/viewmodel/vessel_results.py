"""Keep what was measured of each vessel of a loop, and know what is out of date."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_motionseg.measurement import VesselMeasurement
from napari_motionseg.measurement.diameters import DiameterProfile
from napari_motionseg.measurement.vessel import with_borders
from napari_motionseg.viewmodel.vessel_notes import LoopNotes, VesselNotes

if TYPE_CHECKING:
    from napari_motionseg.measurement import FollowedVessel
    from napari_motionseg.measurement.loop_numbers import LoopNumbers

Followed = tuple["FollowedVessel", "LoopNumbers"]


class VesselResults:
    """Measurements by the number of their vessel.

    Attributes
    ----------
    measured
        Last measurement of each vessel; it stays until a newer one is there.
    followed
        Vessels that were followed through the loop, and the loop's numbers.
    """

    def __init__(self) -> None:
        self.measured: dict[int, VesselMeasurement] = {}
        self.followed: dict[int, Followed] = {}
        self._stale: set[int] = set()
        self._failed: set[int] = set()

    def asked(self, number: int) -> None:
        """Note that a vessel is about to be measured."""
        self._failed.discard(number)

    def outdate(self, number: int) -> None:
        """Note that a vessel has changed: its numbers are of another one."""
        self._stale.add(number)
        self._failed.discard(number)
        self.followed.pop(number, None)

    def drop(self, number: int) -> None:
        """Forget a vessel's numbers."""
        self.outdate(number)
        self.measured.pop(number, None)

    def compare(self, before: LoopNotes, now: LoopNotes) -> None:
        """Outdate the vessels that differ from the notes before, and forget gone ones.

        Parameters
        ----------
        before, now
            Notes of the loop before and after a change.
        """
        same = before.calibration == now.calibration
        numbers = {one.number for one in now.vessels}
        for one in before.vessels:
            if one.number not in numbers:
                self.drop(one.number)
            elif not same or one != now.numbered(one.number):
                self.outdate(one.number)

    def preview(self, number: int, found: VesselMeasurement) -> None:
        """Show a measurement of points that have moved on; it stays out of date."""
        self.measured[number] = found

    def accept(self, vessel: VesselNotes, found: VesselMeasurement) -> None:
        """Keep a measurement, with the borders of lesions that the user has moved."""
        for index, start, end in vessel.borders:
            if index < len(found.lesions):
                found = with_borders(found, index, start, end)
        self.measured[vessel.number] = found
        self._stale.discard(vessel.number)

    def fail(self, number: int) -> None:
        """Note that a vessel's points give no measurement."""
        self.measured.pop(number, None)
        self._stale.discard(number)
        self._failed.add(number)

    def number_of(self, profile: DiameterProfile) -> int | None:
        """Return the number of the vessel with a profile; None if it has changed."""
        for number, found in self.measured.items():
            if found.profile is profile and number not in self._stale:
                return number
        return None

    def missing(self, notes: LoopNotes) -> tuple[VesselNotes, int] | None:
        """Return a vessel that is to be measured, and its frame; None if there is none.

        A project that was opened has such vessels, and a new calibration makes some.
        """
        for vessel in notes.vessels:
            number, frame = vessel.number, vessel.frame
            known = number in self.measured and number not in self._stale
            if known or number in self._failed or frame is None:
                continue
            if len(vessel.points(frame)) > 1:
                return vessel, frame
        return None
