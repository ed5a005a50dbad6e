"""How fast flow is estimated: against peers in the same run, and in whole loops.

    python benchmarks/flow_speed.py --out benchmarks/results/flow_speed.json

Peers and paths are run in turn, and each keeps its best time: a machine that is busy
meanwhile slows all of them alike. Nothing is trained: weights of the published layout
are random, the same for all.
"""

from __future__ import annotations

import argparse
import copy
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from machine import here_and_now
from plain_torch_pwcnet import plain_flow, random_state
from ptlflow_peer import ptlflow_pwcnet

from napari_motionseg.cine import Cine
from napari_motionseg.jobs import run
from napari_motionseg.models import PWCNet, load_pwcnet
from napari_motionseg.models.acceleration import accelerate
from napari_motionseg.models.precision import autocast
from napari_motionseg.motion import FlowCache, FlowSettings, estimate_flow_job
from napari_motionseg.motion import pwcnet_estimator as flow_network
from napari_motionseg.synthesis import SynthesisConfig, synthesize_cine

SIZE = 512
SEED = 900_000
Runs = dict[str, Callable[[], object]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--frames", type=int, default=30)
    results = Path(__file__).parent / "results"
    parser.add_argument("--out", type=Path, default=results / "flow_speed.json")
    options = parser.parse_args()
    torch.set_num_threads(1)
    rows, seconds = pair_rows(options.repeats)
    rows += default_rows(options.repeats)
    torch.set_num_threads(2)
    rows += loop_rows(options.frames)
    rows += [gpu_row(options.repeats)]
    report = {"size": SIZE, **here_and_now(), "seconds": seconds, "rows": rows}
    options.out.write_text(json.dumps(report, indent=2) + "\n")
    for row in rows:
        print(row, flush=True)


def row(what: str, bar: str, measured: str, ratio: float | None, passed: bool | None):
    """One line of the table; `passed` is None where there is no bar, or no machine."""
    return {
        "what": what, "bar": bar, "measured": measured,
        "ratio": None if ratio is None else round(ratio, 3), "passed": passed,
    }  # fmt: skip


def best_seconds(runs: Runs, repeats: int) -> dict[str, float]:
    """Run all in turn, `repeats` times after a first one; return each one's best."""
    best = dict.fromkeys(runs, np.inf)
    for number in range(repeats + 1):
        for name, function in runs.items():
            begun = time.perf_counter()
            function()
            if number:
                best[name] = min(best[name], time.perf_counter() - begun)
    return best


@torch.inference_mode()
def pair_rows(repeats: int) -> tuple[list[dict], dict[str, float]]:
    """Return the rows of one pair on one thread, and all seconds."""
    state = random_state()
    model = published(state)
    fast = accelerate(model)
    plain = copy.deepcopy(model).to(memory_format=torch.channels_last)

    def half(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
        with autocast(torch.device("cpu"), torch.bfloat16):
            return plain(first, second)

    first, second = torch.rand(
        2, 1, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(1)
    )
    runs: Runs = {
        "plain": lambda: plain_flow(state, first, second),
        "float32": lambda: fast(first, second),
        "bf16": lambda: half(first, second),
    }
    peer = ptlflow_pwcnet()
    if peer is not None:
        missing, unknown = peer.load_state_dict(state, strict=False)
        if missing or any(not name.startswith("deconv2") for name in unknown):
            raise SystemExit(f"ptlflow's layout differs: {missing}, {unknown}")
        images = torch.stack((first, second), 1).flip(2)
        runs["ptlflow"] = lambda: peer({"images": images})
    seconds = best_seconds(runs, repeats)
    found = [
        speed_row("ptlflow's pwcnet", seconds.get("ptlflow"), seconds, 4.0),
        speed_row("plain torch", seconds["plain"], seconds, 2.1),
    ]
    truth = plain_flow(state, first, second)
    worst = float((fast(first, second) - truth).abs().max())
    what = "one pair, float32: largest difference from plain torch"
    found.append(row(what, "1e-3 px", f"{worst:.1e} px", None, worst <= 1e-3))
    rms = float((half(first, second) - truth).square().mean().sqrt())
    what = "one pair, bf16: rms difference from plain torch"
    found.append(row(what, "0.1 px", f"{rms:.3f} px", None, rms <= 0.1))
    return found, {name: round(value, 4) for name, value in seconds.items()}


def speed_row(peer: str, theirs: float | None, ours: dict[str, float], bar: float):
    """Compare the faster of both paths with a peer; the other one is told."""
    what = f"one pair, one thread, against {peer}"
    if theirs is None:
        return row(what, f"{bar:g} times", "ptlflow is not installed", None, None)
    ratios = {path: theirs / ours[path] for path in ("float32", "bf16")}
    best = max(ratios, key=ratios.__getitem__)
    other = min(ratios, key=ratios.__getitem__)
    measured = (
        f"{best}: {1e3 * ours[best]:.0f} ms against {1e3 * theirs:.0f} ms; "
        f"{other}: {ratios[other]:.2f} times"
    )
    return row(what, f"{bar:g} times", measured, ratios[best], ratios[best] >= bar)


def published(state: dict[str, torch.Tensor]) -> PWCNet:
    """Return the package's network with these weights, by way of a published file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "weights.pth"
        torch.save(state, path)
        return load_pwcnet(path)


def default_rows(repeats: int) -> list[dict]:
    """Return what ships: seconds for a direction of a pair, pyramid of a frame."""
    estimator = flow_network.pwcnet(FlowSettings(device="cpu"))
    frames = np.random.default_rng(0).random((2, SIZE, SIZE), np.float32)
    prepared = [estimator.prepare(frame) for frame in frames]
    seconds = best_seconds(
        {
            "frame": lambda: estimator.prepare(frames[0]),
            "direction": lambda: estimator.flow(*prepared),
        },
        repeats,
    )
    each = seconds["frame"] + seconds["direction"]
    measured = (
        f"{each:.3f} s: {seconds['direction']:.3f} s, and {seconds['frame']:.3f} s for "
        "a frame's pyramid, made once"
    )
    what = "what ships, a pair in one direction alone, one thread"
    return [row(what, "", measured, None, None)]


def loop_rows(frames: int) -> list[dict]:
    """Return a loop both ways, on one core and two, and from the cache."""
    config = SynthesisConfig(size=SIZE, frames=frames, frame_rate=7.5)
    cine = synthesize_cine(config, seed=SEED).cine
    settings = FlowSettings(gap=1, backward=True, device="cpu")
    seconds = dict.fromkeys((1, 2), np.inf)
    for _ in range(2):
        for workers in seconds:
            torch.set_num_threads(workers)
            seconds[workers] = min(seconds[workers], loop_seconds(cine, settings))
    ratio = seconds[1] / seconds[2]
    measured = f"{seconds[2]:.1f} s against {seconds[1]:.1f} s"
    what = f"loop of {frames} frames, both ways, two cores against one"
    found = [row(what, "1.8 times", measured, ratio, ratio >= 1.8)]
    # both ways share half of the work: that is how a loop is estimated
    each = seconds[1] / (2 * (frames - settings.gap))
    what = "what ships in that loop, a direction of a pair, one core"
    found.append(row(what, "under 0.5 s", f"{each:.3f} s", each / 0.5, each < 0.5))
    with tempfile.TemporaryDirectory() as folder:
        cache = FlowCache(folder)
        loop_seconds(cine, settings, cache)
        again = loop_seconds(cine, settings, cache)
    what = "the same loop opened again, from the cache"
    found.append(row(what, "", f"{again:.2f} s", seconds[2] / again, None))
    return found


def loop_seconds(
    cine: Cine, settings: FlowSettings, cache: FlowCache | None = None
) -> float:
    begun = time.perf_counter()
    run(estimate_flow_job(cine, settings, cache))
    return time.perf_counter() - begun


def gpu_row(repeats: int) -> dict:
    """Return pairs a second on a CUDA GPU, where there is one."""
    what, bar = "what ships on a CUDA GPU, batches of pairs", "300 pairs/s"
    if not torch.cuda.is_available():
        return row(what, bar, "no CUDA GPU here: not run", None, None)
    estimator = flow_network.pwcnet(FlowSettings(device="cuda"))
    frames = np.random.default_rng(0).random((2, SIZE, SIZE), np.float32)
    pair = (estimator.prepare(frames[0]), estimator.prepare(frames[1]))
    pairs = [pair] * estimator.batch
    best = best_seconds({"pairs": lambda: estimator.flows(pairs)}, repeats)
    rate = len(pairs) / best["pairs"]
    memory = torch.cuda.max_memory_allocated() / 2**30
    measured = f"{rate:.0f} pairs/s, {memory:.1f} GiB, {torch.cuda.get_device_name()}"
    return row(what, bar, measured, rate / 300, rate >= 300)


if __name__ == "__main__":
    main()
