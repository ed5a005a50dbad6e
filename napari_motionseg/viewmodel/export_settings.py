"""Hold the settings of exports from the Project dock."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_motionseg.io.dicom_seg_frames import SegmentationType
from napari_motionseg.project.mask_probabilities import MaskProbabilities

# the steps of 1/255, in which probabilities are stored, next to one half
MOST_OUTSIDE, LEAST_INSIDE = np.float32(127 / 255), np.float32(128 / 255)


@dataclass(frozen=True)
class ExportSettings:
    """Settings for drawing exported masks.

    Parameters
    ----------
    filled
        Whether an overlay tints the masks; if False, it draws their outlines.
    kind
        Type of a DICOM Segmentation: ``BINARY``, ``LABELMAP`` or ``FRACTIONAL``.
    oriented
        Whether a DICOM Segmentation gets an orientation, which OHIF demands.
    """

    filled: bool = False
    kind: SegmentationType = "BINARY"
    oriented: bool = False


def fractions_of(
    known: MaskProbabilities, masks: NDArray[Any]
) -> dict[int, NDArray[np.float32]]:
    """Return the probability of each class, on the side of one half where the mask is.

    A threshold other than one half, and corrections by a person, are in the mask and
    not in the probabilities. Readers take a pixel from one half on.

    Parameters
    ----------
    known
        Probabilities that the masks were made of.
    masks
        ``(T, H, W)`` class numbers, 0 for the background.
    """
    probability = np.asarray(known.probabilities, np.float32)
    found = {}
    for number in range(1, max(1, int(masks.max(initial=1))) + 1):
        value = np.where(known.likeliest == number, probability, np.float32(0))
        inside = masks == number
        found[number] = np.where(
            inside, value.clip(LEAST_INSIDE, 1), value.clip(0, MOST_OUTSIDE)
        )
    return found
