"""Describe the vessels that a user measures in a loop: points, choices, calibration.

The notes are what a user has made; all numbers follow from them and from the loop. They
are therefore what is undone, and what a project stores.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace
from typing import Any, get_args

from napari_motionseg.errors import MeasurementError
from napari_motionseg.measurement.calibration import Calibration
from napari_motionseg.measurement.centreline import Point
from napari_motionseg.measurement.diameters import Method
from napari_motionseg.measurement.stenosis import ReferenceMethod
from napari_motionseg.text import without_controls

Place = tuple[int, float, float]  # frame, row and column in px
Border = tuple[int, float, float]  # index of a lesion, and where it begins and ends

MOST_VESSELS = 200  # of a file, which may be hostile
MOST_POINTS = 10_000
LONGEST_BASIS = 300


@dataclass(frozen=True)
class VesselNotes:
    """Points on one vessel, and how it is measured.

    Parameters
    ----------
    number
        Number that is unique in the loop and never reused; users see it.
    places
        Frame, row and column of each point, in the order of clicks, proximal first.
    method
        Method of measuring diameters.
    reference_method
        Method of finding the reference diameter.
    markers
        Arc lengths of the reference markers; None for their usual places.
    borders
        Lesions whose borders a user has moved: index, begin and end in arc lengths.
    """

    number: int
    places: tuple[Place, ...] = ()
    method: Method = "tube"
    reference_method: ReferenceMethod = "curve fitted"
    markers: tuple[float, float] | None = None
    borders: tuple[Border, ...] = ()

    @property
    def frame(self) -> int | None:
        """The frame with the most points; None without points."""
        frames = [place[0] for place in self.places]
        return max(frames, key=frames.count) if frames else None

    def points(self, frame: int) -> tuple[Point, ...]:
        """Return rows and columns of the points on a frame."""
        return tuple((row, column) for t, row, column in self.places if t == frame)

    def placed(self, places: tuple[Place, ...]) -> VesselNotes:
        """Return the notes with other points; what was dragged on the plot is reset."""
        return self if places == self.places else self.chosen(places=places)

    def chosen(self, **changes: Any) -> VesselNotes:
        """Return the notes with other choices, without markers and borders."""
        if not changes:
            return self
        return replace(self, **{"markers": None, "borders": (), **changes})

    def bordered(self, index: int, start: float, end: float) -> VesselNotes:
        """Return the notes with moved borders of a lesion."""
        others = tuple(one for one in self.borders if one[0] != index)
        return replace(self, borders=(*others, (index, start, end)))


@dataclass(frozen=True)
class LoopNotes:
    """All vessels of a loop, and the size of a pixel.

    Parameters
    ----------
    vessels
        One or more vessels.
    current
        Number of the vessel that is edited.
    calibration
        Size of a pixel that the user has measured; None for that of the header.
    """

    vessels: tuple[VesselNotes, ...] = (VesselNotes(1),)
    current: int = 1
    calibration: Calibration | None = None

    @property
    def vessel(self) -> VesselNotes:
        """The vessel that is edited."""
        return self.numbered(self.current)

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing that a user would miss."""
        return self.calibration is None and not any(one.places for one in self.vessels)

    def numbered(self, number: int) -> VesselNotes:
        """Return a vessel, given its number."""
        return next(one for one in self.vessels if one.number == number)

    def having(self, vessel: VesselNotes) -> LoopNotes:
        """Return the notes with a vessel replaced by another of the same number."""
        vessels = tuple(
            vessel if one.number == vessel.number else one for one in self.vessels
        )
        return replace(self, vessels=vessels)

    def with_new(self) -> LoopNotes:
        """Return the notes with a new vessel, which is the current one."""
        number = max(one.number for one in self.vessels) + 1
        before = self.vessel
        new = VesselNotes(number, (), before.method, before.reference_method)
        return replace(self, vessels=(*self.vessels, new), current=number)

    def without_current(self) -> LoopNotes:
        """Return the notes without the current vessel; one vessel always remains."""
        left = tuple(one for one in self.vessels if one.number != self.current)
        if not left:
            return replace(self, vessels=(VesselNotes(self.current),))
        return replace(self, vessels=left, current=left[-1].number)

    def calibrated(self, calibration: Calibration | None) -> LoopNotes:
        """Return the notes with another size of a pixel; arc lengths are reset."""
        vessels = tuple(replace(one, markers=None, borders=()) for one in self.vessels)
        return replace(self, vessels=vessels, calibration=calibration)

    def as_json(self) -> dict[str, Any]:
        """Return the notes as JSON values."""
        return asdict(self)


def notes_of(row: Any) -> LoopNotes | None:
    """Return the notes that JSON values describe; None if they are damaged.

    Parameters
    ----------
    row
        JSON values from a project, which may come from an unknown source.
    """
    try:
        vessels = tuple(map(_vessel, row["vessels"][:MOST_VESSELS]))
        calibration = row.get("calibration")
        known = None if calibration is None else _calibration(calibration)
        notes = LoopNotes(vessels, _whole(row["current"]), known)
        numbers = {one.number for one in vessels}
        return (
            notes if notes.current in numbers and len(numbers) == len(vessels) else None
        )
    except (LookupError, TypeError, ValueError, AttributeError, MeasurementError):
        return None
    numbers = {one.number for one in vessels}
    unique = len(numbers) == len(vessels)
    return notes if unique and notes.current in numbers else None


def _vessel(row: Any) -> VesselNotes:
    method, reference = row["method"], row["reference_method"]
    if method not in get_args(Method) or reference not in get_args(ReferenceMethod):
        raise ValueError("a method is unknown")
    markers = row.get("markers")
    return VesselNotes(
        _whole(row["number"]),
        _triples(row["places"]),
        method,
        reference,
        None if markers is None else (_finite(markers[0]), _finite(markers[1])),
        _triples(row.get("borders", ())),
    )


def _triples(rows: Any) -> tuple[tuple[int, float, float], ...]:
    return tuple(
        (_whole(first), _finite(second), _finite(third))
        for first, second, third in rows[:MOST_POINTS]
    )


def _calibration(row: Any) -> Calibration:
    spread = row.get("spread")
    return Calibration(
        _finite(row["row_mm"]),
        _finite(row["column_mm"]),
        without_controls(str(row["basis"])[:LONGEST_BASIS]),
        row["known"] is True,
        None if spread is None else _finite(spread),
    )


def _whole(value: Any) -> int:
    if type(value) is not int or not 0 <= value < 2**31:
        raise ValueError("must be an integer that is not negative")
    return value


def _finite(value: Any) -> float:
    if isinstance(value, bool) or not math.isfinite(number := float(value)):
        raise ValueError("must be a finite number")
    return number
