"""Draw strokes in the labels, and let the masks follow them.

In masks, a stroke that says what they show already would be invisible and would change
nothing. In the labels it is seen, and it counts as a correction: no threshold changes
its pixels any more.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_motionseg.io.label_numbers import BACKGROUND, IMPLIED_BACKGROUND
from napari_motionseg.viewmodel.brush import Brush
from napari_motionseg.viewmodel.loop_masks import LoopMasks
from napari_motionseg.viewmodel.mask_corrections import UNTOUCHED
from napari_motionseg.viewmodel.painting import (
    has_screen_numbers,
    overwrite_frame,
    painted_frame,
)


def draws_in_labels(brush: Brush, painting: Any) -> bool:
    """Return whether a tool draws strokes in the labels, also while masks are shown.

    Parameters
    ----------
    brush
        The brush of the dock.
    painting
        The labels layer that is painted on; None if the first stroke will make one. A
        layer of another origin may have no number for background.
    """
    own = painting is None or has_screen_numbers(painting)
    return own and brush.tool == "paint"


def drawn_classes(labels: NDArray[Any]) -> NDArray[np.uint8]:
    """Return the classes that labels of the screen draw on a frame.

    Parameters
    ----------
    labels
        ``(H, W)`` numbers of the screen. Implied background is not drawn.

    Returns
    -------
    NDArray
        ``(H, W)``: 0 = background, classes from 1, `UNTOUCHED` elsewhere.
    """
    found = np.where(labels < IMPLIED_BACKGROUND, labels, UNTOUCHED).astype(np.uint8)
    found[labels == 0] = UNTOUCHED
    found[labels == BACKGROUND] = 0
    return found


def follow_strokes(masks: LoopMasks, painting: Any) -> bool:
    """Return whether masks follow the strokes in a labels layer.

    Parameters
    ----------
    masks
        Masks of the loop.
    painting
        The labels layer of the loop, or None.
    """
    return (
        painting is not None
        and has_screen_numbers(painting)
        and painting.data.shape == masks.layer.data.shape
    )


def hide_background(
    masks: LoopMasks, painting: Any, t: int, erased: NDArray[np.bool_]
) -> None:
    """Make drawn background that was erased in the masks implied, so that it vanishes.

    The pixels stay background in labels and masks: an eraser brings no vessel back.

    Parameters
    ----------
    masks
        Masks of the loop, in which the user has erased.
    painting
        The labels layer of the loop, or None.
    t
        Index of the frame.
    erased
        ``(H, W)``: pixels that the eraser has passed over.
    """
    if not follow_strokes(masks, painting):
        return
    labels = painted_frame(painting, t).copy()
    hidden = erased & (labels == BACKGROUND)
    if hidden.any():
        masks.keep_strokes(t, hidden)
        labels[hidden] = IMPLIED_BACKGROUND
        overwrite_frame(painting, t, labels)


def swept_pixels(
    points: Sequence[tuple[float, float]], diameter: float, size: tuple[int, int]
) -> NDArray[np.bool_]:
    """Return the pixels ``(H, W)`` that a round brush has passed over.

    Parameters
    ----------
    points
        Rows and columns in px of the places of the brush, at least one; the brush moves
        straight from one to the next.
    diameter
        Diameter of the brush in px.
    size
        Rows and columns of the frame.
    """
    places = np.asarray(points, float)
    steps = np.ceil(np.abs(np.diff(places, axis=0)).max(axis=1, initial=0)).astype(int)
    legs = [
        np.linspace(start, end, max(count, 1), endpoint=False)
        for start, end, count in zip(places[:-1], places[1:], steps, strict=True)
    ]
    path = np.round(np.concatenate([*legs, places[-1:]])).astype(int)
    path = path[((path >= 0) & (path < size)).all(axis=1)]
    away = np.ones(size, bool)
    away[path[:, 0], path[:, 1]] = False
    if away.all():  # the brush was outside of the frame
        return ~away
    distance = ndimage.distance_transform_edt(away)
    return np.asarray(distance <= diameter / 2, bool)
