"""Kill this program's work at random moments and look at what is left:

    python scripts/kill_anywhere.py [--moments 40] [--acts autosave export ...]

Each act works in a process of its own until ``kill -9`` ends it some time later. Then
everything is opened as the next run would: nothing that was called kept may be lost,
every target must be the old one or the new one, files of others must be as they were,
and temporary files must be gone. The act ``window`` paints in a real napari window that
trains, segments and saves meanwhile; it needs a screen (``xvfb-run``). Writes numbers
to ``benchmarks/results/kill.json`` and exits with 1 if a promise was broken.
"""

from __future__ import annotations

import argparse
import json
import os
import pickle
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))

from kill.act import Act, Finding
from kill.autosave import Autosave
from kill.caches import Caches
from kill.checkpoints import Checkpoints
from kill.exports import Exports
from kill.training import Training

ACTS: dict[str, Callable[[Path], Act]] = {
    act.name: act for act in (Autosave, Exports, Checkpoints, Caches, Training)
}
LONGEST_S = 1.5  # from the first word that an act notes to the kill
PATIENCE_S = 60.0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--moments", type=int, default=40, help="kills of each act")
    parser.add_argument("--acts", nargs="+", choices=[*ACTS, "window"], default=[*ACTS])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=600, help="bound of an act")
    parser.add_argument("--out", type=Path, help="folder for kill.json; none if absent")
    options = parser.parse_args()
    rows = {}
    for act in options.acts:
        draw = np.random.default_rng([options.seed, len(act)])
        rows[act] = kill_often(act, options.moments, draw, options.seconds)
        print(json.dumps({act: rows[act]}), flush=True)
    if options.out is not None:
        write(options.out, rows, options.seed)
    broken = ("lost", "mixed", "foreign", "leftovers")
    return int(any(row[what] for row in rows.values() for what in broken))


def kill_often(
    act: str, moments: int, draw: np.random.Generator, seconds: float
) -> dict[str, float]:
    """Kill an act again and again; return the sums of what was found."""
    if act == "window":
        from kill.window import kill_window as once
    else:
        once = kill_once
    found, ends = [], time.monotonic() + seconds
    while len(found) < moments and time.monotonic() < ends:
        found.append(once(act, draw))
        for word in found[-1].words[:5]:
            print(f"{act}, kill {len(found)}: {word}", flush=True)
    names = ("acknowledged", "lost", "mixed", "foreign", "leftovers")
    row = {name: sum(getattr(one, name) for one in found) for name in names}
    oldest = max((one.oldest_lost_s for one in found), default=0.0)
    return {"kills": len(found), **row, "oldest_lost_s": round(oldest, 2)}


def kill_once(act: str, draw: np.random.Generator) -> Finding:
    """Run an act in a process, kill it, and look in another process.

    Both are forked from this one, which has the modules already: a second saved for
    each kill. This one computes nothing itself, because torch's threads survive no
    fork.
    """
    with tempfile.TemporaryDirectory(prefix="motionseg-kill-") as name:
        one = ACTS[act](Path(name))
        child = forked(one.work)
        try:
            wait_for_begin(one, child)
            time.sleep(float(draw.uniform(0, LONGEST_S)))
        finally:
            os.kill(child, signal.SIGKILL)
            killed = time.time()
            os.waitpid(child, 0)
        answer = Path(name) / "answer"
        looking = forked(
            lambda: answer.write_bytes(pickle.dumps(one.look(one.notes(), killed)))
        )
        os.waitpid(looking, 0)
        if not answer.exists():
            raise RuntimeError(f"{act}: what is left could not be looked at")
        return pickle.loads(answer.read_bytes())  # noqa: S301 - just written


def forked(work: Callable[[], object]) -> int:
    """Start work in a copy of this process; return its number."""
    child = os.fork()
    if child == 0:
        try:
            work()
        except BaseException:  # noqa: BLE001 - it must not go on as the parent
            traceback.print_exc()
        os._exit(0)
    return child


def wait_for_begin(act: Act, child: int) -> None:
    """Wait for the first word of an act."""
    until = time.monotonic() + PATIENCE_S
    while not act.notes():
        if time.monotonic() > until:
            raise RuntimeError(f"{act.name} did not begin")
        time.sleep(0.002)


def write(folder: Path, rows: dict[str, dict[str, float]], seed: int) -> None:
    """Write the numbers, beside those of acts that were run before."""
    from machine import here_and_now

    path = folder / "kill.json"
    before = json.loads(path.read_text()) if path.exists() else {"acts": {}}
    content = {"acts": {**before["acts"], **rows}, "seed": seed, **here_and_now()}
    folder.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    sys.exit(main())
