"""Collect what a followed vessel says about the heart and the contrast agent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from napari_motionseg.cine import Cine
from napari_motionseg.errors import MeasurementError
from napari_motionseg.measurement.beat_phase import HeartPhase, heart_phase
from napari_motionseg.measurement.contrast_time import (
    ContrastArrival,
    contrast_arrival,
)
from napari_motionseg.measurement.following import FollowedVessel
from napari_motionseg.measurement.heartbeat import WallStrain, wall_strain
from napari_motionseg.measurement.r_wave_check import RWaveCheck, check_by_r_waves

TRUSTED = 0.5  # share of the motion that a beat must explain
MOST_DRIFT_PX = 3.0  # along the vessel, there and back
MOST_UNSEEN = 0.1  # share of a vessel's sections that a frame may leave to guess
LONGER = 0.2  # share; hearts stretch a vessel in the picture by less
NO_TIMES = "frame times are unknown: there is no heart rate and no speed of contrast"


@dataclass(frozen=True, eq=False)
class LoopNumbers:
    """Numbers of a followed vessel; what could not be found is None.

    Parameters
    ----------
    unit
        Unit of lengths.
    phase
        Phase of the heart in each frame.
    strain
        Change of each section's diameter over the beat.
    arrival
        Arrival of contrast at each section.
    notes
        Sentences about what could not be found, or should not be trusted.
    r_waves
        How far the end diastoles are from the R waves of the file, if it has some.
    """

    unit: str
    phase: HeartPhase | None
    strain: WallStrain | None
    arrival: ContrastArrival | None
    notes: tuple[str, ...] = ()
    r_waves: RWaveCheck | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the numbers as JSON values; None stands for what is unknown."""
        phase, strain, arrival = self.phase, self.strain, self.arrival
        speed = f"front_speed_{self.unit}_per_s"
        found: dict[str, Any] = {
            "heart_rate_bpm": None, "end_diastoles_ms": None, "beat_explains": None,
            "r_waves_ms": None, "end_diastole_after_r_ms": None,
            "r_waves_found": None,
            "median_wall_strain": None, speed: None, f"{speed}_interval": None,
            "arrival_resolution_ms": None, "transit_ms": None,
            "timi_frame_count": None, "timi_frame_count_lad_corrected": None,
            "timi_resolution": None, "wash_out_ms": None,
        }  # fmt: skip
        if phase is not None:
            found["heart_rate_bpm"] = _number(phase.rate_bpm)
            found["end_diastoles_ms"] = [_number(t) for t in phase.end_diastoles_ms]
            found["beat_explains"] = _number(phase.explained)
        if self.r_waves is not None:
            found["r_waves_ms"] = [_number(t) for t in self.r_waves.r_waves_ms]
            found["end_diastole_after_r_ms"] = _number(self.r_waves.offset_ms)
            found["r_waves_found"] = self.r_waves.found
        if strain is not None:
            found["median_wall_strain"] = _number(strain.typical)
        if arrival is not None:
            found[speed] = _number(arrival.speed)
            between = (arrival.speed_low, arrival.speed_high)
            found[f"{speed}_interval"] = [_number(one) for one in between]
            found["arrival_resolution_ms"] = _number(arrival.resolution_ms)
            found["transit_ms"] = _number(arrival.transit_ms)
            found["timi_frame_count"] = _number(arrival.timi_frame_count)
            found["timi_frame_count_lad_corrected"] = _number(
                arrival.corrected_timi_frame_count
            )
            found["timi_resolution"] = _number(arrival.timi_resolution)
            found["wash_out_ms"] = _number(arrival.typical_wash_out_ms)
        return found


def loop_numbers(cine: Cine, followed: FollowedVessel) -> LoopNumbers:
    """Return what the whole loop says about a vessel.

    Parameters
    ----------
    cine
        The loop.
    followed
        The vessel in every frame.
    """
    unit, times = followed.calibration.unit, cine.frame_times
    if times is None:
        return LoopNumbers(unit, None, None, None, (NO_TIMES,))
    notes = _drift_notes(followed) + _unseen_notes(followed)
    notes += _length_notes(followed)
    phase = strain = arrival = check = None
    try:
        phase = heart_phase(followed.points, times)
        if phase.explained < TRUSTED:
            notes.append(
                f"a heartbeat explains only {100 * phase.explained:.0f} % of the "
                "vessel's motion: the heart rate and the wall strain are not known"
            )
            phase = None
        else:
            strain = wall_strain(followed.diameters, phase.phase)
            check = check_by_r_waves(phase.end_diastoles_ms, cine.r_waves, times)
            if check is not None:
                notes.append(check.sentence())
    except MeasurementError as error:
        notes.append(str(error))
    try:
        arrival = contrast_arrival(followed.contrast, times, followed.arc_length)
        if not np.isfinite(arrival.times_ms).any():
            notes.append(
                "contrast fills the vessel from the first frame, or never arrives: "
                "there is no arrival time"
            )
    except MeasurementError as error:
        notes.append(str(error))
    return LoopNumbers(unit, phase, strain, arrival, tuple(notes), check)


def _drift_notes(followed: FollowedVessel) -> list[str]:
    """Return a sentence if sections have lost their places; none if they kept them."""
    known = followed.drift[np.isfinite(followed.drift)]
    if not len(known) or (usual := float(np.median(known))) <= MOST_DRIFT_PX:
        return []
    return [
        f"sections are {usual:.1f} px from their start after the way to a frame and "
        "back (median): do not trust what is said of single sections over time"
    ]


def _unseen_notes(followed: FollowedVessel) -> list[str]:
    """Return a sentence on filled frames that do not show a part of the vessel."""
    filled = followed.followed & ~followed.predicted
    share = followed.interpolated.mean(axis=1)
    some = np.flatnonzero(filled & (share > MOST_UNSEEN))
    if not len(some):
        return []
    unseen = followed.interpolated[some]
    place = np.nanmax(np.where(unseen, followed.place_sd[some], np.nan), initial=0.0)
    return [
        f"in {len(some)} frames over {100 * MOST_UNSEEN:.0f} % of the vessel is not "
        "seen: these sections have no diameter there, and their places, between those "
        f"that are seen, are known to {place:.0f} px at worst (standard deviation)"
    ]


def _length_notes(followed: FollowedVessel) -> list[str]:
    """Return a sentence on frames in which the line is far too long.

    A part of the line that has left the vessel winds through the tissue beside it.
    """
    plane = followed.points * (followed.profile.line.aspect, 1.0)
    length = np.linalg.norm(np.diff(plane, axis=1), axis=2).sum(axis=1)
    longer = length / length[followed.anchor] - 1
    # NaN, where the vessel was not followed, is not longer
    long = np.flatnonzero((longer > LONGER) & ~followed.predicted)
    if not len(long):
        return []
    worst = long[np.argmax(longer[long])]
    return [
        f"in {len(long)} frames the line is over {100 * LONGER:.0f} % longer than in "
        f"frame {followed.anchor}, most in frame {worst} "
        f"({100 * longer[worst]:.0f} %): parts of it have left the vessel there, "
        f"unless frame {followed.anchor} shows the vessel foreshortened"
    ]


def _number(value: float) -> float | None:
    return round(float(value), 4) if np.isfinite(value) else None
