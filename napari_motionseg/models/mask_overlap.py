"""The overlap of two masks: the one Dice of training, early stopping and reports."""

from __future__ import annotations

from typing import Any

import numpy as np


def dice(found: Any, truth: Any) -> float:
    """Return ``2 |A and B| / (|A| + |B|)`` of two masks; 1 if both are empty.

    Parameters
    ----------
    found, truth
        Masks of one shape and kind, of any number of axes: NumPy arrays of bool, or
        tensors of bool on one device.
    """
    both, sizes = int((found & truth).sum()), int(found.sum()) + int(truth.sum())
    # single precision, as torch and MONAI have it: how much of a start fine-tuning
    # keeps derives from this number, and one seed gives the weights that it always gave
    return float(np.float32(2 * both) / np.float32(sizes)) if sizes else 1.0
