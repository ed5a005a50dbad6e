"""Find end diastole, end systole and the phase of each frame from a vessel's motion.

A heart contracts fast and evenly, fills fast at first, and then rests until the next
beat. Motion along any direction has this shape, whatever its sign, because all points
of the heart move together. The shape is fitted to the main motions of a vessel, with a
systole of unknown length and slow motion by breathing and the table beside it. End
diastole is where the contraction begins, which is just before an R wave.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from napari_motionseg.measurement.heartbeat import (
    FEWEST_BEATS,
    MS_A_MINUTE,
    SLOWEST_BPM,
    heart_rate,
)

Array = NDArray[np.float64]

SYSTOLES = np.arange(0.26, 0.49, 0.02)  # share of a beat
FILLINGS = (0.5, 0.65, 0.85)  # power of time while filling: smaller is faster at first
MOTIONS = 4  # main motions that are looked at
PHASES = 48  # steps of a beat in which its beginning is searched
RATES = np.linspace(0.9, 1.1, 21)  # times the rate of the harmonics
SLOW_BEATS = 1.8  # periods longer than so many beats are not the heart's
MOST_SHIFT = 0.16  # of a beat, by which one may begin early or late
SHIFTS = 33
ROUNDS = 3


@dataclass(frozen=True, eq=False)
class HeartPhase:
    """Phase of the heart in each frame, from motion alone.

    Parameters
    ----------
    rate_bpm
        Mean heart rate in beats a minute.
    end_diastoles_ms, end_systoles_ms
        Times from the first frame within the loop, rising.
    phase
        ``(T,)`` share of the beat that has passed since end diastole, in [0, 1).
    explained
        Share of the motion that the beat explains; small values mean that the phase is
        not to be trusted.
    """

    rate_bpm: float
    end_diastoles_ms: Array
    end_systoles_ms: Array
    phase: Array
    explained: float

    def end_diastolic_frames(self, frame_times: Array) -> list[int]:
        """Return the indices of the frames that are nearest to end diastole.

        Parameters
        ----------
        frame_times
            ``(T,)`` milliseconds from the first frame.
        """
        times = self.end_diastoles_ms[:, None]
        nearest = np.abs(frame_times - times).argmin(axis=1)
        return sorted({int(t) for t in nearest})


def heart_phase(points: Array, frame_times: Array) -> HeartPhase:
    """Return the phase of the heart in each frame from the motion of a vessel.

    Parameters
    ----------
    points
        ``(T, N, 2)`` positions of the sections; NaN where unknown.
    frame_times
        ``(T,)`` milliseconds from the first frame.

    Raises
    ------
    MeasurementError
        If the frames cover less than one beat, or the vessel does not move.
    """
    rough = MS_A_MINUTE / heart_rate(points, frame_times)
    known = np.isfinite(points).all(axis=(1, 2))
    fit = _BeatFit.of(points[known], frame_times[known], rough)
    begins, systole, filling = fit.search(rough)
    for _ in range(ROUNDS):
        begins = fit.refined(begins, systole, filling)
    begins = _extended(begins, frame_times)
    share = _shares(frame_times, begins)
    first, last = float(frame_times[0]), float(frame_times[-1])
    half = float(np.median(np.diff(frame_times))) / 2
    ends = begins[:-1] + systole * np.diff(begins)
    seen = begins[(begins >= first - half) & (begins <= last + half)]
    # beats that no frame shows are regular by assumption, and say nothing
    beats = np.diff(seen) if len(seen) > 1 else np.diff(begins)
    return HeartPhase(
        MS_A_MINUTE / float(np.mean(beats)),
        seen,
        ends[(ends >= first - half) & (ends <= last + half)],
        share,
        fit.explained(begins, systole, filling),
    )


@dataclass(frozen=True, eq=False)
class _BeatFit:
    """Main motions ``(T, M)`` without slow motion, at `times`, and a slow basis."""

    motions: Array
    slow: Array
    times: Array

    @classmethod
    def of(cls, points: Array, times: Array, period: float) -> _BeatFit:
        """Return the main motions of points ``(T, N, 2)`` at `times`, in ms.

        Motion that is slower than `SLOW_BEATS` periods of `period` ms is removed.
        """
        flat = points.reshape(len(times), -1)
        span = float(times[-1] - times[0])
        most = max(2, int(2 * span / (SLOW_BEATS * period)))
        place = (times - times[0]) / span
        waves = np.cos(
            np.pi * np.arange(min(most, len(times) // 4) + 1) * place[:, None]
        )
        slow, _ = np.linalg.qr(waves)
        rest = flat - slow @ (slow.T @ flat)
        left, size, _ = np.linalg.svd(rest, full_matrices=False)
        return cls((left * size)[:, :MOTIONS], slow, times)

    def search(self, rough: float) -> tuple[Array, float, float]:
        """Return where beats begin, the length of systole and the filling's power."""
        best = -1.0, rough, 0.0, SYSTOLES[0], FILLINGS[0]
        steps = np.arange(PHASES) / PHASES
        slowest = FEWEST_BEATS * MS_A_MINUTE / SLOWEST_BPM
        for factor, systole, filling in product(RATES, SYSTOLES, FILLINGS):
            period = min(rough * factor, slowest)
            share = ((self.times - self.times[0]) / period - steps[:, None]) % 1
            gains = self._gains(contraction(share, systole, filling))
            top = int(gains.argmax())
            if gains[top] > best[0]:
                best = float(gains[top]), period, steps[top], systole, filling
        _, period, step, systole, filling = best
        first = self.times[0] + (step - 2) * period
        count = int((self.times[-1] - first) / period) + 3
        return first + period * np.arange(count), float(systole), float(filling)

    def refined(self, begins: Array, systole: float, filling: float) -> Array:
        """Return the beginnings of beats, each moved to where it explains most."""
        begins = begins.copy()
        period = float(np.median(np.diff(begins)))
        shifts = np.linspace(-MOST_SHIFT, MOST_SHIFT, SHIFTS) * period
        for n, begin in enumerate(begins):
            # a beat that no frame shows cannot be moved
            if not self.times[0] - period / 2 < begin < self.times[-1] + period / 2:
                continue
            tried = np.repeat(begins[None], SHIFTS, axis=0)
            tried[:, n] = begin + shifts
            tried.sort(axis=1)
            shares = np.stack([_shares(self.times, one) for one in tried])
            gains = self._gains(contraction(shares, systole, filling))
            # irregular beats are rarer than regular ones
            gains -= gains.max() * 0.02 * (shifts / shifts[-1]) ** 2
            begins = tried[int(gains.argmax())]
        return begins

    def explained(self, begins: Array, systole: float, filling: float) -> float:
        share = _shares(self.times, begins)
        gain = self._gains(contraction(share[None], systole, filling))[0]
        return float(gain / max(float((self.motions**2).sum()), 1e-12))

    def _gains(self, shapes: Array) -> Array:
        """Return the squares of motion that shapes ``(S, T)`` explain."""
        rest = shapes - (shapes @ self.slow) @ self.slow.T
        size = np.maximum((rest**2).sum(axis=1), 1e-9)
        gains: Array = ((rest @ self.motions) ** 2).sum(axis=1) / size
        return gains


def contraction(share: Array, systole: float, filling: float) -> Array:
    """Return how far the heart has contracted: 0 at end diastole, 1 at end systole.

    Parameters
    ----------
    share
        Shares of the beat that have passed since end diastole, in [0, 1).
    systole
        Share of a beat in which the heart contracts.
    filling
        Power of time while the heart fills; below 1 it fills fast at first.
    """
    squeeze = 0.5 - 0.5 * np.cos(np.pi * share / systole)
    rest = np.clip((share - systole) / (1 - systole), 0, 1)
    fill = 0.5 + 0.5 * np.cos(np.pi * rest**filling)
    contracted: Array = np.where(share < systole, squeeze, fill)
    return contracted


def _extended(begins: Array, times: Array) -> Array:
    """Return the beginnings with regular beats added until they enclose all times."""
    period = float(np.median(np.diff(begins)))
    before = int(max(0, np.ceil((begins[0] - times[0]) / period) + 1))
    after = int(max(0, np.ceil((times[-1] - begins[-1]) / period) + 1))
    return np.concatenate(
        (
            begins[0] - period * np.arange(before, 0, -1),
            begins,
            begins[-1] + period * np.arange(1, after + 1),
        )
    )


def _shares(times: Array, begins: Array) -> Array:
    """Return shares of the beat that have passed at times."""
    beat = np.clip(np.searchsorted(begins, times, side="right") - 1, 0, len(begins) - 2)
    length = np.maximum(begins[beat + 1] - begins[beat], 1e-6)
    shares: Array = np.clip((times - begins[beat]) / length, 0, 1 - 1e-9)
    return shares
