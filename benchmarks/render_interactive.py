"""The bars of painting a little, from what `interactive.py` has measured."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from tables import table

LEAST = {"live_same": 0.70, "live_others": 0.62, "strokes": 0.77, "dense": 0.83}
OVER_FOREST = 0.07
FIRST_PREVIEW_S = 5
TRAIN_AND_APPLY_S, FRAMES = 90, 30
STROKE_MS = (150, 400)
BLOCKED_MS = 100
DRAWS = 2000
Row = dict[str, float]
TITLES = {
    "interactive_synthetic": "Paint a little, synthetic loops",
    "interactive_real": "Paint a little, real loops",
}


def interactive(results: Path) -> list[str]:
    """Return the sections that there are."""
    parts = []
    for name, title in TITLES.items():
        path = results / f"{name}.json"
        if path.exists():
            parts.append(section(title, json.loads(path.read_text())))
    path = results / "interactive_window.json"
    if path.exists():
        parts.append(window(json.loads(path.read_text())))
    return parts


def section(title: str, found: dict) -> str:
    rows = found["rows"]
    real = "real" in title
    silver = (
        " The masks are a silver standard: made by another group's network, they miss "
        "thin branches; they compare methods and give no absolute accuracy."
    )
    words = (
        f"`benchmarks/interactive.py`, {len(rows)} loops, strokes simulated from the "
        f"masks. Zero-shot Dice on the tested frames: {mean(rows, 'zero_shot'):.3f}."
        f"{silver if real else ''} {found['machine']}, {found['date']}."
    )
    head = ("what", "bar", "measured", "")
    return "\n\n".join([f"## {title}", words, table(head, bars(rows))]) + "\n"


def bars(rows: Sequence[Row]) -> list[tuple[str, str, str, str]]:
    """Return what, bar, measured, and whether it was reached."""
    what = {
        "live_same": "preview after 5 + 5 strokes, Dice on that frame",
        "live_others": "the same, other frames of the loop",
        "strokes": "Train from those strokes, Apply: Dice on other frames",
        "dense": "one dense frame, Train, Apply",
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
        words = "the same, above the random forest"
        lines.append(line(words, "+0.07", gain, lambda v: v >= OVER_FOREST, "+.3f"))
    if has(rows, "dense", "carried"):
        lines.append(carried(rows))
    if has(rows, "strokes_train_s"):
        first = mean(rows, "strokes_first_preview_s")
        words = "Train pressed, first preview, s"
        lines.append(line(words, "5", first, lambda v: v <= FIRST_PREVIEW_S, ".1f"))
        whole = mean(rows, "strokes_train_s") + FRAMES * mean(rows, "strokes_frame_s")
        words = f"Train and Apply of {FRAMES} frames, s"
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
    return "labels carried along the flow, gain in Dice", "reported", text, helps


def window(found: dict) -> str:
    """What the real window takes."""
    median, worst = np.median(found["stroke_ms"]), np.max(found["stroke_ms"])
    blocked = found["blocked_ms"]
    rows = [
        line("stroke to preview, median, ms", "150", median, lambda v: v <= 150, ".0f"),
        line("stroke to preview, worst, ms", "400", worst, lambda v: v <= 400, ".0f"),
        line("window blocked, worst, ms", "100", blocked, lambda v: v <= 100, ".0f"),
    ]
    words = (
        f"`benchmarks/interactive_window.py`: {len(found['stroke_ms'])} strokes in the "
        f"real window, frames of 512 x 512. {found['machine']}, {found['date']}."
    )
    head = ("what", "bar", "measured", "")
    return "\n\n".join(["## Strokes in the window", words, table(head, rows)]) + "\n"


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
