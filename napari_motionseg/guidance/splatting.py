"""Move the pixels of a frame along its flow, and fill the holes that they leave."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_motionseg.errors import SettingsError
from napari_motionseg.guidance.points import check_frame

Frame = NDArray[np.float32]
# logarithm by which the weight of a pixel grows with each px of its motion: where two
# pixels land on one place, the moving object hides the still background
PRIORITY = 0.7
MOST_PRIORITY = 12.0  # largest such logarithm; more would lose digits
LEAST_WEIGHT = 0.1  # sum of weights below which a place is a hole


def splat(frame: NDArray[Any], flow: NDArray[Any]) -> tuple[Frame, NDArray[np.bool_]]:
    """Return the moved frame, and which of its pixels no pixel has reached.

    Each pixel is divided among the four nearest places (summation splatting; Niklaus
    and Liu, CVPR 2020, weigh them in the same way).

    Parameters
    ----------
    frame
        Frame ``(H, W)`` in [0, 1].
    flow
        Flow ``(2, H, W)`` in px, x first, from this frame to the moved one.

    Returns
    -------
    ndarray
        Moved frame ``(H, W)`` float32; 0 in holes.
    ndarray
        Mask ``(H, W)`` bool of the holes.

    Raises
    ------
    SettingsError
        If the flow does not fit the frame, or is not finite.
    """
    values = check_frame(frame)
    if flow.shape != (2, *values.shape) or not np.isfinite(flow).all():
        raise SettingsError(
            f"flow must be finite and have axes (2, {values.shape[0]}, "
            f"{values.shape[1]}); got {flow.shape}"
        )
    rows, columns = values.shape
    y, x = np.indices(values.shape, dtype=np.float32)
    x, y = x + flow[0], y + flow[1]
    speed = np.hypot(flow[0], flow[1])
    weight = np.exp(np.minimum(PRIORITY * speed, MOST_PRIORITY))
    total = np.zeros(values.size)
    weights, covered = np.zeros(values.size), np.zeros(values.size)
    left, top = np.floor(x).astype(np.intp), np.floor(y).astype(np.intp)
    for down in (0, 1):
        for right in (0, 1):
            column, row = left + right, top + down
            share = (1 - abs(x - column)) * (1 - abs(y - row))
            inside = (
                (row >= 0) & (row < rows) & (column >= 0) & (column < columns)
                & (share > 0)
            )  # fmt: skip
            place = row[inside] * columns + column[inside]
            shares = share[inside]
            heavy = shares * weight[inside]
            total += np.bincount(place, heavy * values[inside], values.size)
            weights += np.bincount(place, heavy, values.size)
            covered += np.bincount(place, shares, values.size)
    hole = (covered < LEAST_WEIGHT).reshape(values.shape)
    moved = np.divide(total, weights, out=np.zeros_like(total), where=weights > 0)
    return np.where(hole, 0, moved.reshape(values.shape)).astype(np.float32), hole


def filled(frame: Frame, hole: NDArray[np.bool_]) -> Frame:
    """Return a frame whose holes are filled smoothly from around them.

    The frame is averaged over ever larger squares without the holes, and each hole
    takes the value of the smallest square that shows something (push-pull: Gortler et
    al., The Lumigraph, SIGGRAPH 1996, section 3.4).

    Parameters
    ----------
    frame
        Frame ``(H, W)``.
    hole
        Mask ``(H, W)`` bool of the pixels to fill; if nothing else is there, they
        become 0.
    """
    if not hole.any():
        return frame
    known = (~hole).astype(np.float32)
    return _pulled(np.where(hole, 0, frame).astype(np.float32), known)


def _pulled(total: Frame, weight: Frame) -> Frame:
    """Return the mean, taken from a coarser level where the weight is below 1."""
    known = np.divide(total, weight, out=np.zeros_like(total), where=weight > 0)
    if bool((weight >= 1).all()) or total.size == 1:
        return known
    rows, columns = total.shape
    padding = ((0, rows % 2), (0, columns % 2))
    parts = [
        np.pad(part, padding).reshape(-(-rows // 2), 2, -(-columns // 2), 2)
        for part in (total, weight)
    ]
    half_total, half_weight = (part.sum(axis=(1, 3)) for part in parts)
    scale = 1 / np.maximum(half_weight, 1)
    coarse = _pulled(half_total * scale, half_weight * scale)
    enlarged = _smoothly_doubled(coarse)[:rows, :columns]
    share = np.minimum(weight, 1)
    mixed: Frame = (share * known + (1 - share) * enlarged).astype(np.float32)
    return mixed


def _smoothly_doubled(values: Frame) -> Frame:
    """Return values at twice the resolution, interpolated linearly."""
    for axis in (0, 1):
        before = np.concatenate(
            (values.take([0], axis), values.take(range(values.shape[axis] - 1), axis)),
            axis,
        )
        after = np.concatenate(
            (values.take(range(1, values.shape[axis]), axis), values.take([-1], axis)),
            axis,
        )
        pair = np.stack(
            (0.75 * values + 0.25 * before, 0.75 * values + 0.25 * after), axis + 1
        )
        shape = list(values.shape)
        shape[axis] *= 2
        values = pair.reshape(shape)
    return values
