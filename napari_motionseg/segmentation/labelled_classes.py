"""Check that each class has labelled pixels, without loading torch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from napari_motionseg.cine import Cine
from napari_motionseg.errors import LabelError
from napari_motionseg.io.labels import Labels

MOST_NAMED = 3  # most classes that a message lists
LabelledLoop = tuple[Cine, Labels]


def require_classes(examples: Sequence[LabelledLoop]) -> None:
    """Raise an error if a class has no labelled pixel, before anything is decoded.

    Raises
    ------
    LabelError
        If a class has no labelled pixel; the message names it.
    """
    classes = max(labels.classes for _, labels in examples)
    counts = np.zeros(classes, np.int64)
    for _, labels in examples:
        for t in labels.frames:
            target = labels.target(t)
            counts += np.bincount(target[target >= 0], minlength=classes)
    require_all_classes(counts.tolist())


def require_all_classes(counts: Sequence[int]) -> None:
    """Raise `LabelError` if the number of pixels of a class is 0."""
    missing = [
        "the background" if number == 0 else f"class {number}"
        for number, count in enumerate(counts)
        if count == 0
    ]
    if missing:
        more = len(missing) - MOST_NAMED
        others = [f"{more} other classes"] if more > 0 else []
        raise LabelError(
            f"no pixel of {' or '.join(missing[:MOST_NAMED] + others)} is labelled; "
            f"paint some of each of the {len(counts)} classes"
        )
