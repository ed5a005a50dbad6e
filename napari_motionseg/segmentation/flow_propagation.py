"""Labels and probabilities carried along the flow, where there and back agree.

A frame beside a painted one shows the same vessels, moved. Its pixel p was at p + d in
the painted frame, with d the flow from this frame to that one; steps over several
frames add up along the way. The weight of a carried label falls with the distance by
which the way there and back misses, and with every step.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_motionseg.errors import MotionError, SettingsError
from napari_motionseg.models.sampling import sample_along
from napari_motionseg.motion import FlowSequence, forward_backward_error, warp


@dataclass(frozen=True)
class CarrySettings:
    """Settings of how far labels are carried.

    Parameters
    ----------
    steps
        Pairs of the flow, before and after a painted frame.
    tolerance
        Px: by a miss there and back of so much, the weight falls to 0.61.
    decay
        Factor on the weight with each step.
    least
        Lighter labels are left out.

    Raises
    ------
    SettingsError
        If a value cannot be.
    """

    steps: int = 2
    tolerance: float = 1.0
    decay: float = 0.7
    least: float = 0.2

    def __post_init__(self) -> None:
        if self.steps < 1:
            raise SettingsError(f"steps must be at least 1; got {self.steps}")
        if not self.tolerance > 0:
            raise SettingsError(f"tolerance must be positive; got {self.tolerance}")
        for name in ("decay", "least"):
            if not 0 < getattr(self, name) <= 1:
                raise SettingsError(
                    f"{name} must be above 0 and at most 1; got {getattr(self, name)}"
                )


@dataclass(frozen=True, eq=False)
class CarriedLabel:
    """Labels that were carried to a frame.

    Parameters
    ----------
    frame, source
        Where they are now, and the painted frame that they come from.
    target
        ``(H, W)`` int16, -1 = nothing came here.
    weight
        ``(H, W)`` float32 in [0, 1].
    """

    frame: int
    source: int
    target: NDArray[np.int16]
    weight: NDArray[np.float32]


def carry_labels(
    targets: dict[int, NDArray[np.int16]],
    flow: FlowSequence,
    settings: CarrySettings | None = None,
) -> list[CarriedLabel]:
    """Carry the labels of painted frames to the frames around them.

    Parameters
    ----------
    targets
        By frame, ``(H, W)``, -1 = unlabelled.
    flow
        Both ways; only the pairs around painted frames are looked at. Labels do not
        travel beyond a damaged frame.
    settings
        See `CarrySettings`.

    Returns
    -------
    list of CarriedLabel
        None for painted frames; of several that come to one frame, all.

    Raises
    ------
    MotionError
        If the flow back was not estimated.
    """
    settings = settings or CarrySettings()
    if flow.backward is None:
        raise MotionError(
            "carrying labels needs the flow back: estimate it with backward=True"
        )
    return [
        label
        for source, target in targets.items()
        for sign in (1, -1)
        for label in _one_way(source, target, flow, settings, sign)
        if label.frame not in targets and (label.target >= 0).any()
    ]


def _one_way(
    source: int,
    target: NDArray[np.int16],
    flow: FlowSequence,
    settings: CarrySettings,
    sign: int,
) -> Iterator[CarriedLabel]:
    """Follow the flow from a painted frame, towards later or earlier frames."""
    height, width = target.shape
    # the way so far: from the frame reached to the source
    way = torch.zeros(1, 2, height, width)
    trust = torch.ones(1, 1, height, width)
    frame = source
    for _ in range(settings.steps):
        pair = frame if sign > 0 else frame - flow.gap
        if not 0 <= pair < len(flow) or pair in flow.missing:
            return
        ahead, back = _pair(flow, pair, sign)
        frame += sign * flow.gap
        # what is known of the way at p is what was known at p + back(p)
        way = back + warp(way, back)
        miss = forward_backward_error(back, ahead)[:, None]
        agree = torch.exp(-miss.square() / (2 * settings.tolerance**2))
        trust = settings.decay * agree * warp(trust, back)
        yield _carried(frame, source, target, way, trust, settings.least)


def _pair(flow: FlowSequence, pair: int, sign: int) -> tuple[Tensor, Tensor]:
    """Return the flow away from the source and back, ``(1, 2, H, W)``."""
    backward = flow.backward
    if backward is None:  # checked by the caller; for the type checker
        raise MotionError("the flow back was not estimated")
    both = [
        torch.from_numpy(np.array(way[pair], np.float32))[None]
        for way in (flow.forward, backward)
    ]
    return (both[0], both[1]) if sign > 0 else (both[1], both[0])


def _carried(
    frame: int,
    source: int,
    target: NDArray[np.int16],
    way: Tensor,
    trust: Tensor,
    least: float,
) -> CarriedLabel:
    """Look the labels up where the way leads, the nearest pixel's."""
    height, width = target.shape
    rows = torch.arange(height)[:, None] + way[0, 1]
    columns = torch.arange(width) + way[0, 0]
    row, column = rows.round().long(), columns.round().long()
    inside = (row >= 0) & (row < height) & (column >= 0) & (column < width)
    weight = (trust[0, 0] * inside).numpy().astype(np.float32)
    found = target[row.clamp(0, height - 1), column.clamp(0, width - 1)].copy()
    found[(weight < least) | (found < 0)] = -1
    weight[found < 0] = 0
    return CarriedLabel(frame, source, found, weight)


def smooth_along_flow(
    probabilities: NDArray[np.floating],
    flow: FlowSequence,
    t: int,
    tolerance: float = 1.0,
) -> NDArray[np.float32]:
    """Return a frame's probabilities, with those its neighbours have of its pixels.

    Parameters
    ----------
    probabilities
        ``(T, H, W)``.
    flow
        Both ways.
    t
        The frame.
    tolerance
        See `CarrySettings`.

    Returns
    -------
    NDArray
        ``(H, W)``: the mean over the frame, of weight 1, and both neighbours, each of
        weight 1/2 where there and back agree.

    Raises
    ------
    MotionError
        If the flow back was not estimated.
    """
    if flow.backward is None:
        raise MotionError(
            "smoothing needs the flow back: estimate it with backward=True"
        )
    total = torch.from_numpy(np.asarray(probabilities[t], np.float32))[None, None]
    weights = torch.ones_like(total)
    for there, pair, sign in ((t + flow.gap, t, -1), (t - flow.gap, t - flow.gap, 1)):
        if not 0 <= pair < len(flow) or pair in flow.missing:
            continue
        here, out = _pair(flow, pair, sign)  # as if labels came from the neighbour
        picture = torch.from_numpy(np.asarray(probabilities[there], np.float32))
        brought, inside = sample_along(picture[None, None], out)
        miss = forward_backward_error(out, here)[:, None]
        weight = 0.5 * torch.exp(-miss.square() / (2 * tolerance**2)) * inside
        total = total + weight * brought
        weights = weights + weight
    smooth: NDArray[np.float32] = (total / weights)[0, 0].numpy()
    return smooth
