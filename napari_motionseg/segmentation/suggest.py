"""Suggest which frame to label next, and say why.

A label helps most where the model is unsure about much of the vessel, and where no
label is near: neighbours of a labelled frame look like it.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_motionseg.errors import LabelError
from napari_motionseg.segmentation.postprocess import uncertainty

NEAR_FRAMES = 3.0  # within about so many frames, a label says much of the same


@dataclass(frozen=True)
class Suggestion:
    """A frame to label.

    Parameters
    ----------
    frame
        Its index.
    reason
        Why, in a sentence.
    doubts
        ``(T,)``: doubtful pixels per vessel pixel; not a number where not segmented.
    """

    frame: int
    reason: str
    doubts: NDArray[np.float64]


def suggest_frame(
    probabilities: NDArray[np.floating],
    labelled: Collection[int],
    done: NDArray[np.bool_] | None = None,
) -> Suggestion:
    """Return the frame where a label would help most.

    Parameters
    ----------
    probabilities
        ``(T, H, W)``: that a pixel is of any class but the background.
    labelled
        Indices of the frames that are labelled already.
    done
        ``(T,)``: the frames that were segmented; all if None.

    Raises
    ------
    LabelError
        If no frame is left to label.
    """
    count = len(probabilities)
    known = np.zeros(count, bool)
    known[list(labelled)] = True
    usable = ~known & (np.ones(count, bool) if done is None else done)
    if not usable.any():
        raise LabelError(
            "every segmented frame is labelled already: segment more frames, or train"
        )
    doubts = np.full(count, np.nan)
    pictures = {
        int(t): np.asarray(probabilities[t], np.float32) for t in np.flatnonzero(usable)
    }
    # a frame with little vessel has little to be learnt from, however unsure
    typical = float(np.median([p.sum() for p in pictures.values()]))
    for t, picture in pictures.items():
        vessel = max(float(picture.sum()), typical, 1.0)
        doubts[t] = float(uncertainty(picture).sum()) / vessel
    away = _frames_away(known)
    score = np.where(usable, doubts * (1 - np.exp(-away / NEAR_FRAMES)), -1)
    frame = int(score.argmax())
    return Suggestion(frame, _reason(frame, doubts, away), doubts)


def _frames_away(known: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return how far each frame is from the nearest labelled one; infinite if none."""
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
        doubt = f"the model is {ratio:.1f} times as unsure there as on most frames"
    else:
        doubt = "the model is about as unsure on all frames"
    if np.isinf(away[frame]):
        return f"Frame {frame}: {doubt}."
    return (
        f"Frame {frame}: {doubt}, and the nearest labelled frame is "
        f"{away[frame]:.0f} away."
    )
