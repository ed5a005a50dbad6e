"""Divide the pixels of moving vessels by what makes their flow hard, and what failed.

Both divisions are exhaustive and exclusive: a pixel counts for the first line that
applies to it. `PLACES` go by the exact truth alone, so that they are the same for every
method. `FAILURES` go by which part of the network of two layers is wrong.
"""

from __future__ import annotations

import numpy as np
from exact_pairs import ExactPair

APART_PX = 2.0  # motions that differ by more count as different, as a vessel that moves
# Rose (1948): a detail is seen reliably from a contrast of about 3 to 5 times the noise
FAINT = 4.0
THIN_PX = 3.0  # diameter
FAR_PX = 10.0  # motion
RIGHT_PX = 2.0  # error of a layer that counts as right
PLACES = {
    "gone": "left the picture, or lost its contrast",
    "crossing": "crosses a vessel of another motion",
    "beside": "within 3 px of a vessel of another motion",
    "faint": "contrast below 4 times the noise",
    "thin": "diameter below 3 px",
    "far": "others that move over 10 px",
    "clear": "all others",
}
FAILURES = {
    "shape": "the shape is missed, and the layer is right",
    "both": "the shape is missed, and the layer is wrong",
    "along": "the layer is wrong, mainly along the vessel",
    "across": "the layer is wrong, mainly across the vessel",
    "none": "shape and layer are right",
}


def places(pair: ExactPair) -> dict[str, np.ndarray]:
    """Return the pixels ``(H, W)`` bool of each place; together, all pixels."""
    length = np.linalg.norm(pair.flow, axis=0)
    return exclusive(
        {
            "gone": pair.gone,
            "crossing": pair.crossing > APART_PX,
            "beside": pair.beside > APART_PX,
            "faint": pair.contrast < FAINT,
            "thin": pair.diameter < THIN_PX,
            "far": length > FAR_PX,
            "clear": np.ones_like(pair.mask),
        }
    )


def failures(
    share: np.ndarray, layer: np.ndarray, truth: np.ndarray, along: np.ndarray
) -> dict[str, np.ndarray]:
    """Return the pixels ``(H, W)`` bool of each failure; together, all pixels.

    Parameters
    ----------
    share
        Share ``(H, W)`` in [0, 1] of the vessel layer in the network's flow.
    layer
        Flow ``(2, H, W)`` of the vessel layer in px.
    truth
        Exact flow ``(2, H, W)`` in px.
    along
        Unit vector ``(2, H, W)`` along the vessel.
    """
    missed = share < 0.5
    right = np.linalg.norm(layer - truth, axis=0) <= RIGHT_PX
    lengthwise, sideways = along_and_across(layer - truth, along)
    return exclusive(
        {
            "shape": missed & right,
            "both": missed,
            "along": ~right & (lengthwise >= sideways),
            "across": ~right,
            "none": np.ones_like(missed),
        }
    )


def along_and_across(
    error: np.ndarray, along: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the sizes ``(H, W)`` of an error ``(2, H, W)`` along and across vessels.

    Parameters
    ----------
    error
        Difference of two flows in px.
    along
        Unit vector ``(2, H, W)`` along the vessel.
    """
    lengthwise = np.abs((error * along).sum(axis=0))
    return lengthwise, np.abs(error[1] * along[0] - error[0] * along[1])


def exclusive(conditions: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return each condition without the pixels of the conditions before it."""
    left = np.ones_like(next(iter(conditions.values())), dtype=bool)
    found = {}
    for name, condition in conditions.items():
        found[name] = left & condition
        left = left & ~condition
    return found
