"""Tables of the fuzz over all readers."""

from __future__ import annotations

import json
from pathlib import Path

from tables import table

ENDS = ("read", "refused", "wrong type", "over time", "over memory", "aborted")
MEANING = (
    "Read: a result, every frame decoded (a frame that cannot be is blank, with a "
    "warning). Refused: an error of the `MotionSegError` family. Anything else is a "
    "finding."
)


def fuzz(results: Path) -> list[str]:
    """The counts of both kinds of run, if there are any."""
    path = results / "fuzz.json"
    if not path.exists():
        return []
    held = json.loads(path.read_text())
    parts = ["## Damaged files\n", MEANING + "\n"]
    if "fuzz" in held:
        parts.append(_run(held["fuzz"], "scripts/fuzz_readers.py", "each reader"))
    if "copies" in held:
        words = "scripts/fuzz_readers.py --copies LOOP"
        parts.append(_run(held["copies"], words, "damaged copies of one real loop"))
    return parts


def _run(found: dict, command: str, what: str) -> str:
    """One run: what was tried, and how each reading ended."""
    rows = [_row(name, ends, found["slowest_s"]) for name, ends in _counts(found)]
    limits = found["limits"]
    versions = ", ".join(f"{k} {v}" for k, v in found["versions"].items())
    return "\n".join(
        [
            f"`{command} --seed {found['seed']}`, {what}, {found['minutes']} minutes; "
            f"a case may take {limits['seconds']:g} s and {limits['grown_mib']:g} MiB. "
            f"{found['machine']}, {versions}, {found['date']}.\n",
            table(("reader", "tried", *ENDS, "slowest, s"), rows),
            "",
            *([found["note"] + "\n"] if "note" in found else []),
        ]
    )


def _counts(found: dict) -> list[tuple[str, dict]]:
    """Readers by name, and their sum."""
    counts = found["counts"]
    total = {end: sum(ends.get(end, 0) for ends in counts.values()) for end in ENDS}
    return [*counts.items(), ("**all**", total)]


def _row(name: str, ends: dict, slowest: dict) -> tuple:
    seconds = slowest.get(name, max(slowest.values(), default=0.0))
    cells = [ends.get(end, 0) for end in ENDS]
    return name, sum(cells), *cells, f"{seconds:.1f}"
