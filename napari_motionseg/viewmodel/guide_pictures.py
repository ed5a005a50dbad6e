"""Draw masks of clicks with their scores, and the points and arrows of a user."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_motionseg.guidance.points import Arrow
from napari_motionseg.viewmodel.class_colors import rgb_of
from napari_motionseg.viewmodel.frame_guidance import FrameGuidance
from napari_motionseg.viewmodel.stroke_picture import RIM, rim_of

INSIDE, GLOW = 0.45, 0.55  # opacity of the mask, and of the brightest score
GLOW_COLOR = (255, 255, 255)
PROPOSED_RIM = (255, 210, 63, 255)  # a mask that was carried, and is not accepted
POSITIVE, NEGATIVE, STILL, MOVED = "#2bd94f", "#ff3b3b", "#ffffff", "#ffd84d"


def mask_picture(
    mask: NDArray[np.bool_],
    scores: NDArray[np.float32],
    number: int,
    *,
    proposed: bool = False,
    glow_at: float | None = None,
) -> NDArray[np.uint8]:
    """Return the picture of a mask, ``(H, W, 4)`` uint8.

    Parameters
    ----------
    mask
        Mask ``(H, W)`` bool.
    scores
        Scores ``(H, W)`` in [0, 1].
    number
        Number of the class, which gives the color.
    proposed
        Whether the rim is drawn in the color of proposals.
    glow_at
        Score at which the white glow outside the mask is brightest, usually the
        threshold; None draws no glow.
    """
    picture = np.zeros((*mask.shape, 4), np.uint8)
    if glow_at is not None:
        picture[..., :3] = GLOW_COLOR
        picture[..., 3] = np.clip(scores / glow_at, 0, 1) * (255 * GLOW)
    picture[mask, :3] = rgb_of(number)
    picture[mask, 3] = round(255 * INSIDE)
    picture[rim_of(mask)] = PROPOSED_RIM if proposed else RIM
    return picture


def marked_points(guidance: FrameGuidance) -> list[tuple[float, float, str]]:
    """Return row, column and color of each click and of each arrow's start."""
    clicks = guidance.current.clicks
    return [
        *((*point, POSITIVE) for point in clicks.positive),
        *((*point, NEGATIVE) for point in clicks.negative),
        *((a.row, a.column, MOVED if a.length else STILL) for a in guidance.arrows),
    ]


def arrow_vectors(arrows: tuple[Arrow, ...]) -> NDArray[np.float32]:
    """Return arrows as napari's vectors ``(N, 2, 2)``: start and motion."""
    moving = [((a.row, a.column), (a.down, a.right)) for a in arrows if a.length]
    return np.array(moving, np.float32).reshape(-1, 2, 2)
