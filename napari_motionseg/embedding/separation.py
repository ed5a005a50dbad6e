"""Measure how well similarity to an anchor separates painted pixels from others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from napari_motionseg.errors import LabelError

FloatArray = NDArray[np.float32]
BINS = 50  # number of bins of a histogram from -1 to 1
_SIDES: tuple[Literal["left"], Literal["right"]] = ("left", "right")


@dataclass(frozen=True, eq=False)
class Separation:
    """Distribution of similarity inside and outside of labels.

    Parameters
    ----------
    edges
        Edges ``(B + 1,)`` of the bins, from -1 to 1.
    inside, outside
        Share ``(B,)`` of the pixels there in each bin.
    auc
        Area under the ROC curve: the probability that a pixel inside is more similar to
        the anchor than one outside. At 1, few labels suffice; 0.5 means no separation.
    """

    edges: NDArray[np.float64]
    inside: NDArray[np.float64]
    outside: NDArray[np.float64]
    auc: float


def separation(
    similarity: FloatArray,
    inside: NDArray[np.bool_],
    outside: NDArray[np.bool_] | None = None,
) -> Separation:
    """Compare similarity inside labels with similarity outside.

    Parameters
    ----------
    similarity
        Similarity map ``(H, W)`` in [-1, 1]; NaN is left out.
    inside, outside
        Masks ``(H, W)`` bool; None for `outside` is everything else.

    Raises
    ------
    LabelError
        If shapes differ, or no pixel is inside or outside.
    """
    outside = ~inside if outside is None else outside
    if not similarity.shape == inside.shape == outside.shape:
        raise LabelError(
            f"similarity {similarity.shape} and labels {inside.shape} must have the "
            "same shape; paint on labels of this loop"
        )
    known = np.isfinite(similarity)
    values = [similarity[known & part] for part in (inside, outside)]
    for words, found in zip(("on", "off"), values, strict=True):
        if not found.size:
            raise LabelError(
                f"no pixel {words} the label on this frame; paint one, or go to a "
                "painted frame"
            )
    edges = np.linspace(-1, 1, BINS + 1)
    first, second = (np.histogram(v, edges)[0] / v.size for v in values)
    return Separation(edges, first, second, area_under_curve(*values))


def area_under_curve(inside: FloatArray, outside: FloatArray) -> float:
    """Return the area under the ROC curve of values that shall separate two sets.

    This is Mann-Whitney's U over the number of pairs; ties count half.

    Parameters
    ----------
    inside, outside
        Values ``(N,)`` and ``(M,)`` of both sets, neither of them empty.
    """
    others = np.sort(outside)
    below, up_to = (np.searchsorted(others, inside, side) for side in _SIDES)
    return float((below + up_to).mean() / (2 * outside.size))
