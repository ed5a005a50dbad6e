"""Draw the picture below strokes: the preview as a light fill, and a white rim.

napari draws strokes in solid color. The rim distinguishes them from masks and previews
of the same color.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

RIM = (255, 255, 255, 255)  # red, green, blue, alpha


def rim_of(drawn: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the pixels that touch drawn ones at an edge or a corner.

    Parameters
    ----------
    drawn
        ``(H, W)``: the pixels that are drawn.
    """
    rows = drawn.copy()
    rows[1:] |= drawn[:-1]
    rows[:-1] |= drawn[1:]
    near = rows.copy()
    near[:, 1:] |= rows[:, :-1]
    near[:, :-1] |= rows[:, 1:]
    rim: NDArray[np.bool_] = near & ~drawn
    return rim


def stroke_picture(
    drawn: NDArray[np.bool_], preview: NDArray[np.uint8] | None
) -> NDArray[np.uint8]:
    """Return the preview of a frame with a white rim around its strokes.

    Parameters
    ----------
    drawn
        ``(H, W)``: the pixels that are drawn.
    preview
        ``(H, W, 4)`` uint8, red, green, blue and alpha; None: there is no preview.
    """
    picture = np.zeros((*drawn.shape, 4), np.uint8)
    if preview is not None:
        picture[...] = preview
    # clear strokes, or a preview of another class would be visible through them
    picture[drawn] = 0
    picture[rim_of(drawn)] = RIM
    return picture
