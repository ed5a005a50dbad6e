"""Convert motion in pixels to speed, and compute the mean speed of a loop's vessels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_motionseg.cine import Cine
from napari_motionseg.errors import MotionError
from napari_motionseg.motion.flow_sequence import FlowSequence


@dataclass(frozen=True)
class SpeedScale:
    """Scale that turns pixels between two frames into mm/s at the isocentre.

    Parameters
    ----------
    gap
        Number of frames from one frame of a pair to the other.
    gap_ms
        Time between the two frames in ms, or None if it is unknown.
    spacing
        Distance between rows and between columns in mm, or None if it is unknown.
    """

    gap: int
    gap_ms: float | None = None
    spacing: tuple[float, float] | None = None

    @classmethod
    def of(cls, cine: Cine, gap: int) -> SpeedScale:
        """Return the scale of a loop's flow between frames that are `gap` apart."""
        interval = cine.frame_interval
        return cls(
            gap, None if interval is None else gap * interval, cine.pixel_spacing
        )

    @property
    def missing(self) -> str:
        """Names of what is missing for mm/s, such as pixel spacing.

        The text is empty if nothing is missing.
        """
        lacks = {
            "magnification": self.spacing is None,
            "frame times": self.gap_ms is None,
        }
        return " and ".join(name for name, absent in lacks.items() if absent)

    @property
    def known(self) -> bool:
        """Whether speeds can be given in mm/s."""
        return not self.missing

    @property
    def unit(self) -> str:
        """Unit of `speed`."""
        return "mm/s" if self.known else "px/frame"

    @property
    def while_passing(self) -> str:
        """The time of the gap in words: ``in 133 ms``, else ``in 2 frames``."""
        if self.gap_ms is not None:
            return f"in {self.gap_ms:.0f} ms"
        return "a frame" if self.gap == 1 else f"in {self.gap} frames"

    def speed(self, x: ArrayLike, y: ArrayLike) -> NDArray[np.float64]:
        """Return the speed of motions of `x` and `y` px, in `unit`."""
        if self.gap_ms is None or self.spacing is None:
            return np.asarray(np.hypot(x, y) / self.gap, np.float64)
        down, across = self.spacing
        way = np.hypot(np.multiply(x, across), np.multiply(y, down))
        return np.asarray(1000 * way / self.gap_ms, np.float64)

    def of_length(self, length: float) -> str:
        """Describe a motion of `length` px in any direction: ``6.7 px in 133 ms``."""
        words = f"{length:.1f} px {self.while_passing}"
        return words + (f", {self.speed_of(length):.0f} mm/s" if self.known else "")

    def speed_of(self, length: float) -> float:
        """Return the speed of a motion of `length` px in any direction, in `unit`.

        If rows and columns are spaced differently, the mean of both spacings is used.
        """
        across = length
        if self.spacing is not None:
            across = length * float(np.mean(self.spacing)) / self.spacing[1]
        return float(self.speed(across, 0)) if self.known else length / self.gap

    def of_motion(self, x: float, y: float) -> str:
        """Describe a motion: ``3.6 px (+3.0 across, -2.0 down), 9 mm/s``."""
        words = f"{np.hypot(x, y):.1f} px ({x:+.1f} across, {y:+.1f} down)"
        return words + (f", {float(self.speed(x, y)):.0f} mm/s" if self.known else "")


def mean_speed(
    flow: FlowSequence, masks: Any = None, scale: SpeedScale | None = None
) -> NDArray[np.float64]:
    """Return the mean length of the flow vectors at each frame.

    Parameters
    ----------
    flow
        Flow of a loop.
    masks
        ``(T, H, W)`` bool or labels. The mean is taken over the pixels that are not 0,
        such as those of a vessel; None for all pixels.
    scale
        Scale of the speeds; None for px/frame.

    Returns
    -------
    NDArray
        ``(T - gap,)``; NaN where the mask is empty or one of the two frames is damaged.

    Raises
    ------
    MotionError
        If the masks do not have the frames and the size of the flow.
    """
    speeds = np.full(len(flow), np.nan)
    size = tuple(flow.forward.shape[2:])
    if masks is not None and (tuple(masks.shape[1:]) != size or len(masks) < len(flow)):
        raise MotionError(
            f"masks of shape {tuple(masks.shape)} do not fit a flow of {len(flow)} "
            f"frames of {size}"
        )
    scale = scale or SpeedScale(flow.gap)
    for t in (t for t in range(len(flow)) if t not in flow.missing):
        counts = slice(None) if masks is None else np.asarray(masks[t]) > 0
        x, y = np.asarray(flow.forward[t], np.float32)
        lengths = scale.speed(x[counts], y[counts])
        if lengths.size:
            speeds[t] = lengths.mean()
    return speeds
