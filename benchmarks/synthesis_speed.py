"""How many training pairs of 384 x 384 px the synthesis makes a second.

    python benchmarks/synthesis_speed.py

On the CPU two worker processes of one thread each make batches side by side, as a data
loader would; on a CUDA GPU, where there is one, one process does.
"""

from __future__ import annotations

import argparse
import os
import time
from multiprocessing import get_context
from pathlib import Path

import torch
from bars import bar
from flow_rows import RESULTS, single_threaded, write_report

from napari_motionseg.synthesis import training_pairs

SIZE = 384
WORKERS = 2
FIRST_SEED = 950_000
BARS = {"cpu": 8.0, "cuda": 400.0}  # pairs a second


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batch", type=int, default=12, help="pairs of one call")
    parser.add_argument("--calls", type=int, default=4, help="of each worker")
    parser.add_argument("--out", type=Path, default=RESULTS / "synthesis_speed.json")
    options = parser.parse_args()
    report = {
        "size": SIZE,
        "batch": options.batch,
        "cpu": on_cpu(options.batch, options.calls),
    }
    words = f"pairs of {SIZE} x {SIZE} px a second"
    rows = [speed_bar(f"synthesis on two CPU cores: {words}", report["cpu"], "cpu")]
    if torch.cuda.is_available():
        report["device"] = torch.cuda.get_device_name()
        report["cuda"] = on_cuda(8 * options.batch, options.calls)
        rows.append(speed_bar(f"synthesis on CUDA: {words}", report["cuda"], "cuda"))
    write_report(options.out, report | {"rows": rows})


def on_cpu(batch: int, calls: int) -> float:
    """Return pairs a second of two workers, each warmed up before the clock starts."""
    os.environ["OMP_NUM_THREADS"] = "1"  # read by the workers when they start
    with get_context("spawn").Pool(WORKERS, single_threaded) as pool:
        pool.map(make, [(1, FIRST_SEED + i) for i in range(WORKERS)], chunksize=1)
        jobs = [(batch, FIRST_SEED + 10 + i) for i in range(WORKERS * calls)]
        begun = time.perf_counter()
        made = sum(pool.imap_unordered(make, jobs))
        return made / (time.perf_counter() - begun)


def make(job: tuple[int, int]) -> int:
    count, seed = job
    return len(training_pairs(count, SIZE, seed)[0])


def on_cuda(batch: int, calls: int) -> float:
    """Return pairs a second on the GPU, where they stay."""
    training_pairs(batch, SIZE, FIRST_SEED, device="cuda")
    torch.cuda.synchronize()
    begun = time.perf_counter()
    for i in range(calls):
        training_pairs(batch, SIZE, FIRST_SEED + 10 + i, device="cuda")
    torch.cuda.synchronize()
    return batch * calls / (time.perf_counter() - begun)


def speed_bar(what: str, speed: float, device: str) -> dict:
    least = BARS[device]
    return bar(
        what, f"at least {least:g}", f"{speed:.1f}", speed / least, speed >= least
    )


if __name__ == "__main__":
    main()
