"""The bars of painting a little, from what `interactive.py` has measured."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from tables import SILVER, answer, reached, table

LEAST = {"live_same": 0.70, "live_others": 0.62, "strokes": 0.77, "dense": 0.83}
OVER_FOREST = 0.07
FIRST_PREVIEW_S = 5
TRAIN_AND_APPLY_S, FRAMES = 90, 30
STROKE_MS = (150, 400)
BLOCKED_MS = 100
DRAWS = 2000
Row = dict[str, float]
QUESTIONS = {
    "interactive_synthetic": "How good are masks after a few strokes, synthetic loops?",
    "interactive_real": "How good are masks after a few strokes, real loops?",
}


def interactive(results: Path) -> list[str]:
    """Return the sections that there are."""
    parts = []
    for name, question in QUESTIONS.items():
        path = results / f"{name}.json"
        if path.exists():
            parts.append(section(question, json.loads(path.read_text())))
    path = results / "interactive_window.json"
    if path.exists():
        parts.append(window(json.loads(path.read_text())))
    return parts


def section(question: str, found: dict) -> str:
    """Return the section on the loops of one kind."""
    rows = found["rows"]
    lines = bars(rows)
    judged = [verdict for *_, verdict in lines if verdict in ("reached", "missed")]
    best = f", {mean(rows, 'dense'):.3f} after one labelled frame"
    conclusion = (
        f"The Dice on other frames is {mean(rows, 'zero_shot'):.3f} without a label, "
        f"{mean(rows, 'strokes'):.3f} after ten strokes{best * has(rows, 'dense')}; "
        f"{reached(verdict == 'reached' for verdict in judged)} are reached."
    )
    silver = f" {SILVER}" if "real" in question else ""
    how = (
        f"`benchmarks/interactive.py`, {len(rows)} loops, strokes simulated from the "
        f"masks.{silver} {found['machine']}, {found['date']}."
    )
    return answer(
        question, conclusion, table(("what", "target", "measured", ""), lines), how
    )


def bars(rows: Sequence[Row]) -> list[tuple[str, str, str, str]]:
    """Return what, bar, measured, and whether it was reached."""
    what = {
        "live_same": "preview after 5 + 5 strokes: Dice on that frame",
        "live_others": "the same preview: Dice on other frames of the loop",
        "strokes": "training on these strokes: Dice on other frames",
        "dense": "training on one labelled frame: Dice on other frames",
    }
    lines = [
        line(
            words, f"{LEAST[key]:.2f}", mean(rows, key), lambda v, k=key: v >= LEAST[k]
        )
        for key, words in what.items()
        if has(rows, key)
    ]
    if has(rows, "strokes", "forest"):
        gain = mean(rows, "strokes") - mean(rows, "forest")
        words = "training on the strokes: Dice above the random forest"
        lines.append(line(words, "+0.07", gain, lambda v: v >= OVER_FOREST, "+.3f"))
    if has(rows, "dense", "carried"):
        lines.append(carried(rows))
    if has(rows, "strokes_train_s"):
        first = mean(rows, "strokes_first_preview_s")
        words = "time from *Train* to the first preview, s"
        lines.append(line(words, "5", first, lambda v: v <= FIRST_PREVIEW_S, ".1f"))
        whole = mean(rows, "strokes_train_s") + FRAMES * mean(rows, "strokes_frame_s")
        words = f"training and segmenting {FRAMES} frames, s"
        limit = TRAIN_AND_APPLY_S
        lines.append(line(words, str(limit), whole, lambda v: v <= limit, ".0f"))
    return lines


def carried(rows: Sequence[Row]) -> tuple[str, str, str, str]:
    """Return what carrying labels along the flow gains, with its interval."""
    gains = np.array([r["carried"] - r["dense"] for r in rows if "carried" in r])
    rng = np.random.default_rng(0)
    means = rng.choice(gains, (DRAWS, len(gains))).mean(axis=1)
    low, high = np.quantile(means, (0.025, 0.975))
    text = f"{gains.mean():+.3f} ({low:+.3f} to {high:+.3f})"
    helps = "helps" if low > 0 else "off unless asked for"
    return "gain in Dice by labels carried along the flow", "reported", text, helps


def window(found: dict) -> str:
    """Return the section on the times of strokes in the real window."""
    median, worst = np.median(found["stroke_ms"]), np.max(found["stroke_ms"])
    blocked = found["blocked_ms"]
    rows = [
        line("stroke to preview, median, ms", "150", median, lambda v: v <= 150, ".0f"),
        line("stroke to preview, worst, ms", "400", worst, lambda v: v <= 400, ".0f"),
        line("window blocked, worst, ms", "100", blocked, lambda v: v <= 100, ".0f"),
    ]
    return answer(
        "How quickly does the preview follow a stroke?",
        f"The median is {median:.0f} ms; "
        f"{reached(row[-1] == 'reached' for row in rows)} are reached.",
        table(("what", "target", "measured", ""), rows),
        f"`benchmarks/interactive_window.py`: {len(found['stroke_ms'])} strokes in the "
        f"real window, frames of 512 x 512. {found['machine']}, {found['date']}.",
    )


def line(
    words: str,
    asked: str,
    value: float,
    reached: Callable[[float], bool],
    form: str = ".3f",
) -> tuple[str, str, str, str]:
    verdict = "reached" if reached(value) else "missed"
    return words, asked, format(value, form), verdict


def has(rows: Sequence[Row], *keys: str) -> bool:
    return all(any(key in row for row in rows) for key in keys)


def mean(rows: Sequence[Row], key: str) -> float:
    return float(np.mean([row[key] for row in rows if key in row]))
