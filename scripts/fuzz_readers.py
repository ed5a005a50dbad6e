"""Give every reader damaged inputs, and count how each reading ends:

    python scripts/fuzz_readers.py --minutes 10 --json benchmarks/results/fuzz.json
    python scripts/fuzz_readers.py --copies LOOP.dcm 300
    python scripts/fuzz_readers.py --replay "dicom:0:17"

Each input is a valid one with damage that its seed and number decide; it is read in
a process that may die. Allowed ends: it is read, or refused with a `MotionSegError`.
Valid inputs are read first as they are, and must not be refused. Anything else
(another error, over time, over memory, the process aborted) is a finding:
its input is kept in the folder of `--findings`, and the exit status is 1.
"""

from __future__ import annotations

import argparse
import json
import os
import queue
import selectors
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parent.parent)]

ENDS = ("read", "refused", "wrong type", "over time", "over memory", "aborted")
FINE = ("read", "refused")
LIBRARIES = ("pydicom", "imagecodecs", "tifffile", "pillow", "imageio-ffmpeg",
             "nibabel", "zarr", "safetensors")  # fmt: skip
WORKER = Path(__file__).parent / "fuzz" / "worker.py"
UNDAMAGED = 40  # most valid inputs of a reader; each is read as it is first
START_S = 120  # to import torch on a busy machine


class Worker:
    """A process that reads cases, started anew after each that it did not survive."""

    def __init__(self, options: argparse.Namespace, log: Path) -> None:
        self.options, self.log = options, log
        self.process: subprocess.Popen | None = None

    def start(self) -> None:
        self.stop()
        words = [sys.executable, str(WORKER), str(self.options.memory_mib)]
        package = str(Path(__file__).parent.parent)
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": package}
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log,
                env=environment, text=True, start_new_session=True,
            )  # fmt: skip
        if self._line(START_S).get("end") != "ready":
            raise SystemExit(f"a worker does not start; see {self.log}")

    def ask(self, case: dict) -> dict:
        """Return how a case ended."""
        if self.process is None or self.process.poll() is not None:
            self.start()
        self.process.stdin.write(json.dumps(case) + "\n")
        self.process.stdin.flush()
        begun = time.monotonic()
        ended = self._line(self.options.seconds)
        ended["seconds"] = round(time.monotonic() - begun, 2)
        if ended.get("grown_mib", 0) > self.options.grown_mib:
            ended["end"] = "over memory"
        if ended["end"] in ("over time", "aborted"):
            self.stop()
        return ended

    def _line(self, seconds: float) -> dict:
        with selectors.DefaultSelector() as waiting:
            waiting.register(self.process.stdout, selectors.EVENT_READ)
            if not waiting.select(seconds):
                return {"end": "over time", "why": f"no end within {seconds} s"}
        line = self.process.stdout.readline()
        if not line:
            return {"end": "aborted", "why": f"exit status {self.process.wait()}"}
        return json.loads(line)

    def stop(self) -> None:
        if self.process is None:
            return
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        with suppress(BrokenPipeError):
            self.process.stdin.close()
        self.process = None


class Run:
    """Cases given to several workers until there are no more, or time is up."""

    def __init__(self, options: argparse.Namespace, room: Path) -> None:
        self.options, self.room = options, room
        self.counts: dict[str, Counter] = {}
        self.findings: list[dict] = []
        self.slowest: dict[str, float] = {}
        self._lock = threading.Lock()
        self._cases: queue.SimpleQueue = queue.SimpleQueue()
        self._room_for = threading.Semaphore(4 * options.workers)
        self._end = time.monotonic() + 60 * options.minutes

    def go(self, cases) -> None:
        """Read all cases; an error in this script itself ends the run."""
        count = self.options.workers
        with ThreadPoolExecutor(count) as pool:
            working = [pool.submit(self._work, self.room / f"log{n}")
                       for n in range(count)]  # fmt: skip
            for case in cases:
                if time.monotonic() > self._end or any(w.done() for w in working):
                    break
                self._room_for.acquire(timeout=START_S)
                self._cases.put(case)
            for _ in working:
                self._cases.put(None)
        for ended in working:
            ended.result()

    def _work(self, log: Path) -> None:
        worker = Worker(self.options, log)
        while (case := self._cases.get()) is not None:
            self._room_for.release()
            self._note(case, worker.ask(case))
        worker.stop()

    def _note(self, case: dict, ended: dict) -> None:
        name = case["reader"]
        with self._lock:
            self.counts.setdefault(name, Counter())[ended["end"]] += 1
            self.slowest[name] = max(self.slowest.get(name, 0), ended["seconds"])
            whole = case["number"] < 0 and ended["end"] == "refused"
            if ended["end"] in FINE and not whole:
                return
            number = f"{name}:{case['seed']}:{case['number']}"
            self.findings.append({"case": number, **ended})
            print(json.dumps(self.findings[-1]), flush=True)
        self._keep(case)

    def _keep(self, case: dict) -> None:
        """Make a finding's input once more, where it stays."""
        from fuzz.cases import make_case, make_copy

        name = f"{case['reader']}-{case['seed']}-{case['number']}".replace(" ", "_")
        folder = Path(self.options.findings) / name
        if folder.exists():
            return
        folder.mkdir(parents=True)
        if case.get("file"):
            make_copy(Path(case["file"]), case["seed"], case["number"], folder)
        else:
            make_case(Path(case["seeds"]), case["reader"], case["seed"], case["number"],
                      folder)  # fmt: skip

    def table(self) -> str:
        head = f"{'reader':20}" + "".join(f"{end:>12}" for end in ("tried", *ENDS))
        lines = [head + f"{'slowest s':>12}"]
        for name, ends in {**self.counts, "all": sum(self.counts.values(), Counter())
                           }.items():  # fmt: skip
            cells = [ends.total(), *(ends[end] for end in ENDS)]
            slow = self.slowest.get(name, max(self.slowest.values(), default=0))
            lines.append(
                f"{name:20}" + "".join(f"{c:12}" for c in cells) + f"{slow:12}"
            )
        return "\n".join(lines)


def cases_of(options: argparse.Namespace, seeds: Path, room: Path):
    """Yield what is to be tried: each reader in turn, or copies of a file."""
    base = {"seed": options.seed, "seeds": str(seeds), "room": str(room)}
    if options.copies:
        file, count = Path(options.copies[0]).resolve(), int(options.copies[1])
        for number in range(count):
            yield {**base, "reader": options.copies_reader, "number": number,
                   "file": str(file)}  # fmt: skip
        return
    for number in range(-UNDAMAGED, 0):
        for reader in () if options.replay else options.readers:
            if -number <= len(list((seeds / reader).iterdir())):
                yield {**base, "reader": reader, "number": number}
    for number in range(options.first, options.first + options.count):
        for reader in options.readers:
            yield {**base, "reader": reader, "number": number}


def options_of(words: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    add = parser.add_argument
    add("--minutes", type=float, default=10, help="no case begins later")
    add("--count", type=int, default=10**9, help="cases for each reader")
    add("--first", type=int, default=0, help="number of the first case")
    add("--seed", type=int, default=0)
    add("--readers", nargs="+", default=None, help="all if left out")
    add("--workers", type=int, default=2)
    add("--seconds", type=float, default=10, help="that a case may take")
    add("--grown-mib", type=float, default=768, help="memory that a case may take")
    add("--memory-mib", type=int, default=3072, help="address space of a worker")
    add("--copies", nargs=2, metavar=("FILE", "N"), help="damage this file N times")
    add("--copies-reader", default="dicom", help="who reads the copies")
    add("--replay", metavar="READER:SEED:NUMBER", help="one case, kept")
    add("--findings", default="fuzz-findings", help="where findings are kept")
    add("--json", type=Path, help="where the counts go")
    return parser.parse_args(words)


def main(words: list[str] | None = None) -> int:
    from fuzz.seeds import BUILDERS, build

    options = options_of(words)
    if options.replay:
        reader, seed, number = options.replay.rsplit(":", 2)
        options.readers, options.seed, options.first = [reader], int(seed), int(number)
        options.count = options.workers = 1
    options.readers = options.readers or list(BUILDERS)
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="motionseg-fuzz-") as name:
        room, seeds = Path(name), Path(name) / "seeds"
        if not options.copies:
            build(seeds, options.readers)
        run = Run(options, room)
        run.go(cases_of(options, seeds, room))
    print(run.table())
    if options.json:
        report(options, run, time.monotonic() - begun)
    return int(bool(run.findings))


def report(options: argparse.Namespace, run: Run, seconds: float) -> None:
    """Add the counts to a JSON file: the fuzz, or one file's copies."""
    sys.path.insert(0, str(Path(__file__).parent.parent / "benchmarks"))
    from machine import here_and_now

    versions = {name: version(name) for name in LIBRARIES}
    found = {
        **here_and_now(), "versions": versions,
        "seed": options.seed, "minutes": round(seconds / 60, 1),
        "counts": {name: dict(ends) for name, ends in run.counts.items()},
        "slowest_s": run.slowest, "findings": run.findings,
        "limits": {"seconds": options.seconds, "grown_mib": options.grown_mib},
    }  # fmt: skip
    held = json.loads(options.json.read_text()) if options.json.exists() else {}
    held["copies" if options.copies else "fuzz"] = found
    options.json.write_text(json.dumps(held, indent=1) + "\n")


if __name__ == "__main__":
    sys.exit(main())
