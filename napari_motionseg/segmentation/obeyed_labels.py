"""Give labelled pixels their classes in every result, whatever a network says.

A network that was trained on a stroke need not predict all of it. The person has said
what these pixels are, so that the stroke is certain, and not a matter of a threshold.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_motionseg.io.labels import UNLABELLED


def obey(
    probability: NDArray[np.floating],
    likeliest: NDArray[np.uint8],
    target: NDArray[np.int16],
) -> None:
    """Make the classes of labelled pixels certain, in place.

    Parameters
    ----------
    probability
        Foreground probability ``(H, W)`` of each pixel.
    likeliest
        Most likely foreground class ``(H, W)`` of each pixel.
    target
        Labels ``(H, W)`` of the frame: 0 is background, -1 is unlabelled.
    """
    labelled, foreground = target != UNLABELLED, target > 0
    probability[labelled] = foreground[labelled]
    likeliest[foreground] = target[foreground]


def obeying(mask: NDArray[np.uint8], target: NDArray[np.int16]) -> NDArray[np.uint8]:
    """Return a mask ``(H, W)`` in which labelled pixels have their classes.

    Parameters
    ----------
    mask
        Classes ``(H, W)``, 0 for background.
    target
        Labels ``(H, W)`` of the frame: 0 is background, -1 is unlabelled.
    """
    return np.where(target == UNLABELLED, mask, target).astype(np.uint8)
