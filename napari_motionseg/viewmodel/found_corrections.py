"""Find the corrections in masks of a project that does not store them.

Projects of earlier releases hold masks and probabilities, but do not say which pixels
the user has corrected. Such pixels are those that differ from what the network made at
the stored threshold.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_motionseg.project.mask_probabilities import MaskProbabilities
from napari_motionseg.project.opening import OpenedProject
from napari_motionseg.viewmodel.mask_corrections import UNTOUCHED
from napari_motionseg.viewmodel.segment_memory import stored_adjustment


def find_corrections(opened: OpenedProject) -> None:
    """Find the corrections of all masks of a project whose corrections are not known.

    Parameters
    ----------
    opened
        The project with its pixels and probabilities. Corrections are added to the
        probabilities.
    """
    threshold, smallest = stored_adjustment(opened.project.manifest.settings)
    for number in opened.uncorrected & opened.probabilities.keys():
        known = opened.probabilities[number]
        for t in np.flatnonzero(~known.confirmed).tolist():
            shown = opened.pixels[number][t]
            found = _differing(known, t, shown, threshold, smallest)
            if found is not None:
                known.corrections[t] = found


def _differing(
    known: MaskProbabilities,
    t: int,
    shown: NDArray[Any],
    threshold: float,
    smallest: int,
) -> NDArray[np.uint8] | None:
    """Return the corrections ``(H, W)`` of a frame, or None if there are none."""
    from napari_motionseg.segmentation.postprocess import postprocess_mask

    made = postprocess_mask(
        known.probabilities[t], known.likeliest[t], threshold, smallest
    )
    differs = made != shown
    if not differs.any():
        return None
    return np.where(differs, shown, UNTOUCHED).astype(np.uint8)
