"""Compute the Dice overlap of two masks, for training, stopping and reports."""

from __future__ import annotations

from typing import Any

import numpy as np


def dice(found: Any, truth: Any) -> float:
    """Return ``2 |A and B| / (|A| + |B|)`` of two masks; 1 if both are empty.

    Parameters
    ----------
    found, truth
        Masks of the same shape with any number of axes: both bool NumPy arrays, or both
        bool tensors on one device.
    """
    both, sizes = int((found & truth).sum()), int(found.sum()) + int(truth.sum())
    # Single precision, like torch and MONAI. The share of a start that fine-tuning
    # keeps depends on this number, so higher precision would change the weights of a
    # given seed.
    return float(np.float32(2 * both) / np.float32(sizes)) if sizes else 1.0
