"""The section of RESULTS.md on training and segmenting in seconds."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tables import SILVER, answer, reached, table

from napari_motionseg.evaluation.paired_statistics import bootstrap_interval

TRAIN_S = {"avx2": 40.0, "native": 20.0, "cuda": 6.0}
SEGMENT_S = {"avx2": 12.0, "native": 12.0, "cuda": 1.0}
FIRST_FRAME_S, FIRST_PREVIEW_S = 1.5, 3.0
LEAST_DIFFERENCE, LEAST_DRAWS = -0.005, 8
LEAST_GAIN, LEAST_WORST = 0.05, -0.01  # of ten strokes on synthetic loops, in Dice
Row = dict[str, Any]
MEANT = (
    "`benchmarks/train.py`: jobs in a worker process that stands ready, with two "
    "threads. *avx2*: vector units limited to AVX2 and bf16 off. *quick* trains the "
    "last level of the decoder, or two for a whole frame, *tuned* all layers. Draws "
    "are ten simulated strokes, strokes along the five largest missed parts and the "
    "five largest false marks of the default network (*corrections*, which only "
    "*quick* is trained on), or one labelled frame; Dice of other frames of the loop, "
    "without 16 px of border. `cimat40` are pictures with drawn masks: one is "
    "labelled, six others are tested."
)


def train(results: Path) -> list[str]:
    """Return the section if the benchmark has been run."""
    path = results / "train.json"
    if not path.exists():
        return []
    rows = json.loads(path.read_text())["rows"]
    times, draws = [*time_rows(rows), *stroke_rows(rows)], pairs(rows)
    verdicts = [said == "reached" for *_, said in times if said]
    parts = [table(("what", "setting", "target", "measured", ""), times)]
    conclusion = f"{reached(verdicts)} are reached."
    if draws:
        gains = np.array([quick["dice"] - full["dice"] for quick, full in draws])
        words, enough = difference(gains)
        worst = draws[int(gains.argmin())][0]["loop"]
        words += f", at worst {gains.min():+.3f} on {worst}"
        verdicts += [] if enough is None else [enough]
        conclusion = f"{reached(verdicts)} are reached; {words}."
        parts.append(quality(draws))
    where = sorted({f"{r['processor']}, {r['machine']}, {r['date']}" for r in rows})
    silver = f" {SILVER}" if any(r["loop"].startswith("p") for r in rows) else ""
    return [
        answer(
            "How soon is a network trained on what was painted?",
            conclusion[0].upper() + conclusion[1:],
            "\n\n".join(parts),
            f"{MEANT}{silver} {'; '.join(where)}.",
        )
    ]


def time_rows(rows: Sequence[Row]) -> list[tuple[str, str, str, str, str]]:
    """Return what was timed, in which setting, the target, the time, the verdict."""
    lines = []
    for setting, target in TRAIN_S.items():
        of = [row for row in rows if row["setting"] == setting]
        quick, full = (
            [row for row in of if row["what"] == name and "train_s" in row]
            for name in ("quick", "tuned")
        )
        for row in (row for row in of if row["what"] == "segment"):
            what = f"{row['loop']} of 512 px segmented, s"
            limit = SEGMENT_S[setting]
            lines.append(line(what, setting, limit, row["whole_s"]))
            lines.append(
                line("first of them, s", setting, FIRST_FRAME_S, row["first_s"])
            )
        if quick:
            worst = max(row["train_s"] for row in quick)
            lines.append(line("quick training, slowest, s", setting, target, worst))
            first = max(row["first_preview_s"] for row in quick)
            words = "first preview, slowest, s"
            lines.append(line(words, setting, FIRST_PREVIEW_S, first))
        lines += ratio(setting, quick, full)
    return lines


def ratio(
    setting: str, quick: Iterable[Row], full: Iterable[Row]
) -> list[tuple[str, str, str, str, str]]:
    """Return how much sooner the quick training ends on the same draws."""
    known = {(row["loop"], row["labels"]): row["train_s"] for row in quick}
    found = [
        row["train_s"] / known[row["loop"], row["labels"]]
        for row in full
        if (row["loop"], row["labels"]) in known
    ]
    if not found:
        return []
    times = f"{np.median(found):.1f}"
    words = f"times faster than all layers, median of {len(found)}"
    return [(words, setting, "", times, "")]


def line(
    what: str, setting: str, target: float, value: float
) -> tuple[str, str, str, str, str]:
    return what, setting, f"{target:g}", f"{value:.1f}", verdict(value <= target)


def stroke_rows(rows: Sequence[Row]) -> list[tuple[str, str, str, str, str]]:
    """Return what a few strokes gain over no label, by kind of strokes and of loops."""
    kinds = (("strokes", "ten strokes"), ("corrections", "corrections"))
    loops = (
        ("synthetic", "synthetic loops"),
        ("cimat40", "cimat40, other pictures"),
        ("p", "real loops"),
    )
    lines = []
    for labels, words in kinds:
        for start, which in loops:
            lines += gain_rows(rows, labels, words, start, which)
    return lines


def gain_rows(
    rows: Iterable[Row], labels: str, words: str, start: str, which: str
) -> list[tuple[str, str, str, str, str]]:
    """Return mean and worst gain of strokes of one kind on loops of one kind."""
    own = {
        row["loop"]: row
        for row in sorted(rows, key=lambda row: row["setting"])
        if row["what"] == "quick"
        and row["labels"] == labels
        and row["loop"].startswith(start)
    }
    if not own:
        return []
    gains = [row["dice"] - row["before"] for row in own.values()]
    mean, number = float(np.mean(gains)), len(gains)
    low, high = bootstrap_interval(
        {(0, loop): g for loop, g in zip(own, gains, strict=True)}
    )
    setting = ", ".join(sorted({row["setting"] for row in own.values()}))
    what = f"Dice by {words} minus no label, {which}"
    found = f"{mean:+.3f} ({low:+.3f} to {high:+.3f})" if number > 2 else f"{mean:+.3f}"
    goals, verdicts = ("", ""), ("", "")
    if start == "synthetic":
        goals = f"{LEAST_GAIN:+.2f}", f"{LEAST_WORST:+.2f}"
        verdicts = verdict(mean >= LEAST_GAIN), verdict(min(gains) >= LEAST_WORST)
    elif start == "p" and number >= LEAST_DRAWS:
        goals, verdicts = ("interval above 0", ""), (verdict(low > 0), "")
    return [
        (f"{what}, mean of {number}", setting, goals[0], found, verdicts[0]),
        (
            f"{what}, worst of {number}",
            setting,
            goals[1],
            f"{min(gains):+.3f}",
            verdicts[1],
        ),
    ]


def verdict(good: bool) -> str:
    return "reached" if good else "missed"


def pairs(rows: Iterable[Row]) -> list[tuple[Row, Row]]:
    """Return the rows of both recipes on the same draw and setting."""
    found: dict[tuple[str, ...], dict[str, Row]] = {}
    for row in rows:
        key = row["setting"], row["loop"], row["labels"]
        found.setdefault(key, {})[row["what"]] = row
    both = [v for v in found.values() if {"quick", "tuned"} <= v.keys()]
    return [(value["quick"], value["tuned"]) for value in both]


def difference(gains: np.ndarray) -> tuple[str, bool | None]:
    """Return the mean difference and its interval in words, and whether it suffices.

    Fewer than `LEAST_DRAWS` draws have no verdict.
    """
    mean = float(gains.mean())
    words = f"Dice of quick minus all layers is {mean:+.3f}"
    if len(gains) < LEAST_DRAWS:
        few = f"on {len(gains)} of {LEAST_DRAWS} draws, too few to judge"
        return f"{words} {few}", None
    low, high = bootstrap_interval({(0, str(i)): g for i, g in enumerate(gains)})
    words += f" ({low:+.3f} to {high:+.3f}, {len(gains)} draws)"
    return words, mean > LEAST_DIFFERENCE


def quality(draws: Sequence[tuple[Row, Row]]) -> str:
    """Return the table of Dice on each draw."""
    head = (
        "loop", "labels", "no label", "quick", "all layers", "difference",
        "labelled pixels disobeyed by the quick network, by its masks",
    )  # fmt: skip
    lines = [
        (
            quick["loop"], quick["labels"], f"{quick['before']:.3f}",
            f"{quick['dice']:.3f}", f"{full['dice']:.3f}",
            f"{quick['dice'] - full['dice']:+.3f}",
            ", ".join(map(str, quick["disobeyed"])),
        )
        for quick, full in draws
    ]  # fmt: skip
    return table(head, lines)
