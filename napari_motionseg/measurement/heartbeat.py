"""Estimate the heart rate from a vessel's motion, and the change of its diameter.

The difference between the largest and the smallest diameter of a beat grows with the
noise: a rigid vessel of 3 mm, measured with 0.05 mm of noise over 15 frames, seems to
change by 5 %. Here the course of the beat is found from other parts of the vessel, and
a section's diameters say only how much it takes part, with either sign.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_motionseg.errors import MeasurementError

Array = NDArray[np.float64]

SLOWEST_BPM, FASTEST_BPM = 40.0, 180.0
RATE_STEP_BPM = 0.5
HARMONICS = 2  # of the motion
PARTS = 8  # of a vessel; the course of the beat in one comes from the others
MOST_HARMONICS = 4  # of the diameter
FRAMES_A_HARMONIC = 6
FINE_PHASES = 100
FEWEST_FRAMES = 6
LEAST_MOTION_PX = 0.2  # root mean square: following has errors of this size
FEWEST_BEATS = 1.0
MS_A_MINUTE = 60_000.0


@dataclass(frozen=True, eq=False)
class WallStrain:
    """Change of each section's diameter over a heartbeat.

    Parameters
    ----------
    strain
        ``(N,)`` largest minus smallest diameter of the fitted beat, divided by the
        largest; negative where the diameter falls while the vessel's rises, as noise
        makes a rigid section do. NaN for sections with too few measurements.
    uncertainty
        ``(N,)`` standard deviation of `strain`.
    """

    strain: Array
    uncertainty: Array

    @property
    def typical(self) -> float:
        """Return the median over the sections; NaN if none was measured."""
        known = self.strain[np.isfinite(self.strain)]
        return float(np.median(known)) if len(known) else float("nan")


def heart_rate(points: Array, frame_times: Array) -> float:
    """Return the heart rate in beats a minute from the motion of a vessel.

    Parameters
    ----------
    points
        ``(T, N, 2)`` positions of the sections; NaN where unknown.
    frame_times
        ``(T,)`` milliseconds from the first frame.

    Raises
    ------
    MeasurementError
        If the frames cover less than one beat at the slowest rate that is searched, or
        the vessel does not move.

    Notes
    -----
    Breathing and the table move the vessel slowly; a quadratic function of time is
    therefore removed first. The result is the rate whose two harmonics explain most of
    the remaining motion.
    """
    known = np.isfinite(points).all(axis=(1, 2))
    times = frame_times[known]
    if len(times) < 2 * HARMONICS + 4:
        raise MeasurementError(
            f"a heart rate needs {2 * HARMONICS + 4} frames or more in which the "
            f"vessel was followed; there are {len(times)}"
        )
    flat = points[known].reshape(len(times), -1)
    span = float(times[-1] - times[0])
    slowest = max(SLOWEST_BPM, FEWEST_BEATS * MS_A_MINUTE / span)
    if slowest >= FASTEST_BPM:
        raise MeasurementError(
            f"the frames cover {span:.0f} ms, which is less than one heartbeat"
        )
    trend = np.vander((times - times.mean()) / span, 3)
    rest = flat - trend @ np.linalg.lstsq(trend, flat, rcond=None)[0]
    moves = float(np.sqrt((rest**2).mean()))
    if moves < LEAST_MOTION_PX:
        raise MeasurementError(
            f"the vessel does not move with a heartbeat: it moves by {moves:.2f} px "
            f"about a steady motion, as of the table; {LEAST_MOTION_PX} px or more are "
            "needed"
        )
    rates = np.arange(slowest, FASTEST_BPM, RATE_STEP_BPM)
    left = [_unexplained(rest, trend, times, rate) for rate in rates]
    return float(rates[int(np.argmin(left))])


def _unexplained(rest: Array, trend: Array, times: Array, rate: float) -> float:
    design = np.hstack(
        (_harmonics(2 * np.pi * times * rate / MS_A_MINUTE, HARMONICS), trend)
    )
    fitted = design @ np.linalg.lstsq(design, rest, rcond=None)[0]
    return float(((rest - fitted) ** 2).sum())


def wall_strain(diameters: Array, phase: Array) -> WallStrain:
    """Return the change of each section's diameter over a heartbeat.

    Parameters
    ----------
    diameters
        ``(T, N)`` diameters, NaN where not measured.
    phase
        ``(T,)`` share of the beat that has passed, from `heart_phase`.

    Notes
    -----
    The pressure moves the wall of a whole vessel in the same course over the beat, in
    some places more than in others. The course is taken from the other parts of the
    vessel, where noise is averaged away; a section's own diameters then give its
    amplitude alone. Because noise of other parts is independent, a rigid vessel reads
    zero on average: no part of the noise has to be subtracted.
    """
    count = diameters.shape[1]
    strain, spread = np.full(count, np.nan), np.full(count, np.nan)
    known = np.isfinite(diameters)
    middle = np.nanmedian(np.where(known.any(axis=0), diameters, 1.0), axis=0)
    relative = diameters / middle - 1
    design = _beat_design(phase)
    frames, size = design.shape
    if frames < size + 2:
        return WallStrain(strain, spread)
    for part in np.array_split(np.arange(count), PARTS):
        others = np.setdiff1d(np.arange(count), part)
        if not len(part) or not len(others):
            continue
        course = _course(relative[:, others], design)
        if course is None:
            continue
        for n in part:
            strain[n], spread[n] = _amplitude(relative[:, n], course, phase)
    return WallStrain(strain, spread)


def _beat_design(phase: Array) -> Array:
    """Return a constant and harmonics ``(T, 1 + 2 K)`` of the beat."""
    count = int(np.clip(len(phase) // FRAMES_A_HARMONIC, 1, MOST_HARMONICS))
    return np.hstack((np.ones((len(phase), 1)), _harmonics(2 * np.pi * phase, count)))


def _course(relative: Array, design: Array) -> Array | None:
    """Return the coefficients of the common course of sections ``(T, N)``, or None."""
    known = np.isfinite(relative).any(axis=1)
    if known.sum() < design.shape[1] + 2:
        return None
    usual = np.nanmedian(relative[known], axis=1)
    fitted = np.linalg.lstsq(design[known], usual, rcond=None)[0]
    return np.asarray(fitted, np.float64)


def _amplitude(relative: Array, course: Array, phase: Array) -> tuple[float, float]:
    """Return one section's strain and its standard deviation.

    Parameters
    ----------
    relative
        ``(T,)`` diameters relative to their median.
    course
        Coefficients of the common course.
    phase
        ``(T,)`` share of the beat.
    """
    count = (len(course) - 1) // 2
    fine = np.linspace(0, 1, FINE_PHASES, endpoint=False)
    wave = _harmonics(2 * np.pi * fine, count) @ course[1:]
    known = np.isfinite(relative)
    if known.sum() < FEWEST_FRAMES or np.ptp(wave) < 1e-9:
        return float("nan"), float("nan")
    here = _harmonics(2 * np.pi * phase[known], count) @ course[1:]
    design = np.stack((np.ones(len(here)), here), axis=1)
    inverse = np.linalg.pinv(design.T @ design)
    level, share = inverse @ design.T @ relative[known]
    rest = relative[known] - level - share * here
    sd = np.sqrt(float(rest @ rest) / (len(here) - 2) * inverse[1, 1])
    largest = 1 + level + max(share * wave.max(), share * wave.min())
    if share * np.ptp(wave) >= largest:
        return float("nan"), float("nan")  # no lumen becomes smaller than none
    return float(share * np.ptp(wave) / largest), float(sd * np.ptp(wave) / largest)


def _harmonics(angle: Array, count: int) -> Array:
    """Return cosines and sines ``(T, 2 count)`` of an angle and its multiples."""
    parts = [wave(k * angle) for k in range(1, count + 1) for wave in (np.cos, np.sin)]
    return np.stack(parts, axis=1)
