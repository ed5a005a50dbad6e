"""How exactly a moving vessel is followed, on phantom loops whose truth is known.

    python benchmarks/measure_moving.py

Each loop is one vessel with side branches that beats, breathes, pulses and fills.
Blur, noise, contrast, tissue, motion and heart rate are drawn and unknown to the
methods. The flow is estimated by the package's default network; a second row uses the
exact flow. Peers measure on the exact mask of each frame. Intervals come from a
bootstrap over loops.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from catheter_rows import catheter_report, catheter_rows
from machine import here_and_now
from moving_loops import (
    FLOWS,
    FRAMES,
    RATES,
    SIZE,
    draw_beat,
    draw_front,
    flow_of,
    rounded,
)
from moving_rows import PEERS, beat_row, front_row, trajectory_row
from moving_summaries import (
    arrival_summary,
    followed_summary,
    phase_summary,
    strain_summary,
)

import napari_motionseg
from napari_motionseg.cine import Cine
from napari_motionseg.jobs import run
from napari_motionseg.measurement import (
    Calibration,
    follow_vessel_job,
    measure_vessel,
)
from napari_motionseg.measurement.centreline import vessel_cost
from napari_motionseg.measurement.path_search import PathSearch
from napari_motionseg.motion import FlowSequence
from napari_motionseg.synthesis.vessel_phantom import vessel_phantom

RESULTS = Path(__file__).parent / "results" / "measure_moving.json"
SEED = 960_000
TRAJECTORIES = 100
TIMED_FRAMES, TIMED_SIZE, REPEATS = 60, 512, 5
# files that a row of a loop depends on, beside parts of the package
SCRIPTS = ("measure_moving.py", "moving_loops.py", "moving_rows.py")
# modules that no row of a loop depends on
APART = (
    "catheter", "vessel_graph", "crossings", "time_density", "result_", "report_",
    "loop_numbers", "loop_vessel", "stenosis", "cautions", "phase_subtraction",
)  # fmt: skip
# SHA-256 over the test loops' frames rounded to 1/1024, frozen before the last choice
# of a constant
FROZEN = "1b7f1c746742ec3bba5bdaa5a7389b8ca8ba6764d882eafe6516837c6e7ee435"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--loops", type=int, default=14, help="of each kind")
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    parser.add_argument("--catheters", type=int, default=40, help="shafts")
    parser.add_argument("--seed", type=int, default=SEED, help="of the test loops")
    parser.add_argument("--rows", type=Path, help="file of finished loops, to go on")
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument(
        "--shafts", action="store_true", help="calibrate anew, and keep the rest"
    )
    parser.add_argument(
        "--times", action="store_true", help="take the times anew, and keep the rest"
    )
    options = parser.parse_args()
    if options.times:
        report = json.loads(options.out.read_text())
        report["seconds"] = {**times(), "date": here_and_now()["date"]}
        options.out.write_text(json.dumps(report, indent=1) + "\n")
        print(report["seconds"])
        return
    if options.shafts:
        report = json.loads(options.out.read_text())
        shafts = catheter_rows(options.catheters, options.seed, hashlib.sha256())
        report["catheter"] = catheter_report(shafts)
        options.out.write_text(json.dumps(report, indent=1) + "\n")
        print(json.dumps(report["catheter"], indent=1))
        return
    seeds = range(options.seed, options.seed + options.loops)
    found = all_rows(seeds, options.jobs, options.rows)
    digest = hashlib.sha256()
    for seed in seeds:
        digest.update(bytes.fromhex(found[seed]["hash"]))
    beats = [found[seed]["beat"] for seed in seeds]
    fronts = [found[seed]["front"] for seed in seeds]
    catheters = catheter_rows(options.catheters, options.seed, digest)
    paths = [trajectory_row(options.seed + n) for n in range(TRAJECTORIES)]
    report = {
        **here_and_now(),
        "loops": options.loops, "frames": FRAMES, "size": SIZE,
        "hash": digest.hexdigest(), "frozen": digest.hexdigest() == FROZEN,
        "followed": {name: followed_summary(beats, name) for name in FLOWS},
        "strain": {n: strain_summary(beats, n) for n in (*FLOWS, *PEERS)},
        "end diastole": {
            **{name: phase_summary(beats, name) for name in FLOWS},
            "trajectories": phase_summary(paths, "trajectories"),
        },
        "arrival": {
            f"{name}, {rate:g} frames/s": arrival_summary(fronts, name, rate)
            for name in FLOWS for rate in RATES
        },
        "catheter": catheter_report(catheters),
        "seconds": times(),
    }  # fmt: skip
    options.out.write_text(json.dumps(report, indent=1) + "\n")
    print(json.dumps(report, indent=1))


def all_rows(seeds: range, jobs: int, kept: Path | None) -> dict[int, dict[str, Any]]:
    """Return what was measured in the loops of seeds, by seed.

    Rows are appended to the file `kept` as they are found, and read from it when a run
    that was stopped goes on. Rows that other code has measured are ignored.
    """
    code, found = code_hash(), {}
    if kept is not None and kept.exists():
        for line in kept.read_text().splitlines():
            row = json.loads(line)
            if row["code"] == code and row["seed"] in seeds:
                found[row["seed"]] = row
    missing = [seed for seed in seeds if seed not in found]
    with ProcessPoolExecutor(jobs) as pool:
        for row in pool.map(rows_of, missing):
            found[row["seed"]] = row
            line = json.dumps({**row, "code": code})
            print(line, flush=True)
            if kept is not None:
                with kept.open("a") as file:
                    file.write(line + "\n")
    return found


def code_hash() -> str:
    """Return a hash of the code that a row depends on."""
    package = Path(napari_motionseg.__file__).parent
    digest = hashlib.sha256()
    for name in SCRIPTS:
        digest.update((Path(__file__).parent / name).read_bytes())
    for part in ("measurement", "motion", "synthesis"):
        for file in sorted((package / part).rglob("*.py")):
            if not file.name.startswith(APART):
                digest.update(file.read_bytes())
    return digest.hexdigest()


def rows_of(seed: int) -> dict[str, Any]:
    """Return the hash of a seed's loops, and what was measured in them."""
    loop, rate = draw_beat(seed), RATES[seed % len(RATES)]
    beat = beat_row(loop, {name: flow_of(loop, name) for name in FLOWS})
    front = draw_front(seed, rate)
    hashed = hashlib.sha256(rounded(loop) + rounded(front)).digest()
    found = {name: front_row(front, flow_of(front, name)) for name in FLOWS}
    return {
        "seed": seed, "hash": hashed.hex(), "beat": beat,
        "front": {"rate": rate, **found},
    }  # fmt: skip


def times() -> dict[str, float]:
    """Return seconds from click to numbers, of a drag, and of following 60 frames."""
    vessel = vessel_phantom(size=TIMED_SIZE, radius=6.0, depth=0.4, seed=1)
    noisy = np.random.default_rng(0).normal(
        0, 0.01, (TIMED_FRAMES, *vessel.frame.shape)
    )
    cine = Cine.from_array(
        np.clip(vessel.frame + noisy, 0, 1).astype(np.float32),
        intensity_relationship="LOG", frame_times=np.arange(TIMED_FRAMES) * 66.7,
    )  # fmt: skip
    ends = vessel.ends(150)
    first = seconds(lambda: measure_vessel(cine, 0, ends))
    search = PathSearch(vessel_cost(cine.normalized(0)))
    exact = measure_vessel(cine, 0, ends, cost=search)
    line = exact.profile.line
    moves = iter(range(1, 3 * REPEATS))

    def move() -> None:
        back = tuple(line.points[-8 * next(moves)])
        points = [ends[0], (float(back[0]), float(back[1]))]
        measure_vessel(cine, 0, points, cost=search, preview_of=exact)

    drag = seconds(move)
    released = seconds(lambda: measure_vessel(cine, 0, ends, cost=search))
    still = np.zeros((TIMED_FRAMES - 1, 2, *vessel.frame.shape), np.float32)
    flow = FlowSequence(still, still, 1, "exact")

    def follow() -> None:
        run(follow_vessel_job(cine, flow, TIMED_FRAMES // 2, line, Calibration()))

    return {
        "click to numbers": first, "drag": drag, "released": released,
        "followed over 60 frames": seconds(follow, 1), "sections": len(line),
    }  # fmt: skip


def seconds(work: Any, repeats: int = REPEATS) -> float:
    """Return the median time of some calls, after one that fills caches."""
    if repeats > 1:
        work()
    took = []
    for _ in range(repeats):
        begun = time.perf_counter()
        work()
        took.append(time.perf_counter() - begun)
    return round(float(np.median(took)), 4)


if __name__ == "__main__":
    main()
