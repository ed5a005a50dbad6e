"""Move an anchor along the flow, together with the tissue under it."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from napari_motionseg.errors import SettingsError
from napari_motionseg.motion import FlowSequence

Position = tuple[float, float]
OUTSIDE = (math.nan, math.nan)
ROUNDS = 20  # iterations of inverting the flow


def carried(
    flow: FlowSequence, position: Position, start: int, target: int
) -> Position:
    """Return the position on another frame of what is at a position.

    Parameters
    ----------
    flow
        Flow of the loop. Backward flow is used if it was estimated; otherwise the
        forward flow is inverted.
    position
        Row and column on frame `start`, which may have fractions.
    start, target
        Indices of the frames. A step shorter than the flow's gap takes its share of it.

    Returns
    -------
    tuple
        Row and column on frame `target`; NaN if it has left the picture.

    Raises
    ------
    SettingsError
        If a frame is not in the loop.
    """
    frames = len(flow) + flow.gap
    for name, t in (("start", start), ("target", target)):
        if not 0 <= t < frames:
            raise SettingsError(f"{name} must be from 0 to {frames - 1}; got {t}")
    t = start
    while t != target and not math.isnan(position[0]):
        step = min(flow.gap, abs(target - t))
        share = step / flow.gap
        if target > t:
            here = np.asarray(flow.forward[min(t, len(flow) - 1)])
            position, t = _moved(here, position, share), t + step
        else:
            position, t = _before(flow, position, t, step), t - step
    return position


def _before(flow: FlowSequence, position: Position, t: int, step: int) -> Position:
    share = step / flow.gap
    if flow.backward is not None:
        return _moved(np.asarray(flow.backward[max(t - flow.gap, 0)]), position, share)
    forward = np.asarray(flow.forward[min(t - step, len(flow) - 1)])
    found = position
    for _ in range(ROUNDS):
        row, column = _moved(forward, found, share)
        found = (found[0] + position[0] - row, found[1] + position[1] - column)
    return found


def _moved(flow: NDArray[np.floating], position: Position, share: float) -> Position:
    """Return the end of ``(2, H, W)`` px of flow at a position, interpolated."""
    row, column = position
    height, width = flow.shape[1:]
    if not (0 <= row <= height - 1 and 0 <= column <= width - 1):
        return OUTSIDE
    top, left = min(int(row), max(height - 2, 0)), min(int(column), max(width - 2, 0))
    corner = flow[:, top : top + 2, left : left + 2].astype(np.float64)
    down, across = row - top, column - left
    rows = np.array([1 - down, down])[: corner.shape[1]]
    columns = np.array([1 - across, across])[: corner.shape[2]]
    x, y = corner @ columns @ rows
    return row + share * float(y), column + share * float(x)
