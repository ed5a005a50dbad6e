"""Describe the motion at one frame: arrows, speed, warped frame, residual."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from napari_motionseg.cine import Cine
from napari_motionseg.errors import MotionError
from napari_motionseg.motion.flow_sequence import FlowSequence

if TYPE_CHECKING:
    from torch import Tensor

Map = NDArray[np.float32]
Way = Literal["forward", "backward"]
LEAST_ARROW_PX = 0.25  # px; shorter arrows would be dots


@dataclass(frozen=True, eq=False)
class FrameMotion:
    """A frame, another frame, and the flow between them.

    Parameters
    ----------
    frame, other
        Frames ``(H, W)`` in [0, 1]. The other frame is later for forward flow, and
        earlier for backward flow.
    flow
        Flow ``(2, H, W)`` in px, from `frame` to `other`.
    back
        Flow ``(2, H, W)`` in px, from `other` to `frame`; None if it was not estimated.

    Raises
    ------
    MotionError
        If the sizes differ.
    """

    frame: Map
    other: Map
    flow: Map
    back: Map | None = None

    def __post_init__(self) -> None:
        sizes = {self.frame.shape, self.other.shape, self.flow.shape[1:]}
        if self.back is not None:
            sizes.add(self.back.shape[1:])
        if len(sizes) > 1:
            raise MotionError(f"frames and flow must have one size; got {sizes}")

    @classmethod
    def at(
        cls, cine: Cine, flow: FlowSequence, t: int, way: Way = "forward"
    ) -> FrameMotion:
        """Return the motion that begins at frame `t` of a loop.

        Parameters
        ----------
        cine
            The loop.
        flow
            Flow of the loop.
        t
            Index of the frame, from 0.
        way
            ``"forward"``: to frame t + gap; ``"backward"``: to frame t - gap.

        Raises
        ------
        MotionError
            If no flow begins at this frame, or this direction was not estimated.
        """
        entry = entry_at(flow, t, way)
        if entry is None:
            why = _span(flow, way)
            if t in flow.missing if way == "forward" else t - flow.gap in flow.missing:
                why = "it, or the frame that it leads to, is damaged"
            raise MotionError(f"no {way} flow begins at frame {t}: {why}")
        forward = np.asarray(flow.forward[entry])
        backward = None if flow.backward is None else np.asarray(flow.backward[entry])
        here, there = cine.normalized(t), cine.normalized(t + _step(flow, way))
        if way == "forward":
            return cls(here, there, forward, backward)
        if backward is None:
            raise MotionError("backward flow was not estimated; estimate it first")
        return cls(here, there, backward, forward)

    def length(self) -> Map:
        """Return the length ``(H, W)`` of each vector in px."""
        return np.asarray(np.hypot(*self.flow), np.float32)

    def arrows(
        self, step: int = 16, least: float = LEAST_ARROW_PX
    ) -> NDArray[np.float32]:
        """Return arrows at the points of a grid.

        Parameters
        ----------
        step
            Distance in px between two arrows along both axes.
        least
            Length in px below which an arrow is left out.

        Returns
        -------
        NDArray
            ``(N, 2, 2)``: start and vector of each arrow as row and column in px, in
            the format of napari's vectors.

        Raises
        ------
        MotionError
            If `step` is below 1.
        """
        if step < 1:
            raise MotionError(f"step must be at least 1 px; got {step}")
        rows, columns = np.mgrid[
            step // 2 : self.flow.shape[1] : step,
            step // 2 : self.flow.shape[2] : step,
        ]
        x, y = self.flow[:, rows, columns]
        starts = np.stack((rows, columns), axis=-1)
        vectors = np.stack((y, x), axis=-1)
        both = np.stack((starts, vectors), axis=-2).reshape(-1, 2, 2)
        long = np.hypot(x, y).ravel() >= least
        return np.asarray(both[long], np.float32)

    @cached_property
    def hidden(self) -> NDArray[np.bool_]:
        """Mask ``(H, W)`` of the pixels that the other frame does not show.

        A pixel is hidden if its flow leads out of the picture. With backward flow, it
        is also hidden if forward and backward flow disagree (Sundaram et al. 2010,
        equation 5).
        """
        from napari_motionseg.models.sampling import sample_along
        from napari_motionseg.motion.warping import occlusion

        flow = _batch(self.flow)
        if self.back is not None:
            return np.asarray(occlusion(flow, _batch(self.back))[0].numpy())
        _, inside = sample_along(flow, flow)
        return np.asarray(~inside[0, 0].numpy())

    @cached_property
    def warped_frame(self) -> Map:
        """The other frame ``(H, W)`` warped onto this one; hidden pixels are black."""
        from napari_motionseg.motion.warping import warp

        warped = warp(_batch(self.other[None]), _batch(self.flow))[0, 0].numpy()
        return np.where(self.hidden, np.float32(0), warped)

    def residual(self) -> Map:
        """Return this frame minus the warped other one, ``(H, W)``; 0 where hidden."""
        difference = self.frame - self.warped_frame
        return np.where(self.hidden, np.float32(0), difference)

    def forward_backward_error(self) -> Map:
        """Return the forward-backward error ``(H, W)`` in px.

        It is infinite where the flow leads out of the picture.

        Raises
        ------
        MotionError
            If there is no backward flow.
        """
        from napari_motionseg.motion.warping import forward_backward_error

        if self.back is None:
            raise MotionError("the forward-backward error needs backward flow")
        error = forward_backward_error(_batch(self.flow), _batch(self.back))
        return np.asarray(error[0].numpy())


def entry_at(flow: FlowSequence, t: int, way: Way = "forward") -> int | None:
    """Return the index of the flow that begins at frame `t`; None if there is none.

    There is none at the end of the loop, or if one of the two frames is damaged.

    Parameters
    ----------
    flow
        Flow of a loop.
    t
        Index of the frame, from 0.
    way
        Direction of the flow; see `FrameMotion.at`.
    """
    entry = t if way == "forward" else t - flow.gap
    known = 0 <= entry < len(flow) and entry not in flow.missing
    return entry if known else None


def _step(flow: FlowSequence, way: Way) -> int:
    return flow.gap if way == "forward" else -flow.gap


def _span(flow: FlowSequence, way: Way) -> str:
    first = 0 if way == "forward" else flow.gap
    return f"flow begins at frames {first} to {first + len(flow) - 1}"


def _batch(array: NDArray[np.floating]) -> Tensor:
    import torch

    return torch.from_numpy(np.array(array, np.float32))[None]
