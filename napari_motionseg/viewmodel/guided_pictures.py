"""Draw the flow that follows from arrows: colors, arrows, moved frame, comparison."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_motionseg.guidance.flow_of_arrows import disagreement
from napari_motionseg.guidance.splatting import filled, splat
from napari_motionseg.motion.colors import flow_to_rgb, full_color_length
from napari_motionseg.viewmodel.guide_engine import ArrowAnswer

COLORS, ARROWS, MOVED = "guided flow", "guided arrows", "moved frame"
MEASURED, DIFFERENCE = "measured flow", "difference"
OVER = (COLORS, ARROWS)  # views over the loop; the others are beside it
ARROW_STEP_PX, LEAST_ARROW_PX = 16, 0.5


@dataclass(frozen=True, eq=False)
class GuidedPictures:
    """The pictures of one answer.

    Parameters
    ----------
    answer
        The answer that they show.
    pictures
        The pictures by the name of their view.
    full_px
        Length in px at which the color of flow is full.
    """

    answer: ArrowAnswer
    pictures: dict[str, NDArray[Any]]
    full_px: float


def drawn_pictures(answer: ArrowAnswer, names: tuple[str, ...]) -> GuidedPictures:
    """Return the pictures of an answer; runs in a thread.

    Parameters
    ----------
    answer
        The answer; without a flow, there are no pictures.
    names
        Names of the wanted views. `MEASURED` adds the difference as well.
    """
    frame, flow, measured = answer.frame, answer.flow, answer.measured
    if flow is None:
        return GuidedPictures(answer, {}, 1.0)
    flows = (flow,) if measured is None else (flow, measured)
    full = max(full_color_length(one) for one in flows)
    made: dict[str, NDArray[Any]] = {}
    if COLORS in names:
        made[COLORS] = flow_to_rgb(flow, full)
    if ARROWS in names:
        made[ARROWS] = grid_vectors(flow)
    if MOVED in names:
        made[MOVED] = filled(*splat(frame, flow))
    if MEASURED in names and measured is not None:
        made[MEASURED] = flow_to_rgb(measured, full)
        made[DIFFERENCE] = disagreement(flow, measured)
    return GuidedPictures(answer, made, full)


def grid_vectors(flow: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the flow ``(2, H, W)`` at points of a grid as napari's vectors."""
    half = ARROW_STEP_PX // 2
    rows, columns = np.mgrid[
        half : flow.shape[1] : ARROW_STEP_PX, half : flow.shape[2] : ARROW_STEP_PX
    ]
    x, y = flow[:, rows, columns]
    starts, vectors = np.stack((rows, columns), -1), np.stack((y, x), -1)
    both = np.stack((starts, vectors), axis=-2).reshape(-1, 2, 2)
    return np.asarray(both[np.hypot(x, y).ravel() >= LEAST_ARROW_PX], np.float32)
