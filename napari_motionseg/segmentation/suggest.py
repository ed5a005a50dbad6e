"""Suggest which frame to label next, and say why.

A label helps most if the model is uncertain about much of the vessel, and if no
labelled frame is near, because neighbouring frames look alike.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_motionseg.errors import LabelError
from napari_motionseg.segmentation.postprocess import uncertainty

NEAR_FRAMES = 3.0  # frames within which a label gives much the same information


@dataclass(frozen=True)
class Suggestion:
    """A frame to label next.

    Parameters
    ----------
    frame
        Index of the frame.
    reason
        Reason for the suggestion, as a sentence.
    doubts
        Uncertain pixels per vessel pixel ``(T,)``; NaN for frames without prediction.
    """

    frame: int
    reason: str
    doubts: NDArray[np.float64]


def suggest_frame(
    probabilities: NDArray[np.floating],
    labelled: Collection[int],
    done: NDArray[np.bool_] | None = None,
) -> Suggestion:
    """Return the frame whose label would help most.

    Parameters
    ----------
    probabilities
        Foreground probability ``(T, H, W)`` of each pixel.
    labelled
        Indices of the labelled frames.
    done
        ``(T,)`` bool, the segmented frames; None means all.

    Raises
    ------
    LabelError
        If every segmented frame is labelled.
    """
    count = len(probabilities)
    known = np.zeros(count, bool)
    known[list(labelled)] = True
    usable = ~known & (np.ones(count, bool) if done is None else done)
    if not usable.any():
        raise LabelError(
            "every segmented frame is labelled already; segment more frames, or train"
        )
    doubts = np.full(count, np.nan)
    pictures = {
        int(t): np.asarray(probabilities[t], np.float32) for t in np.flatnonzero(usable)
    }
    # frames with little vessel give little information, however uncertain they are
    typical = float(np.median([p.sum() for p in pictures.values()]))
    for t, picture in pictures.items():
        vessel = max(float(picture.sum()), typical, 1.0)
        doubts[t] = float(uncertainty(picture).sum()) / vessel
    away = _frames_away(known)
    score = np.where(usable, doubts * (1 - np.exp(-away / NEAR_FRAMES)), -1)
    frame = int(score.argmax())
    return Suggestion(frame, _reason(frame, doubts, away), doubts)


def _frames_away(known: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the distance of each frame to the nearest labelled one.

    Distances are infinite if no frame is labelled.
    """
    places = np.flatnonzero(known)
    if not len(places):
        return np.full(len(known), np.inf)
    gaps = np.abs(np.arange(len(known))[:, None] - places)
    nearest: NDArray[np.float64] = gaps.min(axis=1).astype(float)
    return nearest


def _reason(frame: int, doubts: NDArray[np.float64], away: NDArray[np.float64]) -> str:
    typical = float(np.nanmedian(doubts))
    ratio = doubts[frame] / typical if typical > 0 else 1.0
    if ratio >= 1.15:
        doubt = f"Frame {frame} is {ratio:.1f} times as uncertain as most"
    else:
        doubt = f"Frame {frame}: all frames are about equally uncertain"
    if np.isinf(away[frame]):
        return f"{doubt}."
    return f"{doubt}; the nearest labelled frame is {away[frame]:.0f} away."
