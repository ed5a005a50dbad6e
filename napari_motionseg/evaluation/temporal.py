"""Measure how well masks follow the motion; no reference is needed."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from napari_motionseg.errors import SettingsError
from napari_motionseg.motion import FlowSequence, warp

Mask = NDArray[np.bool_]


def temporal_consistency(
    masks: NDArray[Any], flow: FlowSequence, label: int | None = None
) -> NDArray[np.float64]:
    """Return the Dice of each mask with the later one that is brought back onto it.

    The mask of frame t + gap is warped along the flow onto frame t; both are compared
    where the way there and back agrees (with backward flow), and where it ends inside
    the picture. Steady masks that are wrong score well: this finds flicker, no error.

    Parameters
    ----------
    masks
        ``(T, H, W)`` class numbers.
    flow
        Of the loop.
    label
        The class that is looked at; all but the background together if None.

    Returns
    -------
    NDArray
        ``(T,)`` in [0, 1]; NaN for the last frames, where both are empty, and where one
        of the two frames is damaged.

    Raises
    ------
    SettingsError
        If the flow is that of another loop.
    """
    pairs, _, height, width = flow.forward.shape
    if masks.ndim != 3 or masks.shape[1:] != (height, width):
        raise SettingsError(
            f"masks {masks.shape} and flow {flow.forward.shape} are of different loops"
        )
    if pairs > len(masks) - flow.gap:
        raise SettingsError(
            f"{len(masks)} masks for flow of {pairs} pairs, {flow.gap} frames apart"
        )
    values = np.full(len(masks), np.nan)
    for t in (t for t in range(pairs) if t not in flow.missing):
        now = np.asarray(masks[t] != 0 if label is None else masks[t] == label)
        later = masks[t + flow.gap]
        later = np.asarray(later != 0 if label is None else later == label)
        if now.any() or later.any():
            values[t] = _agreement(now, later, flow, t)
    return values


def _agreement(now: Mask, later: Mask, flow: FlowSequence, t: int) -> float:
    """Return the Dice of two masks along the flow; NaN where nothing is comparable."""
    forward = torch.from_numpy(np.array(flow.forward[t], np.float32))[None]
    picture = torch.from_numpy(np.stack([later, np.ones_like(later)])).float()[None]
    brought, inside = warp(picture, forward)[0].numpy() >= 0.5
    if flow.backward is not None:
        inside &= ~flow.occlusion(t)
    here, there = now & inside, brought & inside
    total = int(here.sum()) + int(there.sum())
    return 2 * int((here & there).sum()) / total if total else float("nan")
