"""Measure how well masks follow the motion, without a reference."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_motionseg.errors import SettingsError
from napari_motionseg.motion import FlowSequence

Mask = NDArray[np.bool_]


def temporal_consistency(
    masks: NDArray[Any], flow: FlowSequence, label: int | None = None
) -> NDArray[np.float64]:
    """Return the Dice of each mask with the warped mask of the later frame.

    The mask of frame t + gap is warped along the flow onto frame t. Both are compared
    where forward and backward flow agree (if there is backward flow) and where the flow
    ends inside the picture. Steadily wrong masks score well: this measures flicker, not
    correctness.

    Parameters
    ----------
    masks
        Class numbers ``(T, H, W)``.
    flow
        Flow of the loop.
    label
        Class to examine; None uses all foreground classes together.

    Returns
    -------
    NDArray
        Dice ``(T,)`` in [0, 1]; NaN for the last frames, if both masks are empty, and
        if one of the two frames is damaged.

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
            f"flow of {pairs} pairs with gap {flow.gap} does not fit {len(masks)} masks"
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
    """Return the Dice of two masks along the flow; NaN if nothing can be compared."""
    import torch

    from napari_motionseg.motion import warp

    forward = torch.from_numpy(np.array(flow.forward[t], np.float32))[None]
    picture = torch.from_numpy(np.stack([later, np.ones_like(later)])).float()[None]
    brought, inside = warp(picture, forward)[0].numpy() >= 0.5
    if flow.backward is not None:
        inside &= ~flow.occlusion(t)
    here, there = now & inside, brought & inside
    total = int(here.sum()) + int(there.sum())
    return 2 * int((here & there).sum()) / total if total else float("nan")
