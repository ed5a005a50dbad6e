"""Compute digital subtraction angiography: a loop minus its mask frames.

The Mask module (PS3.3 C.7.6.10) says which frames form the mask. Nothing is subtracted
unless the user asks for it.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_motionseg.cine.acquisition import Subtraction
from napari_motionseg.cine.cine import Cine
from napari_motionseg.cine.frame_stack import FrameStack
from napari_motionseg.errors import SettingsError

OPERATIONS = ("AVG_SUB", "TID", "REV_TID")
# the smallest intensity: one gray level of eight bits, so that log(0) cannot occur
LEAST = 1 / 255
# These stored values are no longer linear in the intensity, so their plain difference
# is shown. It is exact for LOG and an approximation for DISP.
ALREADY_CURVED = ("LOG", "DISP")
# averaged masks that stay in memory, for a player that goes back and forth
MASKS_KEPT = 4


def first_subtraction(cine: Cine) -> Subtraction | None:
    """Return the first item of the Mask module that can be shown, or None."""
    return next(iter(_usable_items(cine)), None)


def _usable_items(cine: Cine) -> list[Subtraction]:
    """Return the items that define a mask for at least one frame of the loop."""
    count = len(cine)
    return [
        item
        for item in cine.subtraction
        if item.operation in OPERATIONS
        and any(item.mask_of(t, count) for t in range(count))
    ]


def subtract_masks(cine: Cine) -> FrameStack:
    """Return the loop minus its masks; each frame is computed when it is displayed.

    Parameters
    ----------
    cine
        The loop. Each frame uses the first item of the Mask module that applies to it.

    Returns
    -------
    FrameStack
        ``(T, H, W)`` float32, negative where contrast agent darkens the picture. Where
        stored values are linear in the intensity, or unknown, it is the logarithm of
        frame over mask; where they are not (LOG, DISP), it is frame minus mask. A frame
        is zero if no item applies to it or if it is damaged.

    Raises
    ------
    SettingsError
        If the loop has no item that can be applied.

    Notes
    -----
    According to PS3.3 C.7.6.10.1, `AVG_SUB` averages the mask frames, `TID` takes the
    frame `tid_offset` earlier, and `REV_TID` runs backwards, beginning `tid_offset`
    before the first frame of the range. The mask is shifted first; contrast frames are
    averaged.
    """
    items = _usable_items(cine)
    if not items:
        raise SettingsError(
            f"{cine.name}: has no subtraction mask that can be applied; the header "
            f"must name an operation ({', '.join(OPERATIONS)}) and its frames"
        )
    count = len(cine)

    def sound(frames: Iterable[int]) -> tuple[int, ...]:
        """Return the frames that can be decoded: a blank one must not enter a mask."""
        return tuple(t for t in frames if cine.frames.usable(t))

    @lru_cache(maxsize=MASKS_KEPT)
    def mask(
        frames: tuple[int, ...], shift: tuple[float, float]
    ) -> NDArray[np.float32]:
        """Return the shifted mean density ``(H, W)`` of mask frames."""
        return _shifted(_mean_density(cine, frames), shift)

    def decode(t: int) -> NDArray[np.float32]:
        """Return frame `t` minus its mask, ``(H, W)``; zero if no mask applies."""
        item = next((one for one in items if one.mask_of(t, count)), None)
        if item is not None:
            last = min(t + item.contrast_averaging, count)
            contrast = sound(range(t, last))
            masked_by = sound(item.mask_of(t, count))
            if masked_by and contrast[:1] == (t,):
                shifted = mask(masked_by, item.shift_of(t))
                return _mean_density(cine, contrast) - shifted
        return np.zeros(cine.shape[1:], np.float32)

    return FrameStack(decode, cine.shape, np.float32)


def _mean_density(cine: Cine, frames: tuple[int, ...]) -> NDArray[np.float32]:
    """Return the mean density ``(H, W)`` of the given frames."""
    total = _density(cine, frames[0])
    for t in frames[1:]:
        total = total + _density(cine, t)
    mean: NDArray[np.float32] = total / np.float32(len(frames))
    return mean


def _density(cine: Cine, t: int) -> NDArray[np.float32]:
    """Return the density, which adds up along a ray: the logarithm of the intensity."""
    frame = cine.normalized(t)
    if cine.intensity_relationship in ALREADY_CURVED:
        return frame
    logarithm: NDArray[np.float32] = np.log(np.maximum(frame, np.float32(LEAST)))
    return logarithm


def _shifted(
    mask: NDArray[np.float32], shift: tuple[float, float]
) -> NDArray[np.float32]:
    """Return a mask moved downwards and to the left by fractions of a pixel.

    A positive row offset moves towards the lower row, and a positive column offset
    towards the left-hand column (PS3.3 C.7.6.10.1.2). Pixels that would come from
    outside the picture repeat its edge.
    """
    if not any(shift):
        return mask
    moved: NDArray[np.float32] = ndimage.shift(
        mask, (shift[0], -shift[1]), order=1, mode="nearest"
    )
    return moved
