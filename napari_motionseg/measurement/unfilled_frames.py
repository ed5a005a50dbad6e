"""Predict where a vessel is in frames in which contrast has not filled it.

While contrast flows in, the optical flow follows the front along the vessel, and
before, there is nothing to follow: sections that are carried through such frames end
tens of pixels upstream. The heart brings a vessel to about the same place at the same
phase of every beat, so that places of filled frames say where it is in the others.
Breathing is not predicted.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_motionseg.errors import MeasurementError
from napari_motionseg.measurement.beat_phase import HeartPhase, heart_phase

Array = NDArray[np.float64]

FULL_PERCENTILE = 90  # over time: the darkness of a section that is filled
FILLED = 0.85  # share of the full darkness from which a section counts as filled
MOST_SECTIONS = 0.8  # share of sections that must be filled in a filled frame
SETTLED = 2  # frames that must be filled on the way from the anchor: one may be noise
HARMONICS = 3
FRAMES_A_HARMONIC = 4
LEAST_EXPLAINED = 0.6  # of the motion by a beat; else its phase predicts nothing


def predicted_places(
    points: Array, contrast: Array, frame_times: Array, anchor: int
) -> tuple[NDArray[np.bool_], Array] | None:
    """Return the frames that are not filled, and the sections' places in them.

    Parameters
    ----------
    points
        ``(T, N, 2)`` row and column in px of each section, NaN where unknown.
    contrast
        ``(T, N)`` darkness of each section.
    frame_times
        ``(T,)`` milliseconds from the first frame.
    anchor
        Index of the frame that the sections were defined in, which is filled.

    Returns
    -------
    tuple of (``(T,)`` bool, ``(T, N, 2)`` places in px) or None
        None if all frames are filled, or if the filled ones do not show a heartbeat.
    """
    filled = filled_frames(contrast, anchor)
    if filled.all():
        return None
    known = np.where(filled[:, None, None], points, np.nan)
    try:
        phase = heart_phase(known, frame_times)
    except MeasurementError:
        return None
    if phase.explained < LEAST_EXPLAINED:
        return None
    return ~filled, _at_phase(known, filled, phase)


def filled_frames(contrast: Array, anchor: int) -> NDArray[np.bool_]:
    """Return ``(T,)`` bool, True for frames about the anchor that contrast fills.

    Parameters
    ----------
    contrast
        ``(T, N)`` darkness of each section; NaN where unknown.
    anchor
        Index of a frame that is filled.
    """
    full = np.nanpercentile(contrast, FULL_PERCENTILE, axis=0)
    share = np.nan_to_num(contrast / np.maximum(full, 1e-12))
    enough = (share >= FILLED).mean(axis=1) >= MOST_SECTIONS
    filled = np.zeros(len(contrast), bool)
    filled[anchor] = True
    for sign in (1, -1):
        t, empty = anchor + sign, 0
        while 0 <= t < len(contrast) and empty < SETTLED:
            empty = 0 if enough[t] else empty + 1
            filled[t] = enough[t]
            t += sign
    return filled


def _at_phase(points: Array, filled: NDArray[np.bool_], phase: HeartPhase) -> Array:
    """Return places ``(T, N, 2)`` at each frame's phase, from the filled frames."""
    count = int(np.clip(filled.sum() // FRAMES_A_HARMONIC, 1, HARMONICS))
    angle = 2 * np.pi * phase.phase[:, None] * np.arange(1, count + 1)
    design = np.hstack((np.ones((len(angle), 1)), np.cos(angle), np.sin(angle)))
    used = filled & np.isfinite(points).all(axis=(1, 2))
    flat = points[used].reshape(int(used.sum()), -1)
    # a little of a ridge: a phase that no filled frame shows must not run away
    gram = design[used].T @ design[used] + 0.05 * np.eye(design.shape[1])
    gram[0, 0] -= 0.05
    fitted = design @ np.linalg.solve(gram, design[used].T @ flat)
    places: Array = fitted.reshape(points.shape)
    return places
