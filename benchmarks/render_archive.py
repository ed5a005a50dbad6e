"""The sections of RESULTS.md on archives of loops."""

from __future__ import annotations

import json
from pathlib import Path
from statistics import median
from typing import Any

from tables import answer, table

MOST_OVERHEAD = 0.05  # of the bare prediction
LEAST_GAIN = 1.85  # of two workers over one
MOST_GROWTH = 0.10  # of memory, from the small to the large archive
MOST_REMOTE_S = 1.0  # that a training on a worker may take longer, beside its share
MOST_IDLE_S = 20.0  # of a run that finds nothing to do


def archive(results: Path) -> list[str]:
    """Return the sections that were measured."""
    path = results / "archive.json"
    if not path.exists():
        return []
    found = json.loads(path.read_text())
    sections = {
        "cost": cost, "many": growth, "kills": kills, "remote": remote,
    }  # fmt: skip
    told = [sections[name](found) for name in sections if name in found]
    path = results / "elastic.json"
    return [*told, elastic(json.loads(path.read_text()))] if path.exists() else told


def cost(found: dict[str, Any]) -> str:
    """Return what a batch adds to the prediction, and what workers gain."""
    said = found["cost"]
    overhead = said["batch_s"] / said["bare_s"] - 1
    one, two = (said["workers_s"][n] for n in ("1", "2"))
    rows = [
        ("bare prediction", f"{said['bare_s']:.2f}", ""),
        ("batch in one process", f"{said['batch_s']:.2f}", f"{overhead:+.1%}"),
        ("one worker of Dask", f"{one:.2f}", ""),
        ("two workers of Dask", f"{two:.2f}", f"{one / two:.2f} times as fast"),
    ]
    words = "reached" if overhead <= MOST_OVERHEAD else "missed"
    gained = "reached" if one / two >= LEAST_GAIN else "missed"
    return answer(
        "What does a batch cost, and what do two workers gain?",
        f"Records add {overhead:.1%} to the prediction (target {MOST_OVERHEAD:.0%}, "
        f"{words}); two workers are {one / two:.2f} times as fast as one (target "
        f"{LEAST_GAIN}, {gained}).",
        table(("", "seconds a loop", ""), rows),
        f"`benchmarks/archive.py --parts cost --loops {said['loops']}`: loops of 16 "
        f"frames of 256 px, one thread each; medians of 3 on {said['sample']} loops, "
        f"workers on all. {found['processor']}, {found['date']}.",
    )


def growth(found: dict[str, Any]) -> str:
    """Return how memory and time grow with the archive."""
    small, large = found["many"]
    rows = [
        (one["loops"], one["first"]["seconds"], one["second"]["seconds"],
         one["first"]["mib"], one["second"]["mib"])
        for one in (small, large)
    ]  # fmt: skip
    more = large["first"]["mib"] / small["first"]["mib"] - 1
    idle = large["second"]["seconds"]
    return answer(
        "How does a batch grow with the archive?",
        f"Memory grows by {more:.1%} from {small['loops']:,} to {large['loops']:,} "
        f"loops (target {MOST_GROWTH:.0%}); a run with nothing to do takes {idle:.1f} "
        f"s (target {MOST_IDLE_S:g}).",
        table(
            ("loops", "first run, s", "second run, s", "first, MiB", "second, MiB"),
            rows,
        ),
        "`benchmarks/archive.py --parts many`: tiny loops and a task without work, so "
        "that listing and records alone are measured; the largest memory of the "
        f"process, 277 MiB of which its imports take. {found['processor']}, "
        f"{found['date']}.",
    )


def kills(found: dict[str, Any]) -> str:
    """Return what kills left behind."""
    said = found["kills"]
    rows = [
        (row["killed"], row["at"], "yes" if row["equal"] else "**no**",
         row["failed"], row["left_in_work"])
        for row in said["rows"]
    ]  # fmt: skip
    good = sum(
        row["equal"] and not row["left_in_work"] and row["failed"] == said["damaged"]
        for row in said["rows"]
    )
    return answer(
        "Does a kill harm a batch?",
        f"No result was lost or changed in {good} of {len(rows)} runs that were killed "
        "once and taken up again.",
        table(
            ("killed", "at result", "results equal", "failures", "left in work"), rows
        ),
        "`benchmarks/archive.py --parts kills disk`: `kill -9` of a worker, of the "
        "scheduler, or of the command with its scheduler, at a random moment; "
        f"{_of_disk(found)}{said['loops']} loops, of "
        f"which {said['damaged']} are damaged and must be listed as failures. *Equal*: "
        f"by SHA-256 to {said['results']} results of an undisturbed run. "
        f"{found['processor']}, {found['date']}.",
    )


def _of_disk(found: dict[str, Any]) -> str:
    """Return what a full disk did, as the begin of a sentence."""
    said = found.get("disk")
    if said is None:
        return ""
    equal = "equal" if said["equal"] and not said["left_in_work"] else "**not equal**"
    return (
        f"a disk that was full after {said['at']} results ended the run with exit code "
        f"{said['first_rc']} and in words, and with room again the results were "
        f"{equal}; "
    )


def remote(found: dict[str, Any]) -> str:
    """Return what a worker adds to a training of the window."""
    pairs = found["remote"]["pairs"]
    here, there = (median(column) for column in zip(*pairs, strict=True))
    more = there - here
    most = MOST_OVERHEAD * here + MOST_REMOTE_S
    words = "reached" if more <= most else "missed"
    rows = [(number + 1, *pair) for number, pair in enumerate(pairs)]
    return answer(
        "How much longer does a training on another computer take?",
        f"{more:+.1f} s on {here:.1f} s (target {MOST_OVERHEAD:.0%} and "
        f"{MOST_REMOTE_S:g} s, {words}), if the other computer is as fast.",
        table(("pair", "child process here, s", "worker of Dask, s"), rows),
        "`benchmarks/archive.py --parts remote`: *Train* of the Segment dock from one "
        "dense frame of a synthetic loop of 45 frames of 512 px, from the click to the "
        "weights in the window; scheduler and worker are on the same computer, and "
        "both ways have a process ready. Medians. "
        f"{found['processor']}, {found['date']}.",
    )


def elastic(found: dict[str, Any]) -> str:
    """Return whether torchrun takes a training up."""
    rows = [
        (row["killed_at"], row["steps"], "yes" if row["equal"] else "**no**")
        for row in found["rows"]
    ]
    good = sum(row["equal"] for row in found["rows"])
    return answer(
        "Does torch elastic take a training up?",
        f"After a process was killed, {good} of {len(rows)} trainings ended with the "
        "weights of one that nobody disturbed.",
        table(("killed at step", "steps in the end", "weights equal"), rows),
        "`benchmarks/elastic.py`: two hosts are two addresses of one computer, one "
        "process each, gloo; `kill -9` of one, `--max-restarts 3`, `--resume`, a state "
        f"every {found['save_every']} of {found['total']} steps. {found['processor']}, "
        f"{found['date']}.",
    )
