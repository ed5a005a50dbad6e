"""Measure how much flow can teach, for each estimator: real and synthetic loops.

    MOTIONSEG_DATA=../angiodata python benchmarks/flow_signal.py
    python benchmarks/flow_signal.py --only synthetic

The measures are those of ``motionseg evaluate flow-signal``. Rows of a loop are kept in
a scratch folder, so that a run that was cut goes on. Synthetic loops also have exact
flow, the most that an estimator can reach.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from machine import here_and_now
from real_loops import data_folder

from napari_motionseg.cli.evaluate_flow_signal import labels_beside
from napari_motionseg.evaluation.flow_signal import SignalPair, pair_signal
from napari_motionseg.evaluation.loop_signal import (
    SignalLoop,
    SignalSettings,
    flow_signal_job,
    summarize_signal,
)
from napari_motionseg.io import Labels, read_cine
from napari_motionseg.jobs import run
from napari_motionseg.motion import FlowSettings
from napari_motionseg.synthesis import SynthesisConfig, synthesize_cine

RESULTS = Path(__file__).parent / "results"
METHODS = ("pwcnet", "dis", "farneback", "tvl1", "ilk")
SYNTHETIC_LOOPS, SYNTHETIC_SEED = 6, 7_100_000  # trainings use small seeds
EXACT = "exact"

Row = dict[str, Any]


def main() -> None:
    options = parse_options()
    torch.set_num_threads(1)
    file = options.out
    report = json.loads(file.read_text()) if file.exists() else {}
    settings = SignalSettings(
        tuple(options.methods), options.pairs, FlowSettings(weights=options.weights)
    )
    kinds = {"real": real_loops, "synthetic": synthetic_loops}
    for kind in [options.only] if options.only else kinds:
        rows = [row for loop in kinds[kind](options, settings) for row in loop]
        report[kind] = {
            "pairs": options.pairs,
            "methods": summarize_signal(rows),
            **here_and_now(),
        }
        file.write_text(json.dumps(report, indent=1) + "\n")


def parse_options() -> argparse.Namespace:
    made = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    made.add_argument("--patients", nargs="+", default=[f"p{n}" for n in range(1, 7)])
    made.add_argument("--methods", nargs="+", default=list(METHODS))
    made.add_argument("--pairs", type=int, default=3, help="pairs of each loop")
    made.add_argument("--weights", help="a PWC-Net checkpoint to measure")
    made.add_argument("--only", choices=("real", "synthetic"))
    room = Path(tempfile.gettempdir()) / "motionseg-bench" / "flow_signal"
    made.add_argument("--cache", type=Path, default=room, help="scratch of rows")
    made.add_argument("--out", type=Path, default=RESULTS / "flow_signal.json")
    return made.parse_args()


def real_loops(
    options: argparse.Namespace, settings: SignalSettings
) -> Iterator[list[Row]]:
    """Yield the rows of each real loop, with its patient."""
    data = data_folder()
    for patient in options.patients:
        for path in sorted(data.glob(f"{patient}_*.dcm")):
            cine = read_cine(path)
            loop = SignalLoop(cine, labels_beside(cine))
            rows = kept(options, path.stem, loop, settings)
            yield [row | {"loop": path.stem, "patient": patient} for row in rows]


def kept(
    options: argparse.Namespace, name: str, loop: SignalLoop, settings: SignalSettings
) -> list[Row]:
    """Return the rows of a loop, from the scratch folder if they are there."""
    options.cache.mkdir(parents=True, exist_ok=True)
    rows: list[Row] = []
    for method in settings.methods:
        file = options.cache / f"{name}-{method}-{settings.pairs}.json"
        if not file.exists():
            one = SignalSettings((method,), settings.pairs, settings.flow)
            file.write_text(json.dumps(run(flow_signal_job([loop], one))))
            print(f"{name}, {method}", flush=True)
        rows += json.loads(file.read_text())
    return rows


def synthetic_loops(
    options: argparse.Namespace, settings: SignalSettings
) -> Iterator[list[Row]]:
    """Yield the rows of each synthetic loop, each a patient of its own."""
    config = SynthesisConfig(size=512, frames=8, bolus=False)
    for number in range(SYNTHETIC_LOOPS):
        made = synthesize_cine(config, SYNTHETIC_SEED + number)
        masks = np.asarray(made.masks, np.uint8)
        labels = Labels(masks, np.ones(len(masks), bool), "dense")
        loop = SignalLoop(made.cine, labels)
        name = f"synthetic-{number}"
        rows = kept(options, name, loop, settings)
        frames = dict.fromkeys(row["frame"] for row in rows)
        for t in frames:
            pair = SignalPair(
                made.cine.normalized(t), masks[t] == 1, loop.field_of_view
            )
            then = t + rows[0]["gap"]
            found = pair_signal(pair, made.flow(t, then), made.flow(then, t))
            rows.append({"frame": t, "method": EXACT, "gap": then - t, **found})
        yield [row | {"loop": name, "patient": name} for row in rows]


if __name__ == "__main__":
    main()
