"""Measure the arrival of contrast along a followed vessel, and the speed of its front.

Contrast arrives at a cross-section when its darkness first reaches half of its own
largest value, interpolated between frames. Half is late enough to be clear of noise,
and early enough not to depend on the degree of filling.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_motionseg.errors import MeasurementError

Array = NDArray[np.float64]

THRESHOLD = 0.5  # share of the largest darkness
LEAST_RISE = 0.5  # share of the largest darkness by which a section must darken
FEWEST_SECTIONS = 10
TIMI_FRAME_RATE = 30.0  # frames a second of the films that were counted (Gibson 1996)
LAD_LENGTH = 1.7  # times as long as the other coronary arteries
LOWEST_LEVEL, HIGHEST_LEVEL = 5, 95  # percentiles that stand for none and full


@dataclass(frozen=True, eq=False)
class ContrastArrival:
    """Arrival of contrast along a vessel.

    Parameters
    ----------
    times_ms
        ``(N,)`` milliseconds from the loop's first frame; NaN where contrast was
        present from the beginning or never arrived.
    speed
        Speed of the front in units of length per second, from a robust line through the
        arrivals; NaN if there are too few arrivals or no forward motion.
    speed_low, speed_high
        95 % interval of the speed.
    resolution_ms
        Time between frames in milliseconds, which limits the accuracy of arrivals.
    transit_ms
        Time of the front from the first to the last section, from the same line; NaN
        if there is no speed.
    wash_out_ms
        ``(N,)`` time at which darkness has fallen to half of its largest again; NaN
        where it has not.
    threshold
        Share of the largest darkness that counts as arrival.
    """

    times_ms: Array
    speed: float
    speed_low: float
    speed_high: float
    resolution_ms: float
    transit_ms: float
    wash_out_ms: Array
    threshold: float = THRESHOLD

    @property
    def timi_frame_count(self) -> float:
        """Return the TIMI frame count: frames of the transit at 30 frames a second."""
        return self.transit_ms / 1000 * TIMI_FRAME_RATE

    @property
    def corrected_timi_frame_count(self) -> float:
        """Return the count of a left anterior descending artery, which is longer."""
        return self.timi_frame_count / LAD_LENGTH

    @property
    def timi_resolution(self) -> float:
        """Return how many counts one frame of the loop stands for."""
        return self.resolution_ms / 1000 * TIMI_FRAME_RATE

    @property
    def typical_wash_out_ms(self) -> float:
        """Return the median time from arrival to wash-out; NaN if none is known."""
        held = self.wash_out_ms - self.times_ms
        held = held[np.isfinite(held)]
        return float(np.median(held)) if len(held) else float("nan")


def contrast_arrival(
    contrast: Array, frame_times: Array, arc_length: Array
) -> ContrastArrival:
    """Return the arrival times of contrast along a vessel.

    Parameters
    ----------
    contrast
        ``(T, N)`` darkness of each section in each frame; NaN where unknown.
    frame_times
        ``(T,)`` milliseconds from the first frame, rising.
    arc_length
        ``(N,)`` length of each section from the first point, downstream.

    Raises
    ------
    MeasurementError
        If there are fewer than three frames.
    """
    if len(frame_times) < 3:
        raise MeasurementError(
            f"arrival of contrast needs 3 frames or more; got {len(frame_times)}"
        )
    times = np.array(
        [arrival_time(contrast[:, n], frame_times) for n in range(contrast.shape[1])]
    )
    # seen backwards in time, contrast arrives where it is washed out
    back = np.array(
        [
            -arrival_time(contrast[::-1, n], -frame_times[::-1])
            for n in range(contrast.shape[1])
        ]
    )
    speed, low, high = _front_speed(times, arc_length)
    return ContrastArrival(
        times, speed, low, high,
        resolution_ms=float(np.median(np.diff(frame_times))),
        transit_ms=1000 * float(arc_length[-1] - arc_length[0]) / speed,
        wash_out_ms=back,
    )  # fmt: skip


def arrival_time(darkness: Array, times: Array) -> float:
    """Return the time at which darkness first crosses the threshold; NaN if never.

    Parameters
    ----------
    darkness
        ``(T,)`` darkness in each frame; NaN where unknown.
    times
        ``(T,)`` time of each frame, rising.
    """
    known = np.isfinite(darkness)
    if known.sum() < 3:
        return float("nan")
    dark, when = darkness[known], times[known]
    none, full = np.percentile(dark, [LOWEST_LEVEL, HIGHEST_LEVEL])
    if full <= 0 or full - none < LEAST_RISE * full:
        return float("nan")
    level = none + THRESHOLD * (full - none)
    above = dark >= level
    above[:-1] &= above[1:]  # one frame alone is noise, or something that passes
    first = int(np.argmax(above))
    if first == 0 or not above[first]:
        return float("nan")
    share = (level - dark[first - 1]) / (dark[first] - dark[first - 1])
    return float(when[first - 1] + share * (when[first] - when[first - 1]))


def _front_speed(times: Array, arc_length: Array) -> tuple[float, float, float]:
    """Return the front's speed a second and its 95 % interval."""
    from scipy import stats

    known = np.isfinite(times)
    unknown = float("nan"), float("nan"), float("nan")
    if known.sum() < FEWEST_SECTIONS:
        return unknown
    # milliseconds for a unit of length: a line of small slope is a fast front
    slope, _, low, high = stats.theilslopes(times[known], arc_length[known])
    if slope <= 0:
        return unknown
    slowest = 1000 / high if high > 0 else float("nan")
    fastest = 1000 / low if low > 0 else float("inf")
    return 1000 / slope, slowest, fastest
