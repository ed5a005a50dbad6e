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
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from machine import here_and_now
from measure import MM, interval
from scipy.spatial import cKDTree
from skimage.morphology import medial_axis

import napari_motionseg
from napari_motionseg.cine import Cine
from napari_motionseg.errors import MeasurementError
from napari_motionseg.jobs import run
from napari_motionseg.measurement import (
    Calibration,
    FollowedVessel,
    calibration_by_catheter,
    contrast_arrival,
    follow_vessel_job,
    heart_phase,
    measure_diameters,
    measure_vessel,
    trace_centreline,
    wall_strain,
)
from napari_motionseg.measurement.centreline import Centreline, vessel_cost
from napari_motionseg.measurement.path_search import PathSearch
from napari_motionseg.measurement.straightening import straighten
from napari_motionseg.motion import FlowSequence, estimate_flow
from napari_motionseg.synthesis.catheter_phantom import (
    CatheterConfig,
    catheter_phantom,
)
from napari_motionseg.synthesis.phantom_loop import (
    BeatConfig,
    PhantomLoop,
    PhantomLoopConfig,
    phantom_loop,
)
from napari_motionseg.synthesis.vessel_phantom import (
    PhantomConfig,
    vessel_phantom,
)

RESULTS = Path(__file__).parent / "results" / "measure_moving.json"
SEED = 960_000
SIZE = 160
MARGIN_PX = 16  # of the vessel at each end, which the motion may carry out of sight
FRAMES = 32
RATES = (15.0, 30.0)
FLOWS = ("default network", "exact flow")
CALIBRATIONS = ("blur from a vessel", "blur unknown", "a solid tube")
DEEPEST = 0.4  # of a vessel, in gray values; the tissue about it is at 0.6
TRAJECTORIES = 100
TIMED_FRAMES, TIMED_SIZE, REPEATS = 60, 512, 5
# modules that no row of a loop depends on
APART = ("catheter", "vessel_graph", "crossings", "time_density", "result_", "report_")
PEERS = ("width of the exact mask", "medial axis of the exact mask")
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
    digest = hashlib.sha256(Path(__file__).read_bytes())
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


def catheter_rows(count: int, seed: int, digest: Any) -> list[dict[str, Any]]:
    """Return errors of calibration by drawn shafts in per cent, empty and filled.

    The blur is told by a vessel of another picture with the same blur, as a loop shows
    one; the naive diameter is that of a solid tube.
    """
    rows = []
    for number in range(count):
        french, config, wide = draw_catheter(seed + number, filled=number % 2 == 1)
        shaft = catheter_phantom(config, seed + number)
        digest.update(np.round(shaft.frame * 1024).astype(np.int16).tobytes())
        vessel = vessel_phantom(wide, seed + number)
        ends = vessel.ends(14)
        line = trace_centreline(vessel_cost(vessel.frame), ends)
        blur = measure_diameters(vessel.frame, line).fit.blur
        cine = Cine.from_array(
            np.clip(shaft.frame, 0, 1)[None].astype(np.float32),
            intensity_relationship="LOG",
        )
        row = {"filled": number % 2 == 1}
        for name, known in (("blur from a vessel", blur), ("blur unknown", None)):
            try:
                found = calibration_by_catheter(
                    cine, 0, french, *shaft.ends(14), blur=known
                )
                row[name] = 100 * (found.column_mm / MM - 1)
            except MeasurementError:
                row[name] = None
        try:
            line = trace_centreline(vessel_cost(shaft.frame), shaft.ends(14))
            width = np.median(measure_diameters(shaft.frame, line).diameters)
            row["a solid tube"] = 100 * (french / 3 / width / MM - 1)
        except MeasurementError:
            row["a solid tube"] = None
        rows.append(row)
    return rows


def draw_catheter(
    seed: int, *, filled: bool
) -> tuple[float, CatheterConfig, PhantomConfig]:
    """Draw a shaft of 5 to 8 French, and a vessel seen by the same detector."""
    rng = np.random.default_rng([seed, 3])
    french = float(rng.choice([5, 6, 7, 8]))
    contrast, radius = rng.uniform(0.02, 0.05), french / 6 / MM
    contrast = min(contrast, DEEPEST / (2 * radius))
    picture = PhantomConfig(
        radius=radius, blur=rng.uniform(0.6, 1.3), noise=rng.uniform(0.004, 0.016),
        contrast=contrast, bend=rng.uniform(0, 8),
        tissue=contrast * 2 * radius * rng.uniform(0, 0.1), size=SIZE,
    )  # fmt: skip
    shaft = CatheterConfig(
        picture,
        lumen=rng.uniform(0.65, 0.9),
        wall=contrast * rng.uniform(0.3, 0.8),
        filled=rng.uniform(0.5, 1) if filled else 0.0,
    )
    return french, shaft, replace(picture, radius=rng.uniform(5, 9), bend=10.0)


def catheter_report(rows: list[dict]) -> dict[str, Any]:
    """Return the summary of each way to calibrate, by empty and filled shafts."""
    return {
        f"{name}, {'filled' if filled else 'empty'}":
            catheter_summary(rows, name, filled)
        for name in CALIBRATIONS for filled in (False, True)
    }  # fmt: skip


def catheter_summary(rows: list[dict], name: str, filled: bool) -> dict[str, Any]:
    """Return bias and root mean square error in per cent, and what was not found."""
    some = [r for r in rows if r["filled"] == filled and r[name] is not None]
    lost = sum(r["filled"] == filled for r in rows) - len(some)
    return {
        "bias": interval(some, lambda s: float(np.mean([r[name] for r in s]))),
        "error": interval(
            some, lambda s: float(np.sqrt(np.mean([r[name] ** 2 for r in s])))
        ),
        "lost": lost,
    }


def trajectory_row(seed: int) -> dict[str, Any]:
    """Return end diastoles found on known trajectories with 0.5 px of noise."""
    rng = np.random.default_rng([seed, 4])
    heart, times = draw_heart(rng), np.arange(FRAMES) * 1000 / 15
    waves = heart.r_waves(float(times[-1]) + 5000, rng)
    beat = np.searchsorted(waves, times, side="right") - 1
    share = (times - waves[beat]) / (waves[beat + 1] - waves[beat])
    way = rng.normal(size=(1, 30, 2)) * 2 + rng.normal(size=2) * 4
    points = 100 + heart.contraction(share)[:, None, None] * way
    points += heart.breathing * np.sin(2 * np.pi * times / 4000)[:, None, None]
    points += 0.5 * rng.standard_normal(points.shape)
    return {"trajectories": waves_found(points, times, waves)}


def rounded(loop: PhantomLoop) -> bytes:
    """Return the frames as bytes whose last digits do not depend on the processor."""
    frames = [loop.cine.normalized(t) for t in range(len(loop.cine))]
    return np.round(np.stack(frames) * 1024).astype(np.int16).tobytes()


def draw_beat(seed: int) -> PhantomLoop:
    """Draw a filled vessel that beats and pulses."""
    rng = np.random.default_rng([seed, 1])
    return phantom_loop(
        PhantomLoopConfig(
            vessel=draw_vessel(rng), beat=draw_heart(rng), frames=FRAMES,
            strain=rng.uniform(0, 0.2), branches=int(rng.integers(2, 5)),
        ),
        seed,
    )  # fmt: skip


def draw_front(seed: int, rate: float) -> PhantomLoop:
    """Draw a vessel that fills while it beats."""
    rng = np.random.default_rng([seed, 2])
    return phantom_loop(
        PhantomLoopConfig(
            vessel=draw_vessel(rng), beat=draw_heart(rng),
            frames=round(FRAMES * rate / 15), frame_rate=rate,
            front=rng.uniform(150, 600), arrival_ms=rng.uniform(500, 800),
            rise_ms=rng.uniform(100, 300), branches=int(rng.integers(2, 5)),
        ),
        seed,
    )  # fmt: skip


def draw_vessel(rng: np.random.Generator) -> PhantomConfig:
    """Draw a vessel of 2 to 4 mm at 0.2 mm a pixel, half of them with a lesion."""
    contrast, radius = rng.uniform(0.02, 0.05), rng.uniform(5, 10)
    # a black that the picture cannot show would seem to be reached too early
    contrast = min(contrast, DEEPEST / (2 * radius))
    return PhantomConfig(
        radius=radius, depth=rng.choice([0, rng.uniform(0.3, 0.6)]),
        width=rng.uniform(6, 14), blur=rng.uniform(0.6, 1.3),
        noise=rng.uniform(0.004, 0.016), contrast=contrast, bend=rng.uniform(4, 14),
        tissue=contrast * 2 * radius * rng.uniform(0, 0.16), size=SIZE,
    )  # fmt: skip


def draw_heart(rng: np.random.Generator) -> BeatConfig:
    """Draw a heart; beats differ in length by 4 %."""
    return BeatConfig(
        rate_bpm=rng.uniform(55, 100), first_ms=rng.uniform(0, 700), irregular=0.04,
        systole=rng.uniform(0.3, 0.42), kick=rng.uniform(0, 0.12),
        shift=(rng.uniform(-10, 10), rng.uniform(-5, 5)),
        turn=rng.uniform(-0.1, 0.1), stretch=rng.uniform(-0.05, 0.05),
        bow=rng.uniform(2, 8) * rng.choice([-1, 1]), breathing=rng.uniform(0, 4),
    )  # fmt: skip


def flow_of(loop: PhantomLoop, name: str) -> FlowSequence:
    """Return the flow of neighbouring frames, both ways."""
    if name == FLOWS[0]:
        return estimate_flow(loop.cine, gap=1, backward=True)
    pairs = range(len(loop.cine) - 1)
    forward = np.stack([loop.flow(t, t + 1) for t in pairs])
    backward = np.stack([loop.flow(t + 1, t) for t in pairs])
    return FlowSequence(forward, backward, 1, "exact")


def line_of(loop: PhantomLoop, anchor: int) -> Centreline:
    """Return the centreline between two points on the vessel, as a user clicks them."""
    axis = loop.centre[anchor]
    column = axis[:, 1]
    places = [np.abs(column - c).argmin() for c in (MARGIN_PX, SIZE - 1 - MARGIN_PX)]
    ends = [tuple(axis[i]) for i in places]
    return trace_centreline(vessel_cost(loop.cine.normalized(anchor)), ends)


def place_on(axis: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Return the indices of the axis's points that are nearest to points ``(N, 2)``."""
    return cKDTree(axis).query(points)[1]


def length_of(loop: PhantomLoop) -> np.ndarray:
    """Return the arc length ``(K,)`` of the resting axis in px."""
    axis = loop.rest(loop.centre[0], 0)
    return np.r_[0, np.linalg.norm(np.diff(axis, axis=0), axis=1).cumsum()]


def beat_row(loop: PhantomLoop, flows: dict[str, FlowSequence]) -> dict[str, Any]:
    """Return drift, strain and end diastoles of a loop by every flow and peer."""
    anchor = FRAMES // 2
    line = line_of(loop, anchor)
    row: dict[str, Any] = {"strain": loop.config.strain}
    for name, flow in flows.items():
        vessel = run(follow_vessel_job(loop.cine, flow, anchor, line, Calibration()))
        row[name] = {
            **drift_row(loop, vessel),
            "strain": strain_of(loop, vessel.diameters, vessel.points),
            **waves_found(vessel.points, loop.cine.frame_times, loop.r_waves_ms),
        }
    points = vessel.points
    for peer in PEERS:
        diameters = np.stack(
            [mask_width(loop, t, points[t], peer) for t in range(len(points))]
        )
        row[peer] = {"strain": largest_minus_smallest(diameters)}
    return row


def drift_row(loop: PhantomLoop, vessel: FollowedVessel) -> dict[str, float]:
    """Return how far sections moved along the vessel in px, over all frames."""
    length = length_of(loop)
    places = [
        length[place_on(axis, points)]
        for axis, points in zip(loop.centre, vessel.points, strict=True)
    ]
    away = np.abs(np.array(places) - places[vessel.anchor])
    others = np.arange(len(away)) != vessel.anchor
    inside = np.all((vessel.points > 0) & (vessel.points < SIZE - 1), axis=2)
    away = away[others][inside[others]]
    return {
        "median": float(np.median(away)), "high": float(np.percentile(away, 95)),
    }  # fmt: skip


def strain_of(loop: PhantomLoop, diameters: np.ndarray, points: np.ndarray) -> float:
    """Return the vessel's strain: the median of its sections."""
    try:
        phase = heart_phase(points, loop.cine.frame_times).phase
    except MeasurementError:
        return 0.0
    return wall_strain(diameters, phase).typical


def largest_minus_smallest(diameters: np.ndarray) -> float:
    """Return the usual strain of sections, which grows with the noise."""
    largest = diameters.max(axis=0)
    return float(np.median((largest - diameters.min(axis=0)) / largest))


def mask_width(loop: PhantomLoop, t: int, points: np.ndarray, peer: str) -> np.ndarray:
    """Return the widths ``(N,)`` of the exact mask at points, as peers measure them."""
    axis, radius = loop.centre[t], loop.radius[t]
    grid = np.stack(np.meshgrid(*[np.arange(SIZE)] * 2, indexing="ij"), axis=-1)
    away, nearest = cKDTree(axis).query(grid.reshape(-1, 2))
    mask = (away <= radius[nearest]).reshape(SIZE, SIZE)
    if peer == PEERS[1]:
        skeleton, distance = medial_axis(mask, return_distance=True)
        pixels = np.argwhere(skeleton)
        chosen = cKDTree(pixels).query(points)[1]
        return 2 * distance[tuple(pixels[chosen].T)]
    line = Centreline(points, 1.0, 0.5)
    across = straighten(mask.astype(float), line, 1.5 * radius.max() + 3, 0.25)
    return 0.25 * (across.values > 0.5).sum(axis=1)


def waves_found(
    points: np.ndarray, times: np.ndarray, waves: np.ndarray
) -> dict[str, Any]:
    """Return how many R waves were found within a frame, and how many invented."""
    frame = times[1] - times[0]
    # at the very borders of a loop, nothing shows where a beat begins
    truth = waves[(waves >= 2 * frame) & (waves <= times[-1] - 4 * frame)]
    try:
        found = heart_phase(points, times).end_diastoles_ms
    except MeasurementError:
        found = np.empty(0)
    near = [np.abs(found - one).min(initial=np.inf) for one in truth]
    others = np.array([np.abs(waves - one).min(initial=np.inf) for one in found])
    inner = (found >= 3 * frame) & (found <= times[-1] - 5 * frame)
    return {
        "waves": len(truth), "found": int((np.array(near) <= frame).sum()),
        "invented": int((others[inner] > 3 * frame).sum()),
    }  # fmt: skip


def front_row(loop: PhantomLoop, flow: FlowSequence) -> dict[str, float]:
    """Return errors of arrival in frames and of the front's speed in per cent."""
    anchor = len(loop.cine) - 4
    vessel = run(
        follow_vessel_job(loop.cine, flow, anchor, line_of(loop, anchor), Calibration())
    )
    times = loop.cine.frame_times
    found = contrast_arrival(vessel.contrast, times, vessel.arc_length)
    truth = loop.arrival_ms[place_on(loop.centre[anchor], vessel.points[anchor])]
    error = np.abs(found.times_ms - truth) / (times[1] - times[0])
    return {
        "known": float(np.isfinite(error).mean()), "median": float(np.nanmedian(error)),
        "high": float(np.nanpercentile(error, 95)),
        "speed": found.speed / loop.config.front - 1,
    }  # fmt: skip


def followed_summary(rows: list[dict], name: str) -> dict[str, list[float]]:
    """Return the mean over loops of the median drift and of that at 95 %."""
    return {
        f"{part}_px": interval(rows, lambda some, p=part: mean_of(some, name, p))
        for part in ("median", "high")
    }


def strain_summary(rows: list[dict], name: str) -> dict[str, list[float]]:
    """Return bias and root mean square error of strain in points."""

    def errors(some: list[dict]) -> np.ndarray:
        return 100 * np.array([one[name]["strain"] - one["strain"] for one in some])

    return {
        "bias": interval(rows, lambda some: errors(some).mean()),
        "error": interval(rows, lambda some: np.sqrt((errors(some) ** 2).mean())),
    }


def phase_summary(rows: list[dict], name: str) -> dict[str, Any]:
    """Return the share of end diastoles that were found within a frame."""

    def share(some: list[dict]) -> float:
        waves = sum(one[name]["waves"] for one in some)
        return 100 * sum(one[name]["found"] for one in some) / max(waves, 1)

    return {
        "found": interval(rows, share),
        "waves": sum(one[name]["waves"] for one in rows),
        "invented": sum(one[name]["invented"] for one in rows),
    }


def arrival_summary(rows: list[dict], name: str, rate: float) -> dict[str, Any]:
    """Return errors of arrival in frames and of the front's speed."""
    some = [row for row in rows if row["rate"] == rate]
    found = {
        part: interval(some, lambda s, p=part: mean_of(s, name, p))
        for part in ("median", "high", "known")
    }
    speeds = interval(
        some, lambda s: float(np.nanmedian([abs(one[name]["speed"]) for one in s]))
    )
    return {**found, "speed": speeds}


def mean_of(rows: list[dict], name: str, part: str) -> float:
    return float(np.mean([one[name][part] for one in rows]))


if __name__ == "__main__":
    main()
