"""The coronary loops in pictures of the docs: one tree, and nothing covers it."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.ndimage import distance_transform_edt

from napari_motionseg.synthesis import SynthesisConfig

UNCOVERED = {
    "anatomy": "coronary",
    "collimator": 0.0,
    "second_tree": 0.0,
    "streaming": (0.0, 0.0),
}


def coronary_loop(**changes: Any) -> SynthesisConfig:
    """Return ranges of loops with one evenly filled coronary tree.

    Parameters
    ----------
    **changes
        Fields of `SynthesisConfig` with other values, by name.
    """
    return SynthesisConfig(**{**UNCOVERED, **changes})


def moving_point(flow: np.ndarray, mask: np.ndarray) -> tuple[int, int]:
    """Return row and column of a place where a wide vessel moves far.

    Parameters
    ----------
    flow
        Flow ``(2, H, W)`` in px.
    mask
        Vessels ``(H, W)``.
    """
    worth = distance_transform_edt(mask) * np.linalg.norm(flow, axis=0)
    row, column = np.unravel_index(int(worth.argmax()), mask.shape)
    return int(row), int(column)
