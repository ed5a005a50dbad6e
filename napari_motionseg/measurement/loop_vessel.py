"""Put together what is known of one vessel of a loop, for files and reports."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from napari_motionseg.measurement.following import FollowedVessel
from napari_motionseg.measurement.loop_numbers import LoopNumbers
from napari_motionseg.measurement.vessel import VesselMeasurement


@dataclass(frozen=True, eq=False)
class LoopVessel:
    """A measured vessel with its number and, if it was followed, its way.

    Parameters
    ----------
    number
        Number of the vessel in its loop, from 1.
    measured
        Measurement in one frame.
    followed
        The vessel in all frames, or None.
    numbers
        What the whole loop says about the followed vessel, or None.
    """

    number: int
    measured: VesselMeasurement
    followed: FollowedVessel | None = None
    numbers: LoopNumbers | None = None

    @property
    def name(self) -> str:
        """Name for users."""
        return f"vessel {self.number}"

    def as_dict(self) -> dict[str, Any]:
        """Return all numbers as JSON values."""
        row = {"vessel": self.number, **self.measured.as_dict()}
        if self.numbers is not None:
            row["followed"] = self.numbers.as_dict()
        return row


@dataclass(frozen=True)
class LesionRow:
    """A row of the table of lesions; a vessel without a lesion has one row.

    Parameters
    ----------
    vessel
        Number of the vessel.
    frame
        Index of the frame.
    lesion
        Index of the lesion, the most severe first; None for the vessel's smallest
        diameter where there is no lesion.
    mld, rvd
        Smallest diameter and reference diameter there, in the unit.
    percent_diameter_stenosis, percent_area_stenosis
        Narrowing in per cent of the reference diameter and of its area.
    length
        Length of the lesion in the unit; None without a lesion.
    unit
        Unit of lengths.
    """

    vessel: int
    frame: int
    lesion: int | None
    mld: float
    rvd: float
    percent_diameter_stenosis: float
    percent_area_stenosis: float
    length: float | None
    unit: str


def lesion_rows(number: int, measured: VesselMeasurement) -> list[LesionRow]:
    """Return the rows of a vessel in the table of lesions.

    Parameters
    ----------
    number
        Number of the vessel.
    measured
        Measurement of the vessel.
    """
    unit = measured.profile.calibration.unit
    if not measured.lesions:
        smallest = int((measured.profile.diameters / measured.reference).argmin())
        mld = float(measured.profile.diameters[smallest])
        rvd = float(measured.reference[smallest])
        share = mld / rvd
        return [
            LesionRow(
                number, measured.frame, None, mld, rvd, 100 * (1 - share),
                100 * (1 - share**2), None, unit,
            )
        ]  # fmt: skip
    return [
        LesionRow(
            number, measured.frame, index, one.mld, one.rvd,
            one.percent_diameter_stenosis, one.percent_area_stenosis, one.length, unit,
        )
        for index, one in enumerate(measured.lesions)
    ]  # fmt: skip
