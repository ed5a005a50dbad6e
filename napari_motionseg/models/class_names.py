"""Name the classes of networks for angiograms, in the order of their scores."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

BACKGROUND, VESSEL, CATHETER = range(3)
CLASS_NAMES = ("background", "vessel", "catheter")


def without_catheters(labels: NDArray[Any]) -> NDArray[np.bool_]:
    """Return the marked pixels that are no catheter.

    Parameters
    ----------
    labels
        Class numbers or bool ``(H, W)``. If no pixel is a vessel, the classes have
        another meaning, and all marked pixels are returned.
    """
    left_out = CATHETER if (labels == VESSEL).any() else BACKGROUND
    return np.asarray((labels != BACKGROUND) & (labels != left_out))
