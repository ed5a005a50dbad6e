"""The sections of RESULTS.md on whether motion teaches, at few labels."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from tables import SILVER, answer, listed, table

Row = Mapping[str, Any]
SEED = "-seed"  # of an arm that was trained once more, as in `motion.py`
USUAL_STEPS = 3600  # of pretraining; sections of others say how many
DATA = {"synthetic": "synthetic loops", "real": "real loops"}
SCHEDULES = {
    "probe": "Do frozen features that motion taught tell vessels, {}?",
    "short": "Does motion help the paper's short fine-tuning, {}?",
    "quick": "Does motion help quick fine-tuning, {}?",
    "tuned": "Does motion help tuned fine-tuning, {}?",
}
HOW = {
    "probe": "A balanced linear classifier on frozen features.",
    "short": (
        "200 steps of two 160 px windows, binary cross entropy, Adam at a fixed 0.001."
    ),
    "quick": "The last level of the decoder, as the recipe `quick` trains it.",
    "tuned": (
        "120 steps of two 160 px windows, cross entropy and Dice, a falling rate."
    ),
}
ARMS = (
    "*scratch*: random weights. *random*: the same with features of one scale and a "
    "last layer that is fitted to the label, as for all other starts. Other names are "
    "objectives (*paper* is flow consistency with the settings of the paper, *loud* "
    "the same with settings whose target says more, *joint* is regression and moving "
    "apart together). They were taught by exact flow of synthetic pairs, without any "
    "mask, in {steps:,} steps of two 160 px windows. *-loops*: in place of the pairs, "
    "by the flow that our PWC-Net estimates on the real loops of the patients from "
    "whom labels are drawn; their masks are not used. *-shuffled*: the same with the "
    "flow of other pictures. *-estimated*, *-dis*: the same with the flow that our "
    "PWC-Net or DIS estimates. *-generic*: with that of a PWC-Net of the published "
    "layout that has learnt from textured shapes and has seen no angiogram. *-seed1*, "
    "*-seed2*: the same with other random numbers. *Gains* are on the same loop and "
    "draw, with the 95 % interval over draws and patients."
)


def motion(results: Path) -> list[str]:
    """Return a section for each set of loops, schedule and length of pretraining."""
    found = [json.loads(path.read_text()) for path in results.glob("motion_*.json")]
    found.sort(key=lambda report: (places(report), report["labels"]))
    return [section(list(reports)) for _, reports in groupby(found, places)]


def places(report: Row) -> tuple[int, int, int, bool]:
    """Return the place of a report among the sections; longer trainings are first."""
    data, schedule = list(DATA), list(SCHEDULES)
    own = data.index(report["data"]), schedule.index(report["schedule"])
    return *own, -report["pretraining_steps"], is_repeated(report)


def is_repeated(report: Row) -> bool:
    """Return whether an arm was trained several times, from several seeds."""
    rows = next(iter(report["against"].values()), ())
    return any(SEED in row["method"] for row in rows)


def section(reports: Sequence[Row]) -> str:
    """Return the section of reports that differ in the number of labels only."""
    first = reports[0]
    data, schedule, steps = (
        first[k] for k in ("data", "schedule", "pretraining_steps")
    )
    measure = "auc" if schedule == "probe" else "dice"
    of = DATA[data] if steps == USUAL_STEPS else f"{DATA[data]}, {steps:,} steps"
    of += ", several trainings" if is_repeated(first) else ""
    said = [conclusion(r["against"], measure, label_words(r)) for r in reports]
    counts = listed([str(report["labels"]) for report in reports])
    frames = "labelled frame" if counts == "1" else "labelled frames"
    silver = f" {SILVER}" if data == "real" else ""
    draws = {report["draws"] for report in reports}
    where = (
        f"`benchmarks/motion.py`, {counts} {frames} of other loops, draws "
        f"{listed(sorted(draws))}; draws 1-8 served to choose. {HOW[schedule]} "
        f"{ARMS.format(steps=steps)} "
        f"Early stopping is off. Loops {first['loops_sha256'][:12]}."
        f"{silver} {first['processor']}, {first['date']}."
    )
    return answer(
        SCHEDULES[schedule].format(of), " ".join(said), lines(reports, measure), where
    )


def label_words(report: Row) -> str:
    """Return how many frames were labelled, as the end of a sentence."""
    count = report["labels"]
    return "with one label" if count == 1 else f"with {count} labels"


def lines(reports: Sequence[Row], measure: str) -> str:
    """Return the table: each arm, with its gain over each control."""
    controls = list(dict.fromkeys(name for r in reports for name in r["against"]))
    head = ["labels", "start", "draws", *(["AUC"] if measure == "auc" else []), "Dice"]
    head += [f"{measure_word(measure)} over {name}" for name in controls]
    rows = []
    for report in reports:
        against = report["against"]
        for row in next(iter(against.values())):
            own = [row["labels"], row["method"], row["draws"]]
            own += [f"{row[m]:.3f}" for m in (["auc"] if measure == "auc" else [])]
            own += [f"{row['dice']:.3f}"]
            gains = [
                gain_of(against.get(name, []), row["method"], measure)
                for name in controls
            ]
            rows.append([*own, *map(words_of, gains)])
    return table(head, rows)


def measure_word(measure: str) -> str:
    return "AUC gain" if measure == "auc" else "gain"


def gain_of(
    rows: Sequence[Row], method: str, measure: str
) -> tuple[float, float, float] | None:
    """Return the gain of an arm and its interval; None if it was not measured."""
    name = "gain" if measure == "dice" else f"{measure}_gain"
    row = next((row for row in rows if row["method"] == method), {})
    if name not in row:
        return None
    return row[name], row[f"{name}_low"], row[f"{name}_high"]


def words_of(gain: tuple[float, float, float] | None) -> str:
    if gain is None:
        return ""
    return f"{gain[0]:+.3f} ({gain[1]:+.3f} to {gain[2]:+.3f})"


def conclusion(against: Mapping[str, Sequence[Row]], measure: str, labels: str) -> str:
    """Return what the best arm gains, and what several trainings of an arm gain."""
    first = next(iter(against.values()))
    taught = [r for r in first if not is_control(r["method"])]
    if not taught:
        return "Only controls were measured."
    repeated = {
        name.partition(SEED)[0] for r in taught if SEED in (name := r["method"])
    }
    several = [r for r in taught if r["method"].partition(SEED)[0] in repeated]
    unit = "AUC" if measure == "auc" else "Dice"
    said = []
    if several:
        least = min(several, key=lambda row: row[measure])
        most = max(row[measure] for row in several)
        words = (
            f"{labels}: {len(several)} trainings reach {unit} {least[measure]:.3f} to "
            f"{most:.3f}; the least gain is that of {least['method']}"
        )
        said.append(with_gains(words, least["method"], against, measure))
    single = [row for row in taught if row not in several]
    if single:
        best = max(single, key=lambda row: row[measure])
        words = f"{labels}: {best['method']} reaches {unit} {best[measure]:.3f}"
        said.append(with_gains(words, best["method"], against, measure))
    return " ".join(said)


def with_gains(
    words: str, method: str, against: Mapping[str, Sequence[Row]], measure: str
) -> str:
    """Return a sentence that begins with a verdict and ends with an arm's gains."""
    gains = {
        control: gain_of(rows, method, measure)
        for control, rows in against.items()
        # the flow of other pictures is the control of the same objective
        if "shuffled" not in control or control == f"{method}-shuffled"
    }
    found = {control: gain for control, gain in gains.items() if gain is not None}
    sure = [gain[1] > 0 for gain in found.values()]
    verdict = "Yes" if all(sure) else "In part" if any(sure) else "Not shown"
    parts = [f"{words_of(gain)} over {control}" for control, gain in found.items()]
    return ", ".join([f"{verdict} {words}", *parts]) + "."


def is_control(method: str) -> bool:
    return method.startswith(("scratch", "random")) or "shuffled" in method
