"""One pair of frames of a real loop, and all that is measured on it.

Pairs whose frames both show 2000 px of vessel. Photometric error and AUC look only at
vessels that move more than 2 px, found by `vessel_motion` and by none of the methods.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from flow_measures import (
    DILATED_PX,
    SURROUNDINGS_PX,
    agreement,
    area_under_curve,
    boundary_strength,
    edge_band,
    photometric_error,
    relative_motion,
    surroundings,
    visible_dice,
    warped_dice,
)
from flow_methods import flattened
from flow_rows import Row, flow_method
from scipy.ndimage import distance_transform_edt
from vessel_motion import moving_vessels

from napari_motionseg.io import read_cine

LEAST_VESSEL_PX = 2000
LEAST_MOVING_PX = 500
GAPS = (1, 2)
THERE_AND_BACK_GAP = 1  # further apart, a vessel is often out of everybody's reach


@dataclass(frozen=True)
class RealPair:
    """Frame t of a loop and the frame `gap` later."""

    loop: Path
    t: int
    gap: int

    @property
    def key(self) -> str:
        return f"{self.loop.stem} {self.t} {self.gap}"


def usable(loop: Path, gap: int) -> np.ndarray:
    """Return the frames t ``(N,)`` that show vessels, as do those `gap` later."""
    masks, valid = silver(loop)
    shows = valid & (masks.sum(axis=(1, 2)) >= LEAST_VESSEL_PX)
    return np.flatnonzero(shows[:-gap] & shows[gap:])


@lru_cache(maxsize=4)
def silver(loop: Path) -> tuple[np.ndarray, np.ndarray]:
    """Return masks ``(T, H, W)`` bool and which frames' are valid ``(T,)`` bool."""
    with np.load(loop.with_name(f"{loop.stem}_mask.npz")) as file:
        return file["mask"], file["valid"]


@lru_cache(maxsize=2)
def pictures(loop: Path) -> np.ndarray:
    """Return the loop ``(T, H, W)`` float32 in [0, 1]."""
    cine = read_cine(loop)
    return np.stack([cine.normalized(t) for t in range(len(cine))])


def measure(
    pair: RealPair, methods: Sequence[str], weights: Path | None
) -> dict[str, Row]:
    """Return a row for each method."""
    frames, masks = pictures(pair.loop), silver(pair.loop)[0]
    first, second = frames[pair.t], frames[pair.t + pair.gap]
    mask, later = masks[pair.t], masks[pair.t + pair.gap]
    flats = flattened(first), flattened(second)
    moving = moving_vessels(*flats, mask, DILATED_PX)
    found = {}
    for name in methods:
        estimate = flow_method(name, weights)
        flow = estimate(first, second)
        row = {"loop": pair.loop.stem, "gap": pair.gap}
        row["dice"] = warped_dice(mask, later, flow)
        if moving.sum() >= LEAST_MOVING_PX:
            row["photometric"] = photometric_error(first, second, flow, moving)
            row |= outlines(flow, mask, moving)
        if pair.gap == THERE_AND_BACK_GAP:
            back = estimate(second, first)
            row |= agreement(flow, back, mask, later)
            row["dice_visible"] = visible_dice(mask, later, flow, back)
        found[name] = row
    return found


def outlines(flow: np.ndarray, mask: np.ndarray, moving: np.ndarray) -> Row:
    """Return how well motion outlines the vessels that move, as areas under curves."""
    close = distance_transform_edt(~moving) <= SURROUNDINGS_PX
    edge, around = edge_band(mask) & close, surroundings(mask) & close
    relative = relative_motion(flow, mask)
    return {
        "auc_boundary": area_under_curve(boundary_strength(flow), edge, around),
        "auc_relative": area_under_curve(relative, edge, around),
        "auc_relative_vessel": area_under_curve(relative, mask & moving, around),
    }
