"""Flow methods on synthetic angiograms whose flow is known: error and time.

    python benchmarks/flow.py --out flow.json

Loops of seeds that no training has seen, frames of filled vessels, one frame apart at
7.5 frames/s. ``still`` is the error of saying that nothing moves.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np
import torch
from machine import here_and_now

from napari_motionseg.motion import ESTIMATORS, FlowSettings
from napari_motionseg.synthesis import SynthesisConfig, synthesize_cine

FIRST_SEED = 900_000
FRAMES = 12
PAIRS = ((6, 7), (8, 9), (10, 9))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--methods", nargs="+", default=["pwcnet", "dis", "ilk", "tvl1"]
    )
    parser.add_argument("--loops", type=int, default=6)
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--out", type=Path, default=Path("flow.json"))
    options = parser.parse_args()
    pairs = list(make_pairs(options.loops, options.size))
    report = {
        "pairs": len(pairs),
        "size": options.size,
        "threads": torch.get_num_threads(),
        **here_and_now(),
        "still": errors(
            [(np.zeros_like(flow), flow, mask) for *_, flow, mask in pairs]
        ),
    }
    for method in options.methods:
        report[method] = measured(method, pairs)
        print(method, report[method], flush=True)
    options.out.write_text(json.dumps(report, indent=2) + "\n")
    print(json.dumps(report["still"]))


def make_pairs(loops: int, size: int):
    """Yield first and second picture, true flow, vessels of the first."""
    for number in range(loops):
        config = SynthesisConfig(size=size, frames=FRAMES, frame_rate=7.5)
        made = synthesize_cine(config, seed=FIRST_SEED + number)
        for t, u in PAIRS:
            first, second = (made.cine.normalized(index) for index in (t, u))
            yield first, second, made.flow(t, u), made.masks[t]


def measured(method: str, pairs: list) -> dict[str, float]:
    """Return errors in px and seconds for a pair, the first one left out."""
    estimator = ESTIMATORS.load(method)(FlowSettings(method=method))
    found, seconds = [], []
    for first, second, flow, mask in pairs:
        begun = time.perf_counter()
        estimate = estimator.flow(estimator.prepare(first), estimator.prepare(second))
        seconds.append(time.perf_counter() - begun)
        found.append((estimate, flow, mask))
    return errors(found) | {"seconds": float(np.median(seconds[1:]))}


def errors(found: list) -> dict[str, float]:
    """Return end-point errors in px of estimates against true flows."""
    lengths = [np.linalg.norm(estimate - flow, axis=0) for estimate, flow, _ in found]
    vessels = np.concatenate(
        [length[mask] for length, (*_, mask) in zip(lengths, found, strict=True)]
    )
    return {
        "epe": float(np.mean(lengths)),
        "epe_vessel": float(vessels.mean()),
        "epe_vessel_median": float(np.median(vessels)),
    }


if __name__ == "__main__":
    main()
