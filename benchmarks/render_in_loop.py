"""The section of RESULTS.md on learning from the motion of the loop to segment."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tables import SILVER, answer, table

from napari_motionseg.evaluation.paired_statistics import bootstrap_interval

Row = dict[str, Any]
DEFAULT, SHUFFLED = "default", "regression-shuffled"
SETS = {
    "synthetic": "synthetic, exact masks",
    "p1 to p4": "p1 to p4, to choose",
    "p5, p6": "p5 and p6",
}
LABELS = {"none": "none", "dense": "one frame", "strokes": "ten strokes"}
MEANT = (
    "`benchmarks/in_loop.py`: *consistency* and *regression* go on with the default "
    "network on the motion of one loop without labels, by the objective of the button "
    "or by flow regression ({steps} steps of two 160 px windows, flow by the shipped "
    "network); the last layer stays. *-shuffled*: with the flow of other windows. "
    "*-zoom*: windows zoomed by 0.5 to 2. *statistics*: batch norm alone adapts. "
    "Then the recipe `quick` on labels of the same loop; Dice of six other frames "
    "without 16 px of border. A network that only marks more pixels gains at the usual "
    "threshold on synthetic loops, where the default marks too few, but less at the "
    "*best* threshold, which is chosen for each loop by its masks. Where a start fits "
    "the labelled frame with a Dice below 0.4, as some shuffled ones do, the recipe "
    "trains all layers. "
    "*Gains* are on the same loop and labels, with the 95 % interval over patients or "
    "synthetic loops."
)


def in_loop(results: Path) -> list[str]:
    """Return the section if the benchmark has been run."""
    path = results / "in_loop.json"
    if not path.exists():
        return []
    rows = json.loads(path.read_text())["rows"]
    lines, verdicts = [], []
    for place, words in SETS.items():
        for kind, labels in LABELS.items():
            own = [r for r in rows if set_of(r) == place and r["labels"] == kind]
            for start in dict.fromkeys(row["start"] for row in own):
                lines.append((words, labels, *cells(own, start)))
            verdicts += verdict(own, words, labels) if place != "p1 to p4" else []
    head = (
        "loops", "labels", "start", "number", "Dice", "gain over default",
        "the same at the best thresholds", "gain over regression-shuffled",
    )  # fmt: skip
    steps = max(row["steps"] for row in rows)
    where = sorted({f"{r['processor']}, {r['machine']}, {r['date']}" for r in rows})
    return [
        answer(
            "Does learning from a loop's own motion improve the masks of that loop?",
            conclusion(verdicts),
            table(head, lines),
            f"{MEANT.format(steps=steps)} {SILVER} {'; '.join(where)}.",
        )
    ]


def set_of(row: Mapping[str, Any]) -> str:
    if row["group"].startswith("synthetic"):
        return "synthetic"
    return "p5, p6" if row["group"] in ("p5", "p6") else "p1 to p4"


def cells(rows: Sequence[Row], start: str) -> tuple[str, ...]:
    """Return the cells of a start: number of loops, mean Dice, and gains."""
    known = [row["dice"] for row in rows if row["start"] == start]
    parts = [start, str(len(known)), f"{np.mean(known):.3f}"]
    for base, measure in ((DEFAULT, "dice"), (DEFAULT, "best"), (SHUFFLED, "dice")):
        found = None if start == base else gain(rows, start, base, measure)
        parts.append(
            "" if found is None else "{:+.3f} ({:+.3f} to {:+.3f})".format(*found)
        )
    return tuple(parts)


def gain(
    rows: Sequence[Row], start: str, base: str, measure: str = "dice"
) -> tuple[float, float, float] | None:
    """Return the mean gain of a start over another, and the ends of its interval."""
    by_start = {
        name: {
            r["loop"]: r[measure] for r in rows if r["start"] == name and measure in r
        }
        for name in (start, base)
    }
    pairs = {
        (0, loop): dice - by_start[base][loop]
        for loop, dice in by_start[start].items()
        if loop in by_start[base]
    }
    if not pairs:
        return None
    groups = {row["loop"]: row["group"] for row in rows}
    return float(np.mean([*pairs.values()])), *bootstrap_interval(pairs, groups)


def verdict(rows: Sequence[Row], words: str, labels: str) -> list[tuple[str, str]]:
    """Return whether regression helps beyond doubt, harms, or neither, and in words."""
    measure = "best" if labels == LABELS["none"] else "dice"
    found = gain(rows, "regression", DEFAULT, measure)
    if found is None:
        return []
    mean, low, high = found
    kind = "helps" if low > 0 else "harms" if high < 0 else "no"
    known = "no label, at the best thresholds" if measure == "best" else labels
    text = f"{mean:+.3f} ({low:+.3f} to {high:+.3f}) on {words}, with {known}"
    return [(kind, text)]


def conclusion(verdicts: Sequence[tuple[str, str]]) -> str:
    """Return whether it helps, harms, both or neither, with each difference."""
    kinds = {kind for kind, _ in verdicts}
    if {"helps", "harms"} <= kinds:
        first = "It helps some loops and harms others"
    elif "helps" in kinds:
        first = "Yes" if kinds == {"helps"} else "In part"
    else:
        first = "No"
    said = "; ".join(text for _, text in verdicts)
    return f"{first}: regression minus default is {said}."
