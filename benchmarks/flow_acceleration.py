"""Speed-up of PWC-Net on a processor by `models/acceleration.py`, network by network.

    python benchmarks/flow_acceleration.py

Each setting runs in a process of its own: the processor as it is, and the same one
limited to AVX2. In a process both variants run in turn, and a ratio is of two runs that
follow each other, so that a busy machine slows both alike. What counts is processor
time: on a busy machine wall time says how busy it was.
"""

from __future__ import annotations

import argparse
import copy
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

import torch
from machine import here_and_now, processor_name

from napari_motionseg.models import FlowNet, PWCNet, load_pwcnet
from napari_motionseg.models.acceleration import accelerate

SIZE = 512
AVX2 = {
    "ATEN_CPU_CAPABILITY": "avx2",
    "ONEDNN_MAX_CPU_ISA": "AVX2",
}
SETTINGS: dict[str, dict[str, str]] = {"native": {}, "limited to AVX2": AVX2}
NETWORKS = {"published layout": lambda: PWCNet(3).eval(), "shipped": load_pwcnet}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=8)
    results = Path(__file__).parent / "results"
    parser.add_argument("--out", type=Path, default=results / "flow_acceleration.json")
    parser.add_argument("--child", nargs=2, metavar=("NETWORK", "THREADS"))
    options = parser.parse_args()
    if options.child:
        network, threads = options.child
        print(json.dumps(measure(network, int(threads), options.repeats)))
        return
    rows = [
        {"setting": setting, "network": network, "threads": threads}
        | in_child(network, threads, options.repeats, variables)
        for threads in (1, 2)
        for setting, variables in SETTINGS.items()
        for network in NETWORKS
    ]
    report = {"size": SIZE, "processor": processor_name(), **here_and_now()}
    options.out.write_text(json.dumps(report | {"rows": rows}, indent=2) + "\n")


def in_child(
    network: str, threads: int, repeats: int, variables: dict[str, str]
) -> dict[str, object]:
    command = [sys.executable, __file__, "--repeats", str(repeats)]
    command += ["--child", network, str(threads)]
    # idle threads must not spin: their processor time would count
    quiet = {"OMP_WAIT_POLICY": "passive", "GOMP_SPINCOUNT": "0"}
    made = subprocess.run(
        command, env=os.environ | quiet | variables, capture_output=True, check=True
    )
    return json.loads(made.stdout)


def measure(network: str, threads: int, repeats: int) -> dict[str, object]:
    """Run a network with and without acceleration in turn."""
    torch.set_num_threads(threads)
    model = NETWORKS[network]()
    plain = copy.deepcopy(model).to(memory_format=torch.channels_last)
    pictures = torch.rand(
        2, 1, 1, SIZE, SIZE, generator=torch.Generator().manual_seed(0)
    )
    runs = {"plain": plain, "accelerated": accelerate(model)}
    seconds: dict[str, list[tuple[float, float]]] = {name: [] for name in runs}
    for number in range(repeats + 1):
        for name, one in runs.items():
            begun = time.process_time(), time.perf_counter()
            both_ways(one, *pictures)
            spent = time.process_time() - begun[0], time.perf_counter() - begun[1]
            if number:
                seconds[name].append(spent)
    return row(seconds["plain"], seconds["accelerated"])


def row(
    plain: list[tuple[float, float]], fast: list[tuple[float, float]]
) -> dict[str, object]:
    """Return medians of seconds and of paired ratios, processor time and wall time."""
    found: dict[str, object] = {"precision": "float32", "pairs": len(plain)}
    for clock, i in {"processor": 0, "wall": 1}.items():
        ratios = [a[i] / b[i] for a, b in zip(plain, fast, strict=True)]
        found[f"{clock}_ratio"] = round(statistics.median(ratios), 3)
        for name, values in {"plain": plain, "accelerated": fast}.items():
            seconds = statistics.median(value[i] for value in values)
            found[f"{name}_{clock}_s"] = round(seconds, 3)
    return found


@torch.inference_mode()
def both_ways(model: FlowNet, first: torch.Tensor, second: torch.Tensor) -> None:
    """Estimate a pair's flow in both directions, as loops are estimated."""
    model.decode_both(model.pyramid(first), model.pyramid(second))


if __name__ == "__main__":
    main()
