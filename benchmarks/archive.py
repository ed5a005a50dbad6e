"""What a batch costs, how it grows with the archive, and whether kills harm it.

    python benchmarks/archive.py
    python benchmarks/archive.py --loops 60 --many 2000 --kills 4    # minutes

Needs distributed. Loops are synthetic. Each size of archive is measured in a process of
its own, because memory that was used once is not given back.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from machine import here_and_now, processor_name
from synthetic_archive import COMMAND, small_archive, tiny_archive

from napari_motionseg.batch.records import BatchFolder
from napari_motionseg.batch.segmentation_task import SegmentationTask
from napari_motionseg.batch.work import Batch
from napari_motionseg.io import read_cines, write_masks
from napari_motionseg.jobs import run
from napari_motionseg.segmentation import load_segmentation, segment_job
from napari_motionseg.segmentation.temporal_smoothing import postprocess

RESULTS = Path(__file__).parent / "results" / "archive.json"
PARTS = ("cost", "many", "kills", "disk", "remote")
REPEATS = 3
SMALL_DISK = "12M"
WHO = ("worker", "client and scheduler", "scheduler alone")
DAMAGED = 0.03  # share of the inputs of the kill test


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--loops", type=int, default=1000, help="of 16 frames, 256 px")
    parser.add_argument("--many", type=int, default=10_000, help="tiny loops")
    parser.add_argument("--kills", type=int, default=20, help="random moments")
    parser.add_argument("--trainings", type=int, default=8, help="pairs")
    parser.add_argument("--parts", nargs="+", default=PARTS)
    parser.add_argument("--tiny", type=Path, help=argparse.SUPPRESS)  # own process
    parser.add_argument("--out", type=Path, default=RESULTS)
    given = parser.parse_args()
    if given.tiny:
        print(json.dumps(tiny_run(given.tiny)))
        return
    held = json.loads(given.out.read_text()) if given.out.exists() else {}
    with tempfile.TemporaryDirectory() as name:
        room = Path(name)
        held |= {**here_and_now(), "processor": processor_name()}
        if "cost" in given.parts:
            held["cost"] = cost(room, given.loops)
        if "many" in given.parts:
            held["many"] = [
                many(room, count) for count in (given.many // 100, given.many)
            ]
        if "kills" in given.parts:
            held["kills"] = kills(room, given.kills)
        if "disk" in given.parts:
            held["disk"] = full_disk(room)
        if "remote" in given.parts:
            held["remote"] = remote_training(room, given.trainings)
    given.out.write_text(json.dumps(held, indent=1) + "\n")
    print(json.dumps(held, indent=1))


def cost(room: Path, loops: int) -> dict[str, Any]:
    """Return seconds a loop: bare prediction, a batch here, and by workers."""
    sample = small_archive(room / "sample", min(loops, 20))
    network = load_segmentation("default")
    task = SegmentationTask()
    bare, batch = [], []
    for number in range(REPEATS):  # in turns, because the machine's speed drifts
        bare.append(seconds(lambda n=number: predict(sample, network, room / f"b{n}")))
        batch.append(seconds(lambda n=number: in_process(sample, task, room / f"p{n}")))
    whole = small_archive(room / "whole", loops)
    workers = {n: by_workers(whole, n, room / f"w{n}") for n in (1, 2)}
    count = min(loops, 20)
    return {
        "loops": loops, "sample": count,
        "bare_s": float(np.median(bare)) / count,
        "batch_s": float(np.median(batch)) / count,
        "workers_s": {str(n): took for n, took in workers.items()},
    }  # fmt: skip


def predict(archive: Path, network: Any, out: Path) -> None:
    """Segment all loops without records; files are written as the batch writes them."""
    out.mkdir()
    for path in sorted(archive.rglob("*.dcm")):
        for cine in read_cines(path):
            found = run(segment_job(cine, network))
            write_masks(
                out / f"{hashlib.sha256(str(path).encode()).hexdigest()}.npz",
                postprocess(found, 0), labelled=found.done,
                frame_times=cine.frame_times, pixel_spacing=cine.pixel_spacing,
            )  # fmt: skip


def in_process(archive: Path, task: SegmentationTask, out: Path) -> None:
    """Segment all loops by a batch in this process."""
    work = Batch(BatchFolder(out, task.settings()), task)
    counts = run(work.job([archive]))
    if counts.done != counts.found:
        raise SystemExit(f"not all loops were done: {counts}")


def by_workers(archive: Path, workers: int, out: Path) -> float:
    """Return the seconds that workers of Dask need for an archive, without their start.

    The first result marks the end of the start.
    """
    words = [*COMMAND, "segment", archive, "--out", out, "--workers", workers]
    with subprocess.Popen(list(map(str, words)), stderr=subprocess.DEVNULL) as process:
        wait_for(out, 2 * workers)
        begun, there = time.perf_counter(), done_in(out)
        process.wait()
        took = time.perf_counter() - begun
    return took / (done_in(out) - there)


def done_in(out: Path) -> int:
    """Return the number of results."""
    folder = out / "results"
    return sum(1 for _ in folder.glob("*_masks.npz")) if folder.is_dir() else 0


def wait_for(out: Path, count: int, patience_s: float = 120) -> None:
    """Wait until there are some results."""
    begun = time.monotonic()
    while done_in(out) < count and time.monotonic() - begun < patience_s:
        time.sleep(0.05)


def many(room: Path, count: int) -> dict[str, Any]:
    """Return memory and time of listing and records, by a task without work."""
    archive = tiny_archive(room / f"tiny{count}", count)
    words = [sys.executable, __file__, "--tiny", str(archive)]
    first, second = (
        json.loads(subprocess.run(words, check=True, capture_output=True).stdout)
        for _ in range(2)
    )
    shutil.rmtree(archive)
    return {"loops": count, "first": first, "second": second}


def tiny_run(archive: Path) -> dict[str, Any]:
    """Do nothing for each loop that is not done, and return what it costs."""
    from synthetic_archive import Nothing

    task = Nothing()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    begun = time.perf_counter()
    work = Batch(
        BatchFolder(archive.with_name(archive.name + "-out"), task.settings()), task
    )
    counts = run(work.job([archive]))
    return {
        "seconds": round(time.perf_counter() - begun, 2),
        "done": counts.done, "earlier": counts.earlier,
        "mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
        "mib_before": round(before / 1024, 1),
    }  # fmt: skip


def kills(room: Path, count: int) -> dict[str, Any]:
    """Kill a worker, the scheduler, or both with the command; compare what is left."""
    archive = small_archive(room / "killed", 40, size=96, frames=4)
    paths = sorted(archive.rglob("*.dcm"))
    damaged = paths[:: round(1 / DAMAGED)]
    for path in damaged:
        path.write_bytes(path.read_bytes()[:600])
    whole = room / "undisturbed"
    subprocess.run(
        [*COMMAND, "segment", str(archive), "--out", str(whole)], check=False
    )
    wanted = hashes(whole)
    rows = []
    for number in range(count):
        rng, out = random.Random(number), room / f"out{number}"
        who = WHO[number % len(WHO)]
        kill = killed_scheduler if who == "scheduler alone" else killed
        rows.append({"killed": who, **kill(archive, out, who, rng, wanted)})
        print(rows[-1], file=sys.stderr, flush=True)
        shutil.rmtree(out)
    return {
        "loops": len(paths), "damaged": len(damaged), "results": len(wanted),
        "rows": rows,
    }  # fmt: skip


def killed(
    archive: Path, out: Path, who: str, rng: random.Random, wanted: dict[str, str]
) -> dict[str, Any]:
    """Kill once in the work, take it up again, and compare."""
    words = [*COMMAND, "segment", str(archive), "--out", str(out), "--workers", "2"]
    process = subprocess.Popen(words, stderr=subprocess.DEVNULL, start_new_session=True)
    wait_for(out, rng.randrange(1, 30))
    there = done_in(out)
    family = psutil.Process(process.pid).children(recursive=True)
    if who == "worker":
        workers = [p for p in family if "spawn_main" in " ".join(p.cmdline())]
        rng.choice(workers).kill()
    else:
        process.kill()
        for one in family:
            with suppress(psutil.NoSuchProcess):
                one.kill()
    process.wait()
    return taken_up(words[:-2], out, there, wanted)


def killed_scheduler(
    archive: Path, out: Path, who: str, rng: random.Random, wanted: dict[str, str]
) -> dict[str, Any]:
    """Kill a scheduler whose workers do the work; the command must end by itself."""
    port = rng.randrange(20_000, 30_000)
    address = f"tcp://127.0.0.1:{port}"
    words = [*COMMAND, "segment", str(archive), "--out", str(out)]
    with started(
        ["distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", port,
         "--dashboard-address", "127.0.0.1:0"]
    ) as scheduler, started(
        ["napari_motionseg", "worker", "--scheduler", address, "--workers", 2]
    ):  # fmt: skip
        wait_for_workers(address, 2)
        process = subprocess.Popen(
            [*words, "--scheduler", address], stderr=subprocess.DEVNULL
        )
        wait_for(out, rng.randrange(1, 30))
        there = done_in(out)
        scheduler.kill()
        process.wait(timeout=120)
    return taken_up(words, out, there, wanted)


def wait_for_workers(address: str, count: int) -> None:
    """Wait until workers have come to a scheduler."""
    from distributed import Client

    with Client(address, set_as_default=False) as client:
        client.wait_for_workers(count, timeout=120)


@contextmanager
def started(words: list[Any]) -> Iterator[subprocess.Popen[bytes]]:
    """Run a module in a process, which is ended afterwards."""
    command = [sys.executable, "-P", "-m", *map(str, words)]
    with subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        try:
            time.sleep(3)
            yield process
        finally:
            family = psutil.Process(process.pid).children(recursive=True)
            process.kill()
            for one in family:
                with suppress(psutil.NoSuchProcess):
                    one.kill()


def taken_up(
    words: list[str], out: Path, there: int, wanted: dict[str, str]
) -> dict[str, Any]:
    """Run the command again in one process, and compare what it leaves."""
    again = subprocess.run(words, check=False, capture_output=True, text=True)
    found = hashes(out)
    states = [r.state for r in BatchFolder(out).records()]
    return {
        "at": there, "equal": found == wanted, "failed": states.count("failed"),
        "left_in_work": states.count("working"), "rc": again.returncode,
    }  # fmt: skip


def full_disk(room: Path) -> dict[str, Any]:
    """Fill a small disk with results, make room, and take the batch up."""
    archive = small_archive(room / "for a small disk", 40, size=96, frames=4)
    whole, disk = room / "with room", room / "small disk"
    words = [*COMMAND, "segment", str(archive), "--out"]
    subprocess.run([*words, str(whole)], check=True, capture_output=True)
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={SMALL_DISK}", "none", str(disk)]
    subprocess.run(mount, check=True)
    try:
        block = disk / "others"
        with suppress(OSError), block.open("wb") as file:
            while True:  # leave 256 KiB, less than the results take
                file.write(bytes(2**16))
        os.truncate(block, block.stat().st_size - 2**18)
        out = disk / "out"
        first = subprocess.run(
            [*words, str(out)], check=False, capture_output=True, text=True
        )
        there = done_in(out)
        block.unlink()
        row = taken_up([*words, str(out)], out, there, hashes(whole))
        said = first.stderr.strip().splitlines()[-1] if first.stderr.strip() else ""
        return {**row, "first_rc": first.returncode, "said": said}
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def remote_training(room: Path, pairs: int) -> dict[str, Any]:
    """Train in a child process and on a worker of this computer, in turns."""
    from napari_motionseg.io import Labels
    from napari_motionseg.jobs import LocalRunner
    from napari_motionseg.models.model_card import checkpoint_path
    from napari_motionseg.remote import RemoteRunner
    from napari_motionseg.synthesis import SynthesisConfig, synthesize_cine
    from napari_motionseg.viewmodel.training_choices import TrainingChoices
    from napari_motionseg.viewmodel.training_jobs import finetune_layer_job
    from napari_motionseg.viewmodel.worker_modules import WORKER_MODULES

    made = synthesize_cine(SynthesisConfig(size=512, frames=45), seed=3)
    masks = np.where(made.masks, 1, 0).astype(np.uint8)
    labelled = np.arange(len(made.cine)) == 22
    example = (made.cine, Labels(masks, labelled))
    start = checkpoint_path("default")
    port = random.Random().randrange(20_000, 30_000)
    address = f"tcp://127.0.0.1:{port}"
    room.mkdir(exist_ok=True)

    def seconds_on(runner: Any, number: int) -> float:
        runner.keep_ready()
        time.sleep(12)  # both have loaded torch before the click
        begun = time.perf_counter()
        job = runner.start(
            finetune_layer_job, [example], TrainingChoices(), "cpu", start=start,
            out=room / f"vessel-{number}.safetensors", shown=made.cine.normalized(22),
        )  # fmt: skip
        while job.running:
            list(job.poll())
            time.sleep(0.02)
        took = time.perf_counter() - begun
        if job.error is not None:
            raise SystemExit(str(job.error))
        return took

    with started(
        ["distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", port,
         "--dashboard-address", "127.0.0.1:0"]
    ), started(["napari_motionseg", "worker", "--scheduler", address]):  # fmt: skip
        wait_for_workers(address, 1)
        there = RemoteRunner(address, room, WORKER_MODULES)
        here = LocalRunner(room, WORKER_MODULES)
        rows = []
        for number in range(pairs):
            local = seconds_on(here, 2 * number)
            remote = seconds_on(there, 2 * number + 1)
            rows.append([round(local, 2), round(remote, 2)])
            print(rows[-1], file=sys.stderr, flush=True)
        here.release()
    return {"pairs": rows}


def hashes(out: Path) -> dict[str, str]:
    """Return the SHA-256 of each result, without names that depend on the folder."""
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted((out / "results").glob("*_masks.npz"))
    }


def seconds(work: Any) -> float:
    """Return how long a call takes."""
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main()
