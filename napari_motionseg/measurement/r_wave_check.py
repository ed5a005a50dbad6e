"""Compare end diastoles that motion shows with the R waves of the file's ECG.

The ventricle begins to contract some 20 to 60 ms after the R wave's tip, so that end
diastole, where the vessel begins to move, is expected within one frame of the R wave at
15 frames/s.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

FIRST_FRAMES, LAST_FRAMES = 2, 4  # at the borders, nothing shows where a beat begins
AGREEING = 0.5  # share of R waves that must be found within a frame


@dataclass(frozen=True, eq=False)
class RWaveCheck:
    """Distances of end diastoles, found from motion, to R waves.

    Parameters
    ----------
    r_waves_ms
        ``(R,)`` times of the R waves that are compared, in ms from the first frame.
    offsets_ms
        ``(R,)`` nearest end diastole minus each R wave.
    frame_ms
        Time between frames.
    """

    r_waves_ms: Array
    offsets_ms: Array
    frame_ms: float

    @property
    def found(self) -> int:
        """Number of R waves with an end diastole within one frame."""
        # frames round both times
        near = np.abs(self.offsets_ms) <= 1.001 * self.frame_ms
        return int(near.sum())

    @property
    def offset_ms(self) -> float:
        """Median of the offsets; positive if motion begins after the R wave."""
        return float(np.median(self.offsets_ms))

    @property
    def agrees(self) -> bool:
        """Whether most R waves have an end diastole within one frame."""
        return self.found > AGREEING * len(self.r_waves_ms)

    def sentence(self) -> str:
        """Describe the comparison; it begins with a small letter."""
        said = (
            f"{self.found} of {len(self.r_waves_ms)} R waves of the file have an end "
            f"diastole from motion within one frame (median {self.offset_ms:+.0f} ms)"
        )
        return said if self.agrees else f"{said}: do not trust the phase of the heart"


def check_by_r_waves(
    end_diastoles_ms: Array, r_waves: Sequence[int], frame_times: Array
) -> RWaveCheck | None:
    """Return how far end diastoles are from R waves; None if nothing is comparable.

    Parameters
    ----------
    end_diastoles_ms
        ``(E,)`` milliseconds from the first frame.
    r_waves
        Indices of the frames with an R wave, as the file names them.
    frame_times
        ``(T,)`` milliseconds from the first frame.
    """
    inner = range(FIRST_FRAMES, len(frame_times) - LAST_FRAMES)
    times = np.array([frame_times[t] for t in r_waves if t in inner], np.float64)
    if not len(times) or not len(end_diastoles_ms):
        return None
    away = end_diastoles_ms - times[:, None]
    nearest = np.abs(away).argmin(axis=1)
    offsets = away[np.arange(len(times)), nearest]
    return RWaveCheck(times, offsets, float(np.median(np.diff(frame_times))))
