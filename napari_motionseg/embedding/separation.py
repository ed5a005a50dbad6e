"""How well similarity to an anchor tells what was painted from the rest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from napari_motionseg.errors import LabelError

FloatArray = NDArray[np.float32]
BINS = 50
_SIDES: tuple[Literal["left"], Literal["right"]] = ("left", "right")


@dataclass(frozen=True, eq=False)
class Separation:
    """Similarity inside and outside of labels.

    Parameters
    ----------
    edges
        ``(B + 1,)`` of the bins, from -1 to 1.
    inside, outside
        ``(B,)``: share of the pixels there that fall into each bin.
    auc
        Area under the ROC curve: how probably a pixel inside is more like the anchor
        than one outside. 1 is all that few labels need, 0.5 says nothing.
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
    """Compare similarity inside labels with that outside.

    Parameters
    ----------
    similarity
        ``(H, W)`` in [-1, 1]; NaN is left out.
    inside, outside
        ``(H, W)``; outside is all the rest if None.

    Raises
    ------
    LabelError
        If shapes differ, or nothing is inside or outside.
    """
    outside = ~inside if outside is None else outside
    if not similarity.shape == inside.shape == outside.shape:
        raise LabelError(
            f"similarity {similarity.shape} and labels {inside.shape} must have one "
            "shape: paint on labels of the loop's"
        )
    known = np.isfinite(similarity)
    values = [similarity[known & part] for part in (inside, outside)]
    for words, found in zip(("on", "off"), values, strict=True):
        if not found.size:
            raise LabelError(
                f"no pixel {words} the label on this frame: paint one, or go to a "
                "frame that is painted"
            )
    edges = np.linspace(-1, 1, BINS + 1)
    first, second = (np.histogram(v, edges)[0] / v.size for v in values)
    return Separation(edges, first, second, _area(*values))


def _area(inside: FloatArray, outside: FloatArray) -> float:
    """Mann-Whitney's U over the number of pairs; ties count half."""
    others = np.sort(outside)
    below, up_to = (np.searchsorted(others, inside, side) for side in _SIDES)
    return float((below + up_to).mean() / (2 * outside.size))
