"""The section of RESULTS.md on what *Learn from motion* shows of its loop."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from render_in_loop import SETS, set_of
from tables import SILVER, answer, table

Row = dict[str, Any]
NAMES = {
    "random": "random weights, not trained",
    "consistency": "flow consistency with the settings of Ma et al.",
    "button": "*Learn from motion*",
    "button-shuffled": "the same with the flow of other windows",
    "motion-xa": "`motion-xa`, which ships, not trained on the loop",
    "default": "the default network, not trained on the loop",
}
MEANT = (
    "`benchmarks/learn_from_motion.py`: AUC of the similarity to 12 points on vessels "
    "in each of four frames, against the masks without 16 px of border; 0.5 is chance. "
    "Trainings begin with random weights and take {steps} steps on the motion of one "
    "loop, without labels, with flow by the shipped network. *Same loops*: mean of "
    "*Learn from motion* on the loops of this row."
)


def learn_from_motion(results: Path) -> list[str]:
    """Return the section if the benchmark has been run."""
    path = results / "learn_from_motion.json"
    if not path.exists():
        return []
    rows = json.loads(path.read_text())["rows"]
    lines: list[tuple[str, ...]] = []
    for place, words in SETS.items():
        own = [row for row in rows if set_of(row) == place]
        lines += [
            (words, *cells(own, start))
            for start in NAMES
            if any(row["start"] == start for row in own)
        ]
    steps = max(row["steps"] for row in rows)
    where = sorted({f"{r['processor']}, {r['machine']}, {r['date']}" for r in rows})
    return [
        answer(
            "What does *Learn from motion* show of its loop?",
            conclusion([row for row in rows if set_of(row) == "p5, p6"]),
            table(("loops", "embedding", "number", "AUC", "same loops"), lines),
            f"{MEANT.format(steps=steps)} {SILVER} {'; '.join(where)}.",
        )
    ]


def cells(rows: Sequence[Row], start: str) -> tuple[str, ...]:
    """Return name, number of loops and mean AUC of a start, and that of the button."""
    own = {row["loop"]: row["auc"] for row in rows if row["start"] == start}
    button = [r["auc"] for r in rows if r["start"] == "button" and r["loop"] in own]
    same = f"{np.mean(button):.3f}" if button and start != "button" else ""
    return NAMES[start], str(len(own)), f"{np.mean([*own.values()]):.3f}", same


def conclusion(rows: Sequence[Row]) -> str:
    """Return what the button shows beside its controls, on p5 and p6."""

    def mean(start: str) -> str:
        return f"{np.mean([r['auc'] for r in rows if r['start'] == start]):.2f}"

    return (
        "On p5 and p6, the similarity to a point on a vessel tells vessels with an "
        f"AUC of {mean('button')}; untrained weights have {mean('random')}, "
        f"`motion-xa` {mean('motion-xa')} and the default network {mean('default')}."
    )
