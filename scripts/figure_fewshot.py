"""Make docs/images/fewshot.png: Dice by labels, and what each pretraining is worth.

python scripts/figure_fewshot.py

All is drawn from what the benchmarks have left in ``benchmarks/results``. `fewshot.py`
shows the default network beside others, by the number of labels. `motion.py` shows the
same for an embedding that motion taught (figure 4 of Ma et al.), what it adds on one
label, and what the flow it learns from matters (figure 7).
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results"
OUT = ROOT / "docs" / "images" / "fewshot.png"
USUAL_STEPS = 3600  # of learning from motion
INK, FAINT = "#555b66", "#b9bec7"  # read on light and on dark pages
COLORS = {
    "default": "#d1495b",
    "scratch": "#2e86ab",
    "random-forest": "#6a994e",
    "frangi": "#8d6a9f",
    "motion-xa": "#d1495b",
    "regression": "#edae49",
    "random, fitted": "#6a994e",
}
# methods of motion.py, by their names in the figure
BY_LABELS = {
    "joint": "motion-xa",
    "regression": "regression",
    "random": "random, fitted",
    "scratch": "scratch",
}
ARMS = {
    "moving-apart-loops": "motion of real loops",
    "moving-apart-loops-shuffled": "real loops, shuffled flow",
    "joint": "exact flow (motion-xa)",
    "joint-shuffled": "motion-xa, shuffled flow",
    "regression": "regression, exact flow",
    "regression-estimated": "regression, our PWC-Net",
    "regression-dis": "regression, DIS",
    "regression-shuffled": "regression, shuffled",
    "random": "random, fitted",
}


def main() -> None:
    argparse.ArgumentParser(description=__doc__).parse_args()
    plt.rcParams.update(
        {
            "font.size": 9, "text.color": INK, "axes.labelcolor": INK,
            "xtick.color": INK, "ytick.color": INK, "axes.edgecolor": FAINT,
        }
    )  # fmt: skip
    figure, axes = plt.subplots(2, 2, figsize=(9.2, 6.2))
    by_labels(
        axes[0, 0], read("fewshot_across"), "real loops, the default network and others"
    )
    by_labels(axes[0, 1], taught_by_labels(), "synthetic loops, taught by motion")
    for axis, data in zip(axes[1], ("real", "synthetic"), strict=True):
        gains(axis, taught(data), f"taught by motion, one label, {data} loops")
    for axis in axes.flat:
        axis.spines[["top", "right"]].set_visible(False)
    figure.tight_layout(pad=0.8)
    figure.savefig(OUT, dpi=130, transparent=True)


def taught(data: str) -> list[dict]:
    """Return the gains over scratch that `motion.py` found, with plain names."""
    path = RESULTS / f"motion_{data}_tuned.json"
    rows = json.loads(path.read_text())["against"]["scratch"]
    return [row | {"method": ARMS[row["method"]]} for row in rows
            if row["method"] in ARMS]  # fmt: skip


def taught_by_labels() -> list[dict]:
    """Return Dice on synthetic loops for each measured number of labels."""
    rows = []
    for path in sorted(RESULTS.glob("motion_synthetic_tuned*.json")):
        report = json.loads(path.read_text())
        if report["pretraining_steps"] == USUAL_STEPS:
            rows += report["against"]["scratch"]
    return [row | {"method": BY_LABELS[row["method"]]} for row in rows
            if row["method"] in BY_LABELS]  # fmt: skip


def read(name: str) -> list[dict]:
    """Return the rows of a result's summary; none if it was not measured."""
    path = RESULTS / f"{name}.json"
    if not path.exists():
        return []
    result = json.loads(path.read_text())
    rows: list[dict] = result.get("summary") or result["against"]["scratch"]
    return rows


def by_labels(axis: Axes, rows: list[dict], title: str) -> None:
    """Draw Dice over the number of labelled frames, a line a method."""
    axis.set_title(title, fontsize=9, color=INK)
    counts = sorted({row["labels"] for row in rows})
    for method in dict.fromkeys(row["method"] for row in rows):
        own = [row for row in rows if row["method"] == method]
        own.sort(key=lambda row: row["labels"])
        places = [counts.index(row["labels"]) for row in own]
        dice = [row["dice"] for row in own]
        spread = [row["spread"] or 0 for row in own]
        axis.errorbar(
            places, dice, spread, marker="o", ms=4, capsize=2, lw=1.6,
            color=COLORS.get(method),
        )  # fmt: skip
        aside = 6, 0 if len(own) > 1 else 14  # a single point is among the lines
        axis.annotate(
            method, (places[-1], dice[-1]), aside, textcoords="offset points",
            va="center", color=COLORS.get(method),
        )  # fmt: skip
    axis.set_xticks(range(len(counts)), [str(count) for count in counts])
    axis.set(xlabel="labelled frames of other loops", ylabel="Dice")
    axis.set_xlim(-0.2, len(counts) - 1 + 0.9)


def gains(axis: Axes, rows: list[dict], title: str) -> None:
    """Draw what each start adds, with its 95% interval."""
    own = sorted((row for row in rows if "gain" in row), key=lambda row: row["gain"])
    axis.axvline(0, color=FAINT, lw=1)
    for place, row in enumerate(own):
        clear = row["gain_low"] > 0 or row["gain_high"] < 0
        color = COLORS["default"] if clear else INK
        axis.plot((row["gain_low"], row["gain_high"]), (place, place), color=color)
        axis.plot(row["gain"], place, "o", ms=5, color=color)
    axis.set_yticks(range(len(own)), [row["method"] for row in own])
    axis.set_ylim(-0.6, len(own) - 0.4)
    axis.xaxis.set_major_locator(MaxNLocator(4))
    axis.set_xlabel("gain in Dice over random weights (scratch)")
    axis.set_title(title, fontsize=9, color=INK)


if __name__ == "__main__":
    main()
