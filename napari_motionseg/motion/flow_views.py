"""Every view of flow: a pure function of a frame's motion, and how it is shown.

A view lies over the loop (colours, arrows) or is a picture beside it. Where two flows
are compared, one layer holds the view of both, side by side, so that both have the same
scale whatever the user does to it.

Pixels of which a view knows nothing, because the other frame does not show them, are
NaN in pictures of values. The window draws a hatch there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from napari_motionseg.motion.colors import flow_to_rgb
from napari_motionseg.motion.frame_motion import LEAST_ARROW_PX, FrameMotion
from napari_motionseg.motion.hatching import (
    DARK,
    DARK_STRIPE,
    FAINT_INK,
    LIGHT,
    LIGHT_STRIPE,
    hatch_labels,
    stripes,
)
from napari_motionseg.motion.speed import SpeedScale

Kind = Literal["image", "labels", "vectors"]
Picture = NDArray[Any]
# share of the full colour; shorter arrows are specks that would hide the others
LEAST_ARROW_SHARE = 0.08
LARGEST_ERROR_PX = 3.0
LARGEST_RESIDUAL = 0.1  # residual at full colour, as a share of the gray range


@dataclass(frozen=True)
class ViewOptions:
    """Choices of the user about views.

    Parameters
    ----------
    full_px
        Length in px of full colour.
    arrow_step
        Pixels from one arrow to the next.
    scale
        Scale from pixels to speeds in mm/s or px/frame.
    """

    full_px: float
    arrow_step: int = 16
    scale: SpeedScale = SpeedScale(1)


@dataclass(frozen=True)
class View:
    """A way to look at motion.

    Parameters
    ----------
    title, summary
        The name of the view, and a sentence on what it shows.
    make
        A function that returns the picture ``(H, W)`` or ``(H, W, 3)``, or vectors
        ``(N, 2, 2)``.
    over
        Whether the view lies over the loop; else it is a picture beside it.
    advanced
        Whether the dock offers the view among the advanced ones.
    kind
        The type of the layer that shows it.
    channels
        3 for colours, else 1.
    appearance
        Attributes of a new layer, as napari takes them.
    limits
        A function that returns the values of the darkest and the brightest colour,
        where they depend on options.
    unit
        A function that returns the unit of the values, or None for colours.
    needs_back
        Whether there must be flow both ways.
    """

    title: str
    summary: str
    make: Callable[[FrameMotion, ViewOptions], Picture]
    over: bool = False
    advanced: bool = False
    kind: Kind = "image"
    channels: int = 1
    appearance: Mapping[str, Any] = field(default_factory=dict)
    limits: Callable[[ViewOptions], tuple[float, float]] | None = None
    unit: Callable[[ViewOptions], str] | None = None
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
    colours = flow_to_rgb(motion.flow, options.full_px)
    unknown = ~np.isfinite(motion.flow).all(axis=0)
    if unknown.any():  # flow_to_rgb makes it black, which would hide the loop
        hatch = np.where(stripes(unknown.shape), FAINT_INK, 255)
        colours[unknown] = hatch[unknown][:, None]
    return colours


def _arrows(motion: FrameMotion, options: ViewOptions) -> Picture:
    least = max(LEAST_ARROW_PX, LEAST_ARROW_SHARE * options.full_px)
    return motion.arrows(options.arrow_step, least)


def _speed(motion: FrameMotion, options: ViewOptions) -> Picture:
    return np.asarray(options.scale.speed(*motion.flow), np.float32)


def _error(motion: FrameMotion, _: ViewOptions) -> Picture:
    error = motion.forward_backward_error()
    return np.where(np.isfinite(error), error, np.float32(np.nan))


def _known(motion: FrameMotion, picture: Picture) -> Picture:
    """Return a picture with NaN in place of what the other frame does not show."""
    return np.where(motion.hidden, np.float32(np.nan), picture)


# In the order in which they lie on each other and stand beside each other
VIEWS: dict[str, View] = {
    "colours": View(
        "Flow colours",
        "Hue is the direction of the motion, saturation its length",
        _colours,
        over=True,
        channels=3,
        appearance={
            "rgb": True,
            "blending": "multiplicative",
        },  # white leaves what is below
    ),
    "occlusion": View(
        "Occlusion",
        "Hatched pixels are not visible in the other frame",
        lambda motion, _: hatch_labels(motion.hidden),
        over=True,
        advanced=True,
        kind="labels",
        appearance={
            "opacity": 0.6,
            "colormap": {DARK_STRIPE: DARK, LIGHT_STRIPE: LIGHT, None: "transparent"},
        },
        needs_back=True,
    ),
    "arrows": View(
        "Flow arrows",
        "Motion of the pixels of a grid",
        _arrows,
        over=True,
        kind="vectors",
        appearance={
            "edge_color": "#ffd84d",
            "edge_width": 1.6,
            "vector_style": "arrow",
            "opacity": 0.95,
        },
    ),
    "speed": View(
        "Speed",
        "Speed of each pixel, in mm/s where pixel spacing and frame times are known",
        _speed,
        appearance={"colormap": "viridis"},
        limits=lambda options: (0.0, options.scale.speed_of(options.full_px)),
        unit=lambda options: options.scale.unit,
    ),
    "forward-backward error": View(
        "Forward-backward error",
        "Distance from the start after following the flow forward and back",
        _error,
        advanced=True,
        appearance={"colormap": "magma", "contrast_limits": (0.0, LARGEST_ERROR_PX)},
        unit=lambda _: "px",
        needs_back=True,
    ),
    "warped frame": View(
        "Warped frame",
        "The other frame, warped onto this one by the flow",
        lambda motion, _: _known(motion, motion.warped_frame),
        advanced=True,
        appearance={"colormap": "gray", "contrast_limits": (0.0, 1.0)},
    ),
    "residual": View(
        "Residual",
        "This frame minus the warped frame: what the flow does not explain",
        lambda motion, _: _known(motion, motion.residual()),
        advanced=True,
        appearance={
            "colormap": "gray",
            "contrast_limits": (-LARGEST_RESIDUAL, LARGEST_RESIDUAL),
        },
        unit=lambda _: "of the gray range",
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
        Names of views, from `VIEWS`.
    motions
        The motion of each flow that is shown; None where no flow begins at the frame.
    size
        Rows and columns of a frame.
    options
        The choices of the user, see `ViewOptions`.
    shift
        Columns from a pixel of one flow's view to the same pixel of the next one's.

    Returns
    -------
    dict
        The views of all flows in one array, from left to right, by name.
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
