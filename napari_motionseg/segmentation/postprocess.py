"""Turn probabilities into masks: apply a threshold, and remove small components."""

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
    """Return the classes of the pixels of a frame.

    Parameters
    ----------
    probability
        Foreground probability ``(H, W)`` of each pixel.
    likeliest
        Most likely foreground class ``(H, W)`` of each pixel.
    threshold
        Probability from which a pixel is foreground.
    smallest
        Number of pixels; smaller connected components become background.

    Returns
    -------
    NDArray
        Classes ``(H, W)`` uint8, 0 for background.

    Raises
    ------
    SettingsError
        If the threshold is not between 0 and 1, or `smallest` is negative.
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


def background_outside(
    probabilities: NDArray[np.float32],
    inside: NDArray[np.bool_],
    target: NDArray[np.integer],
) -> None:
    """Make everything outside the field of view background, in place.

    Parameters
    ----------
    probabilities
        Probabilities ``(C, H, W)`` of the classes, the background first.
    inside
        Field of view ``(H, W)`` bool.
    target
        Classes ``(H, W)`` of what was painted, -1 elsewhere. Painted pixels keep their
        probabilities, because a person knows better than the search for the field.
    """
    outside = ~inside & (target < 0)
    probabilities[0, outside] = 1
    probabilities[1:, outside] = 0


def uncertainty(probability: NDArray[np.floating]) -> NDArray[np.float32]:
    """Return 4 p (1 - p): 1 if both answers are equally likely, 0 if one is certain."""
    p = np.asarray(probability, np.float32)
    doubt: NDArray[np.float32] = 4 * p * (1 - p)
    return doubt
