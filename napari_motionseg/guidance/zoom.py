"""Look at a window around clicks, enlarged, as in the paper's demonstration.

Zhan et al. cut the picture to a multiple of the clicks' extent from the second click
on, so that a small object fills the picture that the network sees.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from napari_motionseg.guidance.mask_of_clicks import Extent, Scores, click_scores
from napari_motionseg.guidance.points import Clicks, Point
from napari_motionseg.guidance.propagator import PreparedFrame, Propagator

EXTENTS = 4  # side of the window in extents of the clicks, as in the paper
LEAST_WINDOW_PX = 96  # a smaller window would not show where the object ends
SEEN_PX = 256  # side to which a smaller window is enlarged
ROUND_PX = 16  # windows lie on a grid, so that a further click often needs no new one


@dataclass(frozen=True)
class Window:
    """A part of a frame that is looked at, enlarged.

    Parameters
    ----------
    row, column
        First row and column in px of the frame.
    height, width
        Rows and columns in px of the frame.
    factor
        Side of the enlarged window, divided by that of the window.
    """

    row: int
    column: int
    height: int
    width: int
    factor: float

    @property
    def slices(self) -> tuple[slice, slice]:
        """The window's rows and columns of the frame."""
        return (
            slice(self.row, self.row + self.height),
            slice(self.column, self.column + self.width),
        )

    def inside(self, points: tuple[Point, ...]) -> tuple[Point, ...]:
        """Return points in px of the window."""
        return tuple((row - self.row, column - self.column) for row, column in points)


def click_window(clicks: Clicks, shape: tuple[int, ...]) -> Window | None:
    """Return the window around clicks; None if the whole frame is as good.

    Parameters
    ----------
    clicks
        The clicks, at least two of them; one click has no extent.
    shape
        Rows and columns of the frame.
    """
    if len(clicks.points) < 2:
        return None
    places = np.array(clicks.points)
    low, high = places.min(axis=0), places.max(axis=0)
    side = max(LEAST_WINDOW_PX, EXTENTS * float((high - low).max()))
    if side >= min(SEEN_PX, *shape):
        return None
    size = int(-(-side // ROUND_PX) * ROUND_PX)
    size = min(size, *shape)
    corner = [
        int(np.clip(round((m - size / 2) / ROUND_PX) * ROUND_PX, 0, n - size))
        for m, n in zip((low + high) / 2, shape, strict=True)
    ]
    return Window(corner[0], corner[1], size, size, SEEN_PX / size)


def zoomed_scores(
    propagator: Propagator,
    prepared: PreparedFrame,
    window: Window,
    shape: tuple[int, ...],
    clicks: Clicks,
    directions: int = 2,
    extent: Extent = "branch",
) -> Scores:
    """Return the scores ``(H, W)`` of clicks on an enlarged window; 0 outside of it.

    Parameters
    ----------
    propagator
        Network that answers.
    prepared
        The window, from `Propagator.prepare` with the factor of the window.
    window
        The window, from `click_window`.
    shape
        Rows and columns of the frame.
    clicks, directions, extent
        As for `click_scores`, in px of the frame.
    """
    moved = Clicks(window.inside(clicks.positive), window.inside(clicks.negative))
    scores = np.zeros(shape, np.float32)
    scores[window.slices] = click_scores(
        propagator, prepared, moved, directions, extent
    )
    return scores
