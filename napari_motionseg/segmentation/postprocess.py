"""Turn probabilities into masks: apply a threshold and remove small parts."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_motionseg.errors import SettingsError

NEIGHBOURS = np.ones((3, 3), bool)  # a vessel one pixel wide may run diagonally


def postprocess_mask(
    probability: NDArray[np.floating],
    likeliest: NDArray[np.uint8],
    threshold: float,
    smallest: int = 0,
) -> NDArray[np.uint8]:
    """Return the classes of a frame.

    Parameters
    ----------
    probability
        ``(H, W)``: that a pixel is of any class but the background.
    likeliest
        ``(H, W)``: its likeliest class but the background.
    threshold
        Probability from which a pixel is no background.
    smallest
        Pixels: connected parts of less are background.

    Returns
    -------
    NDArray
        ``(H, W)`` uint8, 0 = background.

    Raises
    ------
    SettingsError
        If the threshold is not between 0 and 1, or `smallest` negative.
    """
    if not 0 < threshold < 1:
        raise SettingsError(f"threshold must be between 0 and 1; got {threshold}")
    if smallest < 0:
        raise SettingsError(f"smallest must be at least 0 pixels; got {smallest}")
    mask = np.where(
        probability >= probability.dtype.type(threshold), likeliest, np.uint8(0)
    )
    if smallest > 1:
        parts, count = ndimage.label(mask, NEIGHBOURS)
        sizes = np.bincount(parts.ravel(), minlength=count + 1)
        mask[sizes[parts] < smallest] = 0
    return mask


def uncertainty(probability: NDArray[np.floating]) -> NDArray[np.float32]:
    """Return 4 p (1 - p): 1 where both answers are as likely, 0 where one is sure."""
    p = np.asarray(probability, np.float32)
    doubt: NDArray[np.float32] = 4 * p * (1 - p)
    return doubt
