"""Compute means, spreads and paired differences of a few-shot evaluation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Row = dict[str, Any]
MEASURES = ("dice", "cldice", "hd95_px")
DRAWS = 2000  # enough for ends of the interval to two digits
INTERVAL = (2.5, 97.5)  # percent


def summarize(rows: Sequence[Row], baseline: str = "scratch") -> list[Row]:
    """Return a row for each method and number of labels.

    Parameters
    ----------
    rows
        Rows from `fewshot_job`.
    baseline
        Name of the method with which others are compared.

    Returns
    -------
    list of dict
        Each row has ``method`` and ``labels``; for each measure, the mean over draws of
        the mean over loops of the mean over frames; ``spread``, the standard deviation
        of Dice over draws; and, for other methods than the baseline, ``gain``,
        ``gain_low`` and ``gain_high``: the mean difference of Dice on the same loop and
        draw, and its 95% interval by bootstrap over loops and draws.
    """
    table = []
    for method, labels in dict.fromkeys((r["method"], r["labels"]) for r in rows):
        own = by_loop(rows, method, labels)
        summary = {"method": method, "labels": labels}
        for measure in MEASURES:
            summary[measure] = float(np.mean(list(_by_draw(own, measure).values())))
        spread = list(_by_draw(own, "dice").values())
        summary["spread"] = float(np.std(spread, ddof=1)) if len(spread) > 1 else None
        summary["draws"] = len(spread)
        if method != baseline:
            summary |= _gain(own, by_loop(rows, baseline, labels))
        table.append(summary)
    return table


def by_loop(
    rows: Sequence[Row], method: str, labels: int
) -> dict[tuple[int, str], dict[str, float]]:
    """Return the mean of each measure over the frames of each draw and loop."""
    found: dict[tuple[int, str], list[Row]] = {}
    for row in rows:
        if row["method"] == method and row["labels"] == labels:
            found.setdefault((row["seed"], row["loop"]), []).append(row)
    return {
        key: {m: float(np.mean([row[m] for row in group])) for m in MEASURES}
        for key, group in found.items()
    }


def _by_draw(
    loops: dict[tuple[int, str], dict[str, float]], measure: str
) -> dict[int, float]:
    seeds = dict.fromkeys(seed for seed, _ in loops)
    return {
        seed: float(np.mean([v[measure] for (s, _), v in loops.items() if s == seed]))
        for seed in seeds
    }


def _gain(
    own: dict[tuple[int, str], dict[str, float]],
    other: dict[tuple[int, str], dict[str, float]],
) -> Row:
    pairs = {key: own[key]["dice"] - other[key]["dice"] for key in own if key in other}
    if not pairs:
        return {}
    low, high = bootstrap_interval(pairs)
    gain = float(np.mean(list(pairs.values())))
    return {"gain": gain, "gain_low": low, "gain_high": high}


def bootstrap_interval(
    differences: dict[tuple[int, str], float], draws: int = DRAWS
) -> tuple[float, float]:
    """Return the 95% interval of a mean over draws and loops.

    Parameters
    ----------
    differences
        Differences by draw of labels and loop. Both are resampled, because loops
        differ, and so do the frames that happen to be labelled.
    draws
        Number of draws of the bootstrap.
    """
    seeds = sorted({seed for seed, _ in differences})
    loops = sorted({loop for _, loop in differences})
    grid: NDArray[np.float64] = np.full((len(seeds), len(loops)), np.nan)
    for (seed, loop), value in differences.items():
        grid[seeds.index(seed), loops.index(loop)] = value
    rng = np.random.default_rng(0)
    means = [
        np.nanmean(
            grid[
                np.ix_(
                    rng.integers(len(seeds), size=len(seeds)),
                    rng.integers(len(loops), size=len(loops)),
                )
            ]
        )
        for _ in range(draws)
    ]
    low, high = np.percentile(means, INTERVAL)
    return float(low), float(high)
