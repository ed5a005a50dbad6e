"""The sections of RESULTS.md on whether motion teaches, at one label."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tables import SILVER, answer, table

Row = Mapping[str, Any]
DATA = {"synthetic": "synthetic loops", "real": "real loops"}
SCHEDULES = {
    "probe": "Do frozen features that motion taught tell vessels, {}?",
    "short": "Does motion help the paper's short fine-tuning, {}?",
    "tuned": "Does motion help tuned fine-tuning, {}?",
}
HOW = {
    "probe": "A balanced linear classifier on frozen features.",
    "short": (
        "200 steps of two 160 px windows, binary cross entropy, Adam at a fixed 0.001."
    ),
    "tuned": (
        "120 steps of two 160 px windows, cross entropy and Dice, a falling rate."
    ),
}
ARMS = (
    "*scratch*: random weights. *random*: the same with features of one scale and a "
    "last layer that is fitted to the label, as for all other starts. *loud*, "
    "*regression*: taught by exact flow of synthetic pairs, without any mask, in "
    "{steps:,} steps of two 160 px windows. *-shuffled*: the same with the flow of "
    "other pictures. *-estimated*, *-dis*: the same with estimated flow. *Gains* are "
    "on the same loop and draw, with the 95 % interval over draws and patients."
)


def motion(results: Path) -> list[str]:
    """Return a section for each set of loops and schedule that was measured."""
    parts = []
    for data in DATA:
        for schedule in SCHEDULES:
            path = results / f"motion_{data}_{schedule}.json"
            if path.exists():
                parts.append(section(json.loads(path.read_text())))
    return parts


def section(found: Row) -> str:
    """Return the section of one file."""
    data, schedule = found["data"], found["schedule"]
    measure = "auc" if schedule == "probe" else "dice"
    rows = lines(found["against"], measure)
    silver = f" {SILVER}" if data == "real" else ""
    where = (
        f"`benchmarks/motion.py`, one label of another patient, draws "
        f"{found['draws']}; draws 1-8 served to choose. {HOW[schedule]} "
        f"{ARMS.format(steps=found['pretraining_steps'])} "
        f"Early stopping is off. Loops {found['loops_sha256'][:12]}."
        f"{silver} {found['processor']}, {found['date']}."
    )
    return answer(
        SCHEDULES[schedule].format(DATA[data]),
        conclusion(found["against"], measure),
        rows,
        where,
    )


def lines(against: Mapping[str, Sequence[Row]], measure: str) -> str:
    """Return the table: each arm, with its gain over each control."""
    first = next(iter(against.values()))
    head = ["start", "draws", *(["AUC"] if measure == "auc" else []), "Dice"]
    head += [f"{measure_word(measure)} over {name}" for name in against]
    rows = []
    for row in first:
        own = [row["method"], row["draws"]]
        own += [f"{row[m]:.3f}" for m in (["auc"] if measure == "auc" else [])]
        own += [f"{row['dice']:.3f}"]
        gains = [gain_of(rows_, row["method"], measure) for rows_ in against.values()]
        rows.append([*own, *map(words_of, gains)])
    return table(head, rows)


def measure_word(measure: str) -> str:
    return "AUC gain" if measure == "auc" else "gain"


def gain_of(
    rows: Sequence[Row], method: str, measure: str
) -> tuple[float, float, float] | None:
    """Return the gain of an arm and its interval; None for the control itself."""
    name = "gain" if measure == "dice" else f"{measure}_gain"
    row = next(row for row in rows if row["method"] == method)
    if name not in row:
        return None
    return row[name], row[f"{name}_low"], row[f"{name}_high"]


def words_of(gain: tuple[float, float, float] | None) -> str:
    if gain is None:
        return ""
    return f"{gain[0]:+.3f} ({gain[1]:+.3f} to {gain[2]:+.3f})"


def conclusion(against: Mapping[str, Sequence[Row]], measure: str) -> str:
    """Return the best taught arm with its gains over the controls, as a sentence."""
    first = next(iter(against.values()))
    taught = [r for r in first if not is_control(r["method"])]
    if not taught:
        return "Only controls were measured."
    best = max(taught, key=lambda row: row[measure])
    parts = []
    # the flow of other pictures is the control of the same objective
    against = {
        control: rows
        for control, rows in against.items()
        if "shuffled" not in control or control == f"{best['method']}-shuffled"
    }
    for control, rows in against.items():
        gain = gain_of(rows, best["method"], measure)
        if gain is not None:
            parts.append(f"{words_of(gain)} over {control}")
    gains = [gain_of(rows, best["method"], measure) for rows in against.values()]
    sure = [gain[1] > 0 for gain in gains if gain is not None]
    verdict = "Yes" if all(sure) else "In part" if any(sure) else "Not shown"
    unit = "AUC" if measure == "auc" else "Dice"
    return f"{verdict}: {best['method']} reaches {unit} {best[measure]:.3f}, " + (
        ", ".join(parts) + "."
    )


def is_control(method: str) -> bool:
    return method.startswith(("scratch", "random")) or "shuffled" in method
