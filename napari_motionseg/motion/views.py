"""What flow says at one frame: arrows, speed, the later frame brought back."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_motionseg.cine import Cine
from napari_motionseg.errors import MotionError
from napari_motionseg.models.sampling import sample_along
from napari_motionseg.motion.sequence import FlowSequence
from napari_motionseg.motion.warping import forward_backward_error, occlusion, warp

Map = NDArray[np.float32]
LEAST_ARROW_PX = 0.25  # shorter ones are dots


@dataclass(frozen=True, eq=False)
class FrameMotion:
    """A pair of frames with the flow between them.

    Parameters
    ----------
    earlier, later
        Frames t and t + gap, ``(H, W)`` in [0, 1].
    forward
        ``(2, H, W)`` px from t to t + gap.
    backward
        ``(2, H, W)`` px from t + gap to t, or None where it was not estimated.

    Raises
    ------
    MotionError
        If sizes differ.
    """

    earlier: Map
    later: Map
    forward: Map
    backward: Map | None = None

    def __post_init__(self) -> None:
        sizes = {self.earlier.shape, self.later.shape, self.forward.shape[1:]}
        if self.backward is not None:
            sizes.add(self.backward.shape[1:])
        if len(sizes) > 1:
            raise MotionError(f"frames and flow must have one size; got {sizes}")

    @classmethod
    def at(cls, cine: Cine, flow: FlowSequence, t: int) -> FrameMotion:
        """Return the motion of frame `t` of a loop.

        Raises
        ------
        MotionError
            If no flow leads away from this frame.
        """
        if not 0 <= t < len(flow):
            raise MotionError(
                f"no flow begins at frame {t}: the last begins at {len(flow) - 1}, "
                f"{flow.gap} before the end of the loop"
            )
        return cls(
            cine.normalized(t),
            cine.normalized(t + flow.gap),
            np.asarray(flow.forward[t]),
            None if flow.backward is None else np.asarray(flow.backward[t]),
        )

    def length(self) -> Map:
        """Return the length of each vector, ``(H, W)`` px."""
        return np.asarray(np.hypot(*self.forward), np.float32)

    def arrows(self, step: int = 16, scale: float = 1.0) -> NDArray[np.float32]:
        """Return arrows on a grid.

        Parameters
        ----------
        step
            Pixels from one to the next along both axes.
        scale
            Pixels that a motion of one pixel is drawn with.

        Returns
        -------
        NDArray
            ``(N, 2, 2)``: start and vector, each row and column, as napari's vectors
            have it. Arrows below a quarter of a pixel are left out.

        Raises
        ------
        MotionError
            If `step` is below 1.
        """
        if step < 1:
            raise MotionError(f"step must be at least 1 px; got {step}")
        rows, columns = np.mgrid[
            step // 2 : self.forward.shape[1] : step,
            step // 2 : self.forward.shape[2] : step,
        ]
        x, y = self.forward[:, rows, columns]
        starts = np.stack((rows, columns), axis=-1)
        vectors = np.stack((y, x), axis=-1) * scale
        both = np.stack((starts, vectors), axis=-2).reshape(-1, 2, 2)
        long = np.hypot(x, y).ravel() >= LEAST_ARROW_PX
        return np.asarray(both[long], np.float32)

    @cached_property
    def hidden(self) -> NDArray[np.bool_]:
        """Where the later frame has nothing to show, ``(H, W)``.

        The way leads out of the picture; or, where there is a backward flow, there and
        back again ends elsewhere (Sundaram et al. 2010, equation 5).
        """
        forward = _batch(self.forward)
        if self.backward is not None:
            return np.asarray(occlusion(forward, _batch(self.backward))[0].numpy())
        _, inside = sample_along(forward, forward)
        return np.asarray(~inside[0, 0].numpy())

    def brought_back(self) -> Map:
        """Return the later frame warped onto the earlier one, hidden pixels black."""
        warped = warp(_batch(self.later[None]), _batch(self.forward))[0, 0].numpy()
        return np.where(self.hidden, np.float32(0), warped)

    def left_over(self) -> Map:
        """Return the earlier frame minus the later one brought back; 0 where hidden."""
        difference = self.earlier - self.brought_back()
        return np.where(self.hidden, np.float32(0), difference)

    def disagreement(self) -> Map:
        """Return how far there and back ends from the start, ``(H, W)`` px.

        Infinite where the way leads out of the picture.

        Raises
        ------
        MotionError
            If there is no backward flow.
        """
        if self.backward is None:
            raise MotionError("no backward flow was estimated to compare with")
        error = forward_backward_error(_batch(self.forward), _batch(self.backward))
        return np.asarray(error[0].numpy())


def _batch(array: NDArray[np.floating]) -> Tensor:
    return torch.from_numpy(np.array(array, np.float32))[None]


def mean_speed(
    flow: FlowSequence, masks: NDArray[np.bool_] | None = None
) -> NDArray[np.float64]:
    """Return the mean length of the vectors at each frame.

    Parameters
    ----------
    flow
        Of a loop.
    masks
        ``(T, H, W)``: the pixels that count, such as a vessel; all if None.

    Returns
    -------
    NDArray
        ``(T - gap,)`` px a gap; NaN where no pixel counts.

    Raises
    ------
    MotionError
        If the masks do not fit.
    """
    speeds = np.full(len(flow), np.nan)
    if masks is not None and masks.shape[1:] != flow.forward.shape[2:]:
        raise MotionError(
            f"masks of {masks.shape[1:]} do not fit a flow of {flow.forward.shape[2:]}"
        )
    for t, vectors in enumerate(flow.forward):
        lengths = np.hypot(*vectors)
        chosen = lengths if masks is None else lengths[masks[t]]
        if chosen.size:
            speeds[t] = chosen.mean()
    return speeds
