"""Every view of flow: a pure function of a frame's motion, and how it is shown.

A view lies over the loop (colours, arrows) or is a picture beside it. Where two flows
are compared, one layer holds the view of both, side by side, so that both have the same
scale whatever a person does to it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from napari_motionseg.motion.colors import flow_to_rgb
from napari_motionseg.motion.frame_motion import LEAST_ARROW_PX, FrameMotion

Kind = Literal["image", "labels", "vectors"]
Picture = NDArray[Any]
LEAST_ARROW_SHARE = 0.08  # of full colour: a lawn of specks hides the arrows
HIDDEN = "#ff5c33"
LARGEST_MISS_PX = 3.0
LARGEST_RESIDUAL = 0.1  # of the gray range


@dataclass(frozen=True)
class ViewOptions:
    """Choices of a person about views.

    Parameters
    ----------
    full_px
        Length in px of full colour.
    arrow_step
        Pixels from one arrow to the next.
    """

    full_px: float
    arrow_step: int = 16


@dataclass(frozen=True)
class View:
    """A way to look at motion.

    Parameters
    ----------
    title, summary
        What a person calls it; what it shows.
    make
        The picture ``(H, W)`` or ``(H, W, 3)``, or vectors ``(N, 2, 2)``.
    over
        Whether it lies over the loop; else it is a picture beside it.
    kind
        The layer that it needs.
    channels
        3 for colours, else 1.
    looks
        Of a new layer, as napari takes them.
    limits
        Values of the darkest and the brightest colour, where they depend on options.
    unit
        Of its values.
    needs_back
        Whether there must be flow both ways.
    """

    title: str
    summary: str
    make: Callable[[FrameMotion, ViewOptions], Picture]
    over: bool = False
    kind: Kind = "image"
    channels: int = 1
    looks: Mapping[str, Any] = field(default_factory=dict)
    limits: Callable[[ViewOptions], tuple[float, float]] | None = None
    unit: str = ""
    needs_back: bool = False

    def blank(self, size: tuple[int, int]) -> Picture:
        """Return what is shown of a frame of `size` that no flow begins at."""
        if self.kind == "vectors":
            return np.zeros((0, 2, 2), np.float32)
        if self.kind == "labels":
            return np.zeros(size, np.uint8)
        if self.channels == 3:
            return np.full((*size, 3), 255, np.uint8)  # as where nothing moves
        return np.full(size, np.nan, np.float32)


def _colours(motion: FrameMotion, options: ViewOptions) -> Picture:
    return flow_to_rgb(motion.flow, options.full_px)


def _arrows(motion: FrameMotion, options: ViewOptions) -> Picture:
    least = max(LEAST_ARROW_PX, LEAST_ARROW_SHARE * options.full_px)
    return motion.arrows(options.arrow_step, least)


def _miss(motion: FrameMotion, _: ViewOptions) -> Picture:
    error = motion.forward_backward_error()
    return np.where(np.isfinite(error), error, np.float32(np.nan))


# In the order in which they lie on each other and stand beside each other
VIEWS: dict[str, View] = {
    "colours": View(
        "Colours",
        "Hue is direction, strength of colour is length",
        _colours,
        over=True,
        channels=3,
        looks={"rgb": True, "blending": "multiplicative"},  # white leaves what is below
    ),
    "occlusion": View(
        "Occlusion",
        "Pixels that the other frame does not show",
        lambda motion, _: motion.hidden.astype(np.uint8),
        over=True,
        kind="labels",
        looks={"opacity": 0.4, "colormap": {1: HIDDEN, None: "transparent"}},
        needs_back=True,
    ),
    "arrows": View(
        "Arrows",
        "Where the pixels of a grid go",
        _arrows,
        over=True,
        kind="vectors",
        looks={
            "edge_color": "#ffd84d",
            "edge_width": 1.6,
            "vector_style": "arrow",
            "opacity": 0.95,
        },
    ),
    "speed": View(
        "Speed",
        "Length of the vectors",
        lambda motion, _: motion.length(),
        looks={"colormap": "viridis"},
        limits=lambda options: (0.0, options.full_px),
        unit="px",
    ),
    "there and back": View(
        "There and back",
        "By how much the way there and back again misses the start",
        _miss,
        looks={"colormap": "magma", "contrast_limits": (0.0, LARGEST_MISS_PX)},
        unit="px",
        needs_back=True,
    ),
    "brought back": View(
        "Brought back",
        "The other frame warped onto this one; black where it shows nothing of it",
        lambda motion, _: motion.warped_frame,
        looks={"colormap": "gray", "contrast_limits": (0.0, 1.0)},
    ),
    "left over": View(
        "Left over",
        "This frame minus the other one brought back: what flow does not explain",
        lambda motion, _: motion.residual(),
        looks={
            "colormap": "gray",
            "contrast_limits": (-LARGEST_RESIDUAL, LARGEST_RESIDUAL),
        },
        unit="of black to white",
    ),
}


def pictures(
    names: Sequence[str],
    motions: Sequence[FrameMotion | None],
    size: tuple[int, int],
    options: ViewOptions,
    shift: int,
) -> dict[str, Picture]:
    """Return the views of one frame.

    Parameters
    ----------
    names
        Of `VIEWS`.
    motions
        Of each flow that is looked at; None where it does not begin at the frame, or
        lacks what the view needs.
    size
        Rows and columns of a frame.
    options
        See `ViewOptions`.
    shift
        Columns from a pixel of one flow's view to the same pixel of the next one's.

    Returns
    -------
    dict
        Of each name: the views of all flows in one array, from left to right.
    """
    made = {}
    for name in names:
        view = VIEWS[name]
        parts = [
            view.blank(size) if m is None or (view.needs_back and m.back is None)
            else view.make(m, options)
            for m in motions
        ]  # fmt: skip
        made[name] = _side_by_side(view, parts, shift)
    return made


def _side_by_side(view: View, parts: Sequence[Picture], shift: int) -> Picture:
    if view.kind == "vectors":
        moved = [part.copy() for part in parts]
        for i, part in enumerate(moved):
            part[:, 0, 1] += i * shift
        return np.concatenate(moved)
    rows, columns = parts[0].shape[:2]
    whole = view.blank((rows, columns + shift * (len(parts) - 1)))
    for i, part in enumerate(parts):
        whole[:, i * shift : i * shift + columns] = part
    return whole
