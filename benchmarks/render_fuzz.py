"""Tables of the fuzz over all readers."""

from __future__ import annotations

import json
from pathlib import Path

from tables import answer, listed, table

ENDS = ("read", "refused", "wrong type", "over time", "over memory", "aborted")
MEANING = (
    "*Read*: there is a result, and every frame was decoded; a frame that cannot be "
    "decoded is blank, with a warning. *Refused*: there is an error of the "
    "`MotionSegError` family. Anything else is a fault of a reader."
)
QUESTIONS = {
    "fuzz": (
        "Do damaged files harm any reader?", "scripts/fuzz_readers.py", "each reader",
    ),
    "copies": (
        "Do damaged copies of a real loop harm the reader?",
        "scripts/fuzz_readers.py --copies LOOP", "damaged copies of one real loop",
    ),
}  # fmt: skip


def fuzz(results: Path) -> list[str]:
    """The counts of both kinds of run, if there are any."""
    path = results / "fuzz.json"
    if not path.exists():
        return []
    held = json.loads(path.read_text())
    return [_run(held[kind], *QUESTIONS[kind]) for kind in QUESTIONS if kind in held]


def _run(found: dict, question: str, command: str, what: str) -> str:
    """Return the section on one run: what was tried, and how each reading ended."""
    rows = [_row(name, ends, found["slowest_s"]) for name, ends in _counts(found)]
    limits = found["limits"]
    versions = ", ".join(f"{k} {v}" for k, v in found["versions"].items())
    note = f"\n\n{found['note']}" if "note" in found else ""
    return answer(
        question,
        _conclusion(found),
        table(("reader", "tried", *ENDS, "slowest, s"), rows),
        f"{MEANING} `{command} --seed {found['seed']}`, {what}, {found['minutes']} "
        f"minutes; a case may take {limits['seconds']:g} s and "
        f"{limits['grown_mib']:g} MiB. {found['machine']}, {versions}, "
        f"{found['date']}.{note}",
    )


def _conclusion(found: dict) -> str:
    """Return how many readings ended in a fault, and of which readers."""
    tried = sum(sum(ends.values()) for ends in found["counts"].values())
    faults = {
        name: sum(count for end, count in ends.items() if end not in ENDS[:2])
        for name, ends in found["counts"].items()
    }
    harmed = [name for name, count in faults.items() if count]
    if not harmed:
        return f"No: all {tried} files were read or refused."
    return f"Yes: {sum(faults.values())} of {tried} files, by {listed(harmed)}."


def _counts(found: dict) -> list[tuple[str, dict]]:
    """Readers by name, and their sum."""
    counts = found["counts"]
    total = {end: sum(ends.get(end, 0) for ends in counts.values()) for end in ENDS}
    return [*counts.items(), ("**all**", total)]


def _row(name: str, ends: dict, slowest: dict) -> tuple:
    seconds = slowest.get(name, max(slowest.values(), default=0.0))
    cells = [ends.get(end, 0) for end in ENDS]
    return name, sum(cells), *cells, f"{seconds:.1f}"
