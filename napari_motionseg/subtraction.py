"""Subtraction angiography as a view: a loop minus its mask frames.

The Mask module (PS3.3 C.7.6.10) says which frames are the mask; nothing is subtracted
unless someone asks to see it.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from napari_motionseg.cine import Cine, FrameStack, Subtraction
from napari_motionseg.errors import SettingsError

OPERATIONS = ("AVG_SUB", "TID", "REV_TID")
# keeps the logarithm of black finite: one gray level of eight bits
LEAST = 1 / 255


def subtraction_of(cine: Cine) -> Subtraction | None:
    """Return the first item of the Mask module that can be shown, or None."""
    for item in cine.subtraction:
        usable = item.operation in OPERATIONS[1:] or item.mask_frames
        if item.operation in OPERATIONS and usable:
            return item
    return None


def subtracted(cine: Cine) -> FrameStack:
    """Return the loop minus its mask, computed frame by frame when looked at.

    Returns
    -------
    FrameStack
        ``(T, H, W)`` float32: logarithm of frame over mask, negative where contrast
        darkens; the frame minus the mask where stored values are logarithmic already.
        Zero outside the frames that the mask applies to.

    Raises
    ------
    SettingsError
        If the loop has no item that can be shown.

    Notes
    -----
    The mask's sub-pixel shift is not applied: the loop is shown as it was acquired.
    """
    item = subtraction_of(cine)
    if item is None:
        raise SettingsError(
            f"{cine.name}: has no mask frames to subtract (operations "
            f"{', '.join(OPERATIONS)})"
        )
    chosen = item  # for the closures below, which no longer see that it is not None
    first, last = chosen.applicable or (0, len(cine) - 1)

    @lru_cache(maxsize=1)
    def average() -> NDArray[np.float32]:
        """Return the mean density ``(H, W)`` of the mask frames."""
        known = [t for t in chosen.mask_frames if 0 <= t < len(cine)]
        mask: NDArray[np.float32] = np.mean(
            [_density(cine, t) for t in known], axis=0, dtype=np.float32
        )
        return mask

    def decode(t: int) -> NDArray[np.float32]:
        """Return frame `t` subtracted, ``(H, W)``; zero where nothing applies."""
        if not first <= t <= last:
            return np.zeros(cine.shape[1:], np.float32)
        if chosen.operation == "AVG_SUB":
            return _density(cine, t) - average()
        # time interval differencing: a frame minus one some frames before (TID) or
        # after it (REV_TID), at the loop's ends minus itself
        step = -chosen.tid_offset if chosen.operation == "TID" else chosen.tid_offset
        other = t + step if 0 <= t + step < len(cine) else t
        return _density(cine, t) - _density(cine, other)

    return FrameStack(decode, cine.shape, np.float32)


def _density(cine: Cine, t: int) -> NDArray[np.float32]:
    """Return what adds up along a ray: the logarithm of the intensity."""
    frame = cine.normalized(t)
    if cine.intensity_relationship == "LOG":
        return frame
    logarithm: NDArray[np.float32] = np.log(np.maximum(frame, np.float32(LEAST)))
    return logarithm
