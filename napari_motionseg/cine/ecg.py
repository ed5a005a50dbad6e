"""The ECG that came with a loop: its samples, when they were taken, and the heart rate.

Signals are kept as the file has them and are never interpreted: R waves are those that
the file names.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

MS_PER_MINUTE = 60_000.0
SLOWEST, FASTEST = 20.0, 300.0  # beats per minute that a heart has
ECG = "ECG"


@dataclass(frozen=True, eq=False)
class SignalTrace:
    """A signal that was recorded with a loop, as an ECG or a pressure.

    Parameters
    ----------
    samples
        ``(N,)`` values, or ``(N, channels)``; in the unit of the file.
    times
        ``(N,)`` milliseconds from the first frame, rising; None where the file does not
        say when the samples were taken.
    kind
        The type that the file names, such as ``"ECG"``; empty where it names none.
    """

    samples: NDArray[Any]
    times: NDArray[np.float64] | None = None
    kind: str = ""


@dataclass(frozen=True, eq=False)
class FrameTrace:
    """A signal over the frames of a loop.

    Parameters
    ----------
    frames
        ``(N,)`` positions in frames from 0, with fractions; rising.
    values
        ``(N,)`` float32 values, scaled so that the least is 0 and the greatest is 1.
    timed
        Whether the file says when the samples were taken. If not, they are laid evenly
        over the loop.
    """

    frames: NDArray[np.float64]
    values: NDArray[np.float32]
    timed: bool


def trace_over_frames(
    traces: Mapping[str, SignalTrace],
    count: int,
    frame_times: NDArray[np.float64] | None,
) -> FrameTrace | None:
    """Return the ECG of a loop over its frames, or None if there is none to show.

    Parameters
    ----------
    traces
        The signals that came with the loop, by name. The first ECG is taken; a signal
        of unnamed type counts as one where no other is. Of several channels, the first
        one that is not constant is taken.
    count
        Number of frames.
    frame_times
        ``(T,)`` milliseconds from the first frame, or None if unknown.
    """
    ranked = sorted(traces.values(), key=lambda x: x.kind.upper() != ECG)
    for trace in ranked:
        if trace.kind and trace.kind.upper() != ECG:
            continue
        values = _first_lead(trace.samples)
        if values is not None:
            frames, timed = _positions(trace.times, len(values), count, frame_times)
            low, high = float(values.min()), float(values.max())
            scaled = (values - low) / (high - low)
            return FrameTrace(frames, scaled.astype(np.float32), timed)
    return None


def heart_rate(
    r_waves: Sequence[int],
    frame_times: NDArray[np.float64] | None,
    technical: Mapping[str, Any],
) -> tuple[float, str] | None:
    """Return the heart rate in beats per minute, and what it rests on.

    Parameters
    ----------
    r_waves
        Indices of the frames at an R wave.
    frame_times
        ``(T,)`` milliseconds from the first frame, or None if unknown.
    technical
        Attributes of the acquisition, of which HeartRate is used where R waves do not
        tell.

    Returns
    -------
    tuple or None
        The rate and its basis in words; None where nothing tells, or no heart beats so.
    """
    beats = sorted(set(r_waves))
    if frame_times is not None and len(beats) > 1 and beats[-1] < len(frame_times):
        interval = float(np.median(np.diff(np.asarray(frame_times)[beats])))
        if interval > 0 and SLOWEST <= MS_PER_MINUTE / interval <= FASTEST:
            return MS_PER_MINUTE / interval, f"from {len(beats)} R waves"
    for keyword, factor in (("HeartRate", 1.0), ("NominalInterval", None)):
        value = technical.get(keyword)
        if not isinstance(value, (int, float)) or isinstance(value, bool) or value <= 0:
            continue
        rate = value * factor if factor else MS_PER_MINUTE / value
        if SLOWEST <= rate <= FASTEST:
            return float(rate), keyword
    return None


def _first_lead(samples: NDArray[Any]) -> NDArray[np.float64] | None:
    """Return the first channel that is finite and not constant, or None."""
    columns = samples.reshape(len(samples), -1).T if samples.size else ()
    for column in columns:
        values: NDArray[np.float64] = np.asarray(column, np.float64)
        finite = bool(np.isfinite(values).all())
        with np.errstate(over="ignore"):
            spread = float(np.ptp(values)) if finite and len(values) > 1 else 0.0
        if 0 < spread < np.inf:
            return values
    return None


def _positions(
    times: NDArray[np.float64] | None,
    samples: int,
    count: int,
    frame_times: NDArray[np.float64] | None,
) -> tuple[NDArray[np.float64], bool]:
    """Return where samples lie among the frames, and whether the file says so."""
    if times is None or frame_times is None or count < 2:
        return np.linspace(0, max(count - 1, 1), samples), False
    before_after = (np.asarray(frame_times, np.float64), np.arange(count, dtype=float))
    positions = np.interp(times, *before_after)
    # beyond the loop's ends at the rate of its first and last frame
    (first, second), (other, last) = before_after[0][:2], before_after[0][-2:]
    early, late = times < first, times > last
    positions[early] = (times[early] - first) / (second - first)
    positions[late] = count - 1 + (times[late] - last) / (last - other)
    return positions, True
