"""Draw background in the labels, and let the masks follow it.

In masks, background that is drawn where they are empty would be invisible and would
change nothing. In the labels it is seen as a stroke, and counts as a correction.
"""

from __future__ import annotations

from typing import Any

from napari_motionseg.io.label_numbers import BACKGROUND
from napari_motionseg.viewmodel.brush import Brush
from napari_motionseg.viewmodel.loop_masks import LoopMasks
from napari_motionseg.viewmodel.painting import has_screen_numbers, painted_frame


def draws_background(brush: Brush, painting: Any) -> bool:
    """Return whether a brush draws background that the labels can hold.

    Parameters
    ----------
    brush
        The brush of the dock.
    painting
        The labels layer that is painted on; None if the first stroke will make one. A
        layer of another origin may have no number for background.
    """
    own = painting is None or has_screen_numbers(painting)
    return own and brush.paints(0)


def take_background(masks: LoopMasks, painting: Any, t: int) -> bool:
    """Correct the mask of a frame where background is drawn in the labels.

    Parameters
    ----------
    masks
        Masks of the loop.
    painting
        The labels layer of the loop, or None.
    t
        Index of the frame.

    Returns
    -------
    bool
        Whether the corrections have changed.
    """
    if painting is None or not has_screen_numbers(painting):
        return False
    if painting.data.shape != masks.layer.data.shape:
        return False
    return masks.take_background(t, painted_frame(painting, t) == BACKGROUND)
