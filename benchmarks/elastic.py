"""Does torch elastic take a training up after a worker was killed?

    python benchmarks/elastic.py

Two hosts are two addresses of this computer. One process of each trains an embedding
on synthetic loops with gloo. After a `kill -9` of one process, torchrun starts both
again, and `--resume` goes on from the last state. The weights must be those of a run
that nobody disturbed.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from machine import here_and_now, processor_name
from safetensors.numpy import load_file

RESULTS = Path(__file__).parent / "results" / "elastic.json"
HOSTS = ("127.0.0.1", "127.0.0.2")
SAVE_EVERY = 5
ENVIRONMENT = {
    "OMP_NUM_THREADS": "1", "MOTIONSEG_CACHE": "off", "GLOO_SOCKET_IFNAME": "lo",
}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--kills", type=int, default=3, help="runs, each killed once")
    parser.add_argument("--out", type=Path, default=RESULTS)
    given = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as name:
        room = Path(name)
        synth = ["-m", "napari_motionseg", "synth", room / "loops", "--cines", 2,
                 "--frames", 8, "--size", 128]  # fmt: skip
        subprocess.run([sys.executable, *map(str, synth)], check=True)
        whole = trained(room, "whole", given.steps, None)
        for number in range(given.kills):
            at = round(given.steps * (number + 1) / (given.kills + 1))
            found = trained(room, f"killed{number}", given.steps, at)
            rows.append({"killed_at": found["killed_at"], "steps": found["steps"],
                         "equal": same(whole["out"], found["out"])})  # fmt: skip
            print(rows[-1], file=sys.stderr, flush=True)
    facts = {**here_and_now(), "processor": processor_name()}
    told = {**facts, "total": given.steps, "save_every": SAVE_EVERY, "rows": rows}
    given.out.write_text(json.dumps(told, indent=1) + "\n")
    print(json.dumps(told, indent=1))


def trained(room: Path, name: str, steps: int, kill_at: int | None) -> dict[str, Any]:
    """Train on both hosts, and kill one process after a step."""
    out = room / name / "embedding.safetensors"
    out.parent.mkdir()
    port = 20_000 + os.getpid() % 10_000 + len(name)
    hosts = [agent(host, port, room / "loops", out, steps) for host in HOSTS]
    killed_at = None
    if kill_at is not None:
        wait_for(out, kill_at, hosts)
        killed_at = steps_in(out)
        kill_one(hosts[1])
    for host in hosts:
        if host.wait(timeout=600):
            raise SystemExit(f"{name}: torchrun ended with {host.returncode}")
    return {"out": out, "killed_at": killed_at, "steps": steps_in(out)}


def agent(
    host: str, port: int, loops: Path, out: Path, steps: int
) -> subprocess.Popen[bytes]:
    """Start the agent of torchrun on a host, with one process to look after."""
    words = [
        sys.executable, "-m", "torch.distributed.run", "--nnodes", 2,
        "--nproc-per-node", 1, "--max-restarts", 3, "--rdzv-id", 7,
        "--rdzv-backend", "c10d", "--rdzv-endpoint", f"{HOSTS[0]}:{port}",
        "--local-addr", host, "-m", "napari_motionseg", "pretrain", loops,
        "--batch", 2, "--crop", 64, "--width", 4, "--flow-method", "ilk",
        "--steps", steps, "--save-every", SAVE_EVERY, "--resume",
        "--device", "cpu", "--seed", 5,
        "--anyway", "--out", out,
    ]  # fmt: skip
    return subprocess.Popen(
        list(map(str, words)), env=os.environ | ENVIRONMENT,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip


def steps_in(out: Path) -> int:
    """Return the number of steps in the curves."""
    curves = out.with_suffix(".log") / "curves.csv"
    if not curves.exists():
        return 0
    with curves.open(newline="") as file:
        return sum(1 for _ in csv.DictReader(file))


def wait_for(out: Path, step: int, hosts: list[subprocess.Popen[bytes]]) -> None:
    """Wait until a step was taken."""
    while steps_in(out) < step:
        if any(host.poll() is not None for host in hosts):
            raise SystemExit("torchrun ended before the kill")
        time.sleep(0.02)


def kill_one(host: subprocess.Popen[bytes]) -> None:
    """Kill the training process of a host, and leave its agent."""
    for process in psutil.Process(host.pid).children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            if "napari_motionseg" in process.cmdline():
                process.send_signal(signal.SIGKILL)
                return
    raise SystemExit("no training process was found")


def same(one: Path, other: Path) -> bool:
    """Return whether two checkpoints have equal weights."""
    first, second = load_file(one), load_file(other)
    return first.keys() == second.keys() and all(
        np.array_equal(first[name], second[name]) for name in first
    )


if __name__ == "__main__":
    main()
