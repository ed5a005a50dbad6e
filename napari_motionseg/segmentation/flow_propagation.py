"""Carry labels and probabilities along the flow, where it is consistent.

A frame beside a painted one shows the same vessels, moved. Its pixel p was at p + d in
the painted frame, where d is the flow from this frame to the painted one; over several
frames, the steps add up along the path. The weight of a carried label decreases with
the forward-backward error and with every step.
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
        Number of flow steps before and after a painted frame.
    tolerance
        Forward-backward error in px at which the weight falls to 0.61.
    decay
        Factor on the weight for each step.
    least
        Least weight; labels with a smaller one are left out.

    Raises
    ------
    SettingsError
        If a value is out of range.
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
        Index of the frame, and of the painted frame where the labels come from.
    target
        Labels ``(H, W)`` int16, -1 for none.
    weight
        Weights ``(H, W)`` float32 in [0, 1].
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
        Labels ``(H, W)`` by frame, -1 for unlabelled.
    flow
        Flow in both directions; only pairs around painted frames are used. Labels are
        not carried beyond a damaged frame.
    settings
        Settings of how far labels are carried; None uses the defaults.

    Returns
    -------
    list of CarriedLabel
        Labels for frames without painting; several may be for the same frame.

    Raises
    ------
    MotionError
        If there is no backward flow.
    """
    settings = settings or CarrySettings()
    if flow.backward is None:
        raise MotionError(
            "carrying labels needs backward flow; estimate it with backward=True"
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
    # accumulated displacement, from the present frame to the source
    way = torch.zeros(1, 2, height, width)
    trust = torch.ones(1, 1, height, width)
    frame = source
    for _ in range(settings.steps):
        pair = frame if sign > 0 else frame - flow.gap
        if not 0 <= pair < len(flow) or pair in flow.missing:
            return
        ahead, back = _pair(flow, pair, sign)
        frame += sign * flow.gap
        # the displacement of p is that of p + back(p), plus back(p)
        way = back + warp(way, back)
        miss = forward_backward_error(back, ahead)[:, None]
        agree = torch.exp(-miss.square() / (2 * settings.tolerance**2))
        trust = settings.decay * agree * warp(trust, back)
        yield _carried(frame, source, target, way, trust, settings.least)


def _pair(flow: FlowSequence, pair: int, sign: int) -> tuple[Tensor, Tensor]:
    """Return the flow away from the source and back, ``(1, 2, H, W)`` each."""
    backward = flow.backward
    if backward is None:  # checked by the caller; for the type checker
        raise MotionError("backward flow was not estimated; use backward=True")
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
    """Look up the labels at the ends of the displacements, by nearest neighbour."""
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
    """Average the probabilities of a frame with those of its neighbours along the flow.

    Parameters
    ----------
    probabilities
        Probabilities ``(T, H, W)``.
    flow
        Flow in both directions.
    t
        Index of the frame.
    tolerance
        Forward-backward error in px; see `CarrySettings`.

    Returns
    -------
    NDArray
        Probabilities ``(H, W)``: the mean of the frame, with weight 1, and both
        neighbours, each with weight 1/2 where forward and backward flow agree.

    Raises
    ------
    MotionError
        If there is no backward flow.
    """
    if flow.backward is None:
        raise MotionError(
            "smoothing needs backward flow; estimate it with backward=True"
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
