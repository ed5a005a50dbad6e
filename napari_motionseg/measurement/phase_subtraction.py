"""Subtract masks that were chosen by hand, or that show the same phase of the heart.

A coronary artery moves by centimetres within a beat, and the heart's border with it, so
that one mask for all frames leaves bright and dark edges. A frame before contrast in
the same phase of another beat fits better. A part of what breathing and uneven beats
leave is taken away by warping that mask along the optical flow. The flow is found on
small pictures and made smooth: it must follow tissue, and not a vessel that only one of
the two frames shows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_motionseg.cine import Cine
from napari_motionseg.cine.acquisition import Subtraction
from napari_motionseg.cine.frame_stack import FrameStack
from napari_motionseg.cine.mask_subtraction import subtract_masks
from napari_motionseg.errors import MeasurementError
from napari_motionseg.motion.contrast_arrival import density, is_logarithmic
from napari_motionseg.motion.estimators import Estimator

SMALL_SIDE = 128  # px of the pictures whose flow is estimated
SMOOTH_PX = 2.0  # of these: a vessel is narrower, tissue is not
FLOWS_KEPT = 64


def subtract_chosen(cine: Cine, frames: Sequence[int]) -> FrameStack:
    """Return the loop minus the mean of chosen frames; computed frame by frame.

    Parameters
    ----------
    cine
        The loop.
    frames
        Indices of the mask frames, from 0.

    Raises
    ------
    MeasurementError
        If there are no such frames, or one is damaged.
    """
    chosen = _checked(cine, frames)
    mask = Subtraction("AVG_SUB", chosen)
    return subtract_masks(replace(cine, subtraction=(mask,)))


def masks_of_phase(
    phase: NDArray[np.floating], masks: Sequence[int]
) -> NDArray[np.intp]:
    """Return for each frame the mask frame whose phase of the heart is nearest.

    Parameters
    ----------
    phase
        ``(T,)`` share of the beat that has passed, in [0, 1).
    masks
        Indices of frames without contrast.
    """
    known = np.asarray(masks, np.intp)
    apart = np.abs(phase[:, None] - phase[known])
    nearest: NDArray[np.intp] = known[np.minimum(apart, 1 - apart).argmin(axis=1)]
    return nearest


def subtract_phase(
    cine: Cine,
    phase: NDArray[np.floating],
    masks: Sequence[int],
    estimator: Estimator | None = None,
) -> FrameStack:
    """Return the loop minus masks of the same phase; computed frame by frame.

    Parameters
    ----------
    cine
        The loop.
    phase
        ``(T,)`` share of the beat that has passed, from `heart_phase`.
    masks
        Indices of frames without contrast, the more of a beat the better.
    estimator
        Estimator of the flow along which a mask is warped; None warps nothing.

    Returns
    -------
    FrameStack
        ``(T, H, W)`` float32, negative where contrast agent darkens the picture.

    Raises
    ------
    MeasurementError
        If there are no such masks, one is damaged, or the phase is of another loop.
    """
    if len(phase) != len(cine):
        raise MeasurementError(
            f"the phase has {len(phase)} frames; this loop has {len(cine)}"
        )
    mask_of = masks_of_phase(phase, _checked(cine, masks))
    logarithmic = is_logarithmic(cine)

    @lru_cache(maxsize=FLOWS_KEPT)
    def flow(t: int) -> NDArray[np.float32]:
        return _smooth_flow(cine, t, int(mask_of[t]), estimator)

    def decode(t: int) -> NDArray[np.float32]:
        """Return a frame's density without that of its mask."""
        if not cine.frames.usable(t):
            return np.zeros(cine.shape[1:], np.float32)
        mask = density(cine.normalized(int(mask_of[t])), logarithmic)
        if estimator is not None and mask_of[t] != t:
            mask = _warped(mask, flow(t))
        found = density(cine.normalized(t), logarithmic) - mask
        return np.asarray(found, np.float32)

    return FrameStack(decode, cine.shape, np.float32)


def _checked(cine: Cine, frames: Sequence[int]) -> tuple[int, ...]:
    """Return mask frames in their order, each once."""
    chosen = tuple(sorted({int(t) for t in frames}))
    if not chosen:
        raise MeasurementError("a subtraction needs one mask frame or more")
    for t in chosen:
        if not 0 <= t < len(cine):
            raise MeasurementError(
                f"mask frame {t} is outside the loop's 0 to {len(cine) - 1}"
            )
        if not cine.frames.usable(t):
            raise MeasurementError(f"mask frame {t} is damaged: choose another one")
    return chosen


def _smooth_flow(
    cine: Cine, t: int, mask: int, estimator: Estimator | None
) -> NDArray[np.float32]:
    """Return the flow ``(2, H, W)`` of tissue in px from a frame to its mask."""
    rows, columns = cine.shape[1:]
    if estimator is None:
        return np.zeros((2, rows, columns), np.float32)
    step = max(1, int(np.ceil(max(rows, columns) / SMALL_SIDE)))
    small = [
        estimator.prepare(_reduced(cine.normalized(one), step)) for one in (t, mask)
    ]
    found = np.asarray(estimator.flow(*small), np.float64) * step
    places = np.indices((rows, columns), dtype=float)
    places = (places - (step - 1) / 2) / step
    smooth = ndimage.gaussian_filter(found, (0, SMOOTH_PX, SMOOTH_PX))
    return np.stack(
        [
            ndimage.map_coordinates(part, places, order=1, mode="nearest")
            for part in smooth
        ]
    ).astype(np.float32)


def _reduced(frame: NDArray[np.floating], step: int) -> NDArray[np.float32]:
    """Return a frame ``(H, W)`` whose pixels are means of `step` by `step`."""
    rows, columns = frame.shape
    more = (-rows % step, -columns % step)
    whole = np.pad(frame, ((0, more[0]), (0, more[1])), mode="edge")
    parts = whole.reshape(whole.shape[0] // step, step, whole.shape[1] // step, step)
    return np.asarray(parts.mean(axis=(1, 3)), np.float32)


def _warped(
    mask: NDArray[np.floating], flow: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Return a mask brought to where its tissue is in the frame."""
    rows, columns = np.indices(mask.shape, dtype=float)
    moved = ndimage.map_coordinates(
        np.asarray(mask, np.float64), [rows + flow[1], columns + flow[0]], order=1,
        mode="nearest",
    )  # fmt: skip
    return np.asarray(moved, np.float32)
