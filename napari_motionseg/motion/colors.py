"""Show flow as colours: the hue is the direction, the saturation is the length.

The colour wheel is that of Baker et al., "A Database and Evaluation Methodology for
Optical Flow", IJCV 2011: 55 hues in six stretches, whose lengths follow how well the
eye distinguishes them. Motion to the right is red, no motion is white.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_motionseg.errors import MotionError

Colors = NDArray[np.uint8]

# number of hues from one corner of the colour cube to the next
STRETCHES = (
    ((255, 0, 0), (255, 255, 0), 15),
    ((255, 255, 0), (0, 255, 0), 6),
    ((0, 255, 0), (0, 255, 255), 4),
    ((0, 255, 255), (0, 0, 255), 11),
    ((0, 0, 255), (255, 0, 255), 13),
    ((255, 0, 255), (255, 0, 0), 6),
)
BEYOND = 0.75  # brightness of vectors that are longer than the maximum
FRAME_CHUNK = 8  # frames that are coloured at once
FULL_COLOR_PERCENTILE = 99.5  # percentile of the lengths that gets full colour
LEAST_FULL_PX = 0.5  # px; noise of a still loop must not look like motion


def hue_circle() -> NDArray[np.float64]:
    """Return the 55 hues ``(55, 3)`` in [0, 1]."""
    hues = []
    for start, end, steps in STRETCHES:
        part = np.arange(steps)[:, None] / steps
        hues.append(np.asarray(start) * (1 - part) + np.asarray(end) * part)
    circle: NDArray[np.float64] = np.concatenate(hues) / 255
    return circle


def flow_to_rgb(flow: NDArray[Any], maximum: float | None = None) -> Colors:
    """Convert flow to colours.

    Parameters
    ----------
    flow
        Flow ``(..., 2, H, W)`` in px.
    maximum
        Length in px with full saturation; longer vectors are darker. None uses the
        longest vector.

    Returns
    -------
    ndarray
        Colours ``(..., H, W, 3)`` uint8; black where the flow is not finite.

    Raises
    ------
    MotionError
        If the array is not flow, or `maximum` is not positive.
    """
    flow = np.asarray(flow)
    if flow.ndim < 3 or flow.shape[-3] != 2:
        raise MotionError(f"flow must have shape (..., 2, H, W); got {flow.shape}")
    if maximum is None:
        maximum = longest(flow)
    if not maximum > 0:
        raise MotionError(f"maximum must be a positive length in px; got {maximum}")
    leading, (height, width) = flow.shape[:-3], flow.shape[-2:]
    stack = flow.reshape(-1, 2, height, width)
    colours = np.empty((len(stack), height, width, 3), np.uint8)
    for i in range(0, len(stack), FRAME_CHUNK):
        colours[i : i + FRAME_CHUNK] = _colours(stack[i : i + FRAME_CHUNK], maximum)
    return colours.reshape(*leading, height, width, 3)


def longest(flow: NDArray[Any]) -> float:
    """Return the length of the longest finite vector in px; 1 if nothing moves."""
    x, y = (np.moveaxis(flow, -3, 0)[i].astype(np.float32) for i in (0, 1))
    lengths = np.hypot(x, y)
    largest = float(np.max(lengths, initial=0.0, where=np.isfinite(lengths)))
    return largest or 1.0


def full_color_length(flow: NDArray[Any]) -> float:
    """Return the length in px for full colour, without a few outliers.

    Parameters
    ----------
    flow
        Flow ``(..., 2, H, W)`` in px; every second row and column is used.
    """
    lengths = np.linalg.norm(flow[..., ::2, ::2], axis=-3)
    return max(float(np.percentile(lengths, FULL_COLOR_PERCENTILE)), LEAST_FULL_PX)


def color_wheel(size: int = 128) -> Colors:
    """Return the legend ``(size, size, 4)``: the colour of each direction and length.

    The edge of the circle is the maximum length; outside, the picture is transparent.
    """
    if size < 3:
        raise MotionError(f"size must be at least 3 px; got {size}")
    axis = np.linspace(-1, 1, size)
    x, y = np.meshgrid(axis, axis)
    colours = flow_to_rgb(np.stack((x, y)), 1.0)
    edge = (1 - np.hypot(x, y)) * (size - 1) / 2 + 0.5
    alpha = np.clip(edge, 0, 1) * 255
    return np.dstack((colours, alpha.astype(np.uint8)))


def _colours(flow: NDArray[Any], maximum: float) -> Colors:
    scaled = np.moveaxis(flow, 1, 0).astype(np.float32) / np.float32(maximum)
    finite = np.isfinite(scaled).all(axis=0)
    x, y = np.where(finite, scaled, 0)
    length = np.hypot(x, y)[..., None]
    circle = hue_circle().astype(np.float32)
    place = (np.arctan2(y, x) / (2 * np.pi) % 1) * len(circle)
    below = place.astype(np.intp) % len(circle)
    part = (place - np.floor(place))[..., None]
    hue = circle[below] * (1 - part) + circle[(below + 1) % len(circle)] * part
    colour = np.where(length <= 1 + 1e-6, 1 - length * (1 - hue), hue * BEYOND)
    colour[~finite] = 0
    pixels: NDArray[np.uint8] = np.round(np.clip(colour, 0, 1) * 255).astype(np.uint8)
    return pixels
