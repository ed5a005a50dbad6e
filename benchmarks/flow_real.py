"""Flow methods on real loops, without a truth: four measures against silver masks.

    MOTIONSEG_DATA=../angiodata python benchmarks/flow_real.py
    ... --patients p1 p2 p3 p4 --loops 6 --stride 3 --gaps 1 --weights own.safetensors

Pairs whose frames both hold 2000 px of vessel. Photometric error and AUC look only at
vessels that move more than 2 px, found by `vessel_motion` and by none of the methods.
A loop's value is the mean of its pairs, the table's the mean of the loops. Masks are a
silver standard: they compare methods and give no absolute accuracy.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from bars import real_bars
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
    warped_dice,
)
from flow_methods import METHODS, flattened
from flow_rows import HERE, Row, Rows, flow_method, measured, parser, write_report
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


def main() -> None:
    options = parse_options()
    data = os.environ.get("MOTIONSEG_DATA")
    if not data:
        sys.exit("MOTIONSEG_DATA is not set: no real loops to measure on")
    loops = loops_of(Path(data), options.patients, options.loops)
    pairs = [p for loop in loops for p in pairs_of(loop, options.gaps, options.stride)]
    sources = tuple(HERE / name for name in ("flow_real.py", "vessel_motion.py"))
    rows = Rows("flow_real", options.cache, options.weights, sources)
    found = measured({p.key: p for p in pairs}, options.methods, measure, rows)
    table = {name: summary(found[name]) for name in options.methods}
    report = {
        "patients": options.patients,
        "loops": len(loops),
        "pairs": {f"gap {g}": sum(p.gap == g for p in pairs) for g in options.gaps},
        "stride": options.stride,
        "weights": options.weights.name if options.weights else "shipped",
        "rows": real_bars(table),
        "methods": table,
    }
    show(table)
    write_report(options.out, report)


def parse_options() -> argparse.Namespace:
    made = parser(__doc__, "flow_real")
    made.add_argument("--patients", nargs="+", default=["p5", "p6"])
    made.add_argument("--gaps", nargs="+", type=int, choices=GAPS, default=list(GAPS))
    made.add_argument("--loops", type=int, help="so many, spread over the patients")
    made.add_argument("--stride", type=int, default=1, help="every so manieth pair")
    return made.parse_args()


def loops_of(data: Path, patients: Sequence[str], count: int | None) -> list[Path]:
    """Return loops that have masks; `count` of them evenly spread if given."""
    loops = [p for name in patients for p in sorted(data.glob(f"{name}_*.dcm"))]
    if count and count < len(loops):
        chosen = np.linspace(0, len(loops) - 1, count).round().astype(int)
        loops = [loops[i] for i in chosen]
    return loops


def pairs_of(loop: Path, gaps: Sequence[int], stride: int) -> list[RealPair]:
    """Return every `stride`-th pair of frames that both show vessels."""
    masks, valid = silver(loop)
    shows = valid & (masks.sum(axis=(1, 2)) >= LEAST_VESSEL_PX)
    return [
        RealPair(loop, int(t), gap)
        for gap in gaps
        for t in np.flatnonzero(shows[:-gap] & shows[gap:])[::stride]
    ]


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
            row |= agreement(flow, estimate(second, first), mask, later)
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


def summary(rows: list[Row]) -> dict[str, float]:
    """Return the mean over loops of the mean over pairs, by measure and gap."""
    by_loop: dict[str, dict[str, list[float]]] = {}
    for row in rows:
        for name, value in row.items():
            if isinstance(value, float):
                loops = by_loop.setdefault(f"{name}_{row['gap']}", {})
                loops.setdefault(row["loop"], []).append(value)
    return {
        name: float(np.mean([np.mean(values) for values in loops.values()]))
        for name, loops in sorted(by_loop.items())
    }


def show(table: dict[str, dict[str, float]]) -> None:
    names = sorted({name for row in table.values() for name in row})
    print(" " * 22 + " ".join(f"{name[-14:]:>14}" for name in names))
    for method, row in table.items():
        cells = " ".join(f"{row.get(name, float('nan')):14.3f}" for name in names)
        print(f"{METHODS[method].title:22}{cells}")


if __name__ == "__main__":
    main()
