"""The table of `benchmarks/masks.py` in RESULTS.md."""

from __future__ import annotations

import json
from pathlib import Path

from tables import answer, table

CATHETERS = "synthetic: catheters"
# The target of each row that can be measured; Dice unless said
TARGETS = {
    "drawn: cimat40_dev": ".79",
    "drawn: cimat40_dev, enlarged to 512 px": "original size - .01",
    "drawn: cadml_dev": "centreline .86",
    "synthetic: empty": ".05 % marked",
    "synthetic: exact": ".80",
    "silver: p5, p6": ".775",
    CATHETERS: ".75; 5 % called vessel",
}
MEANT = (
    "`benchmarks/masks.py`: the default network, no label, threshold 0.5; mean over "
    "pictures with its 95 % interval over patients. *Drawn*: masks by people, from "
    "folders that are no part of the repository; the outlines of `cadml` are 2 px too "
    "wide. *Silver*: masks of another network, without 16 px of the border. "
    "*Synthetic*: fixed by seed and hash; `quiet` and `exact` are made by the "
    "generator of version c60b695 (`outlined` has the pictures of `exact` with the "
    "masks that people would draw, without faint branches and edges), `cameras` and "
    "`empty` (devices, but no contrast agent) by that of 2026-11-28; `catheters` "
    "compares the network's class *catheter*, if it has one, with its masks. "
    "`cerebral`, `renal`, `leg` and `iliac` are outlined frames of other territories, "
    "on which the network was not trained."
)


def masks(results: Path) -> list[str]:
    """Return the section if the benchmark has been run."""
    path = results / "masks.json"
    if not path.exists():
        return []
    rows = json.loads(path.read_text())["rows"]
    head = (
        "set", "pictures", "Dice", "target", "clDice", "centreline seen",
        "surface Dice", "marked, %", "best threshold", "its Dice", "calibration error",
    )  # fmt: skip
    lines = [line(name, row) for name, row in sorted(rows.items())]
    where = sorted({f"{row['machine']}, {row['date']}" for row in rows.values()})
    other = [name for name, row in rows.items() if row.get("frozen") is False]
    notes = called_vessel(rows)
    notes += f"\n\nOther pixels than the frozen ones: {', '.join(other)}." * bool(other)
    return [
        answer(
            "How good are masks without any label?",
            f"The mean Dice lies {dice_range(rows)}.",
            table(head, lines),
            f"{MEANT} {'; '.join(where)}.{notes}",
        )
    ]


def called_vessel(rows: dict) -> str:
    """Return how much of the catheters is taken for vessel, in words."""
    found = rows.get(CATHETERS, {}).get("called_vessel")
    if found is None:
        return ""
    return (
        f"\n\nOf the pixels of catheters, {100 * found['mean']:.1f} % "
        f"({100 * found['low']:.1f} to {100 * found['high']:.1f} %) are called vessel."
    )


def dice_range(rows: dict) -> str:
    """Return the sets of vessels with the lowest and highest mean Dice, in words."""
    means = {
        name: row["measures"]["dice"]["mean"]
        for name, row in rows.items()
        if name != CATHETERS
    }
    low, high = min(means, key=means.get), max(means, key=means.get)
    return f"between {means[low]:.3f} ({low}) and {means[high]:.3f} ({high})"


def line(name: str, row: dict) -> tuple[str, ...]:
    """Return the cells of one set."""
    found = row["measures"]
    dice = found["dice"]

    def mean(measure: str) -> str:
        return f"{found[measure]['mean']:.3f}" if measure in found else ""

    return (
        name,
        str(row["pictures"]),
        f"{dice['mean']:.3f} ({dice['low']:.3f} to {dice['high']:.3f})",
        TARGETS.get(name, ""),
        mean("cldice"),
        mean("centreline"),
        mean("surface_dice"),
        f"{100 * found['marked']['mean']:.2f}",
        f"{row['best_threshold']:.2f}",
        f"{row['best_dice']:.3f}",
        f"{row['calibration_error']:.3f}",
    )
