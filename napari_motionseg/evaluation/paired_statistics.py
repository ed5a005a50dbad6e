"""Compute means, spreads and paired differences of a few-shot evaluation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Row = dict[str, Any]
Key = tuple[int, str]  # draw and loop
MEASURES = ("dice", "cldice", "hd95_px")
# measures that only some methods have
OPTIONAL = ("best_dice", "auc")
DRAWS = 2000  # enough for ends of the interval to two digits
INTERVAL = (2.5, 97.5)  # percent
PROBE = "probe:"
SCRATCH = "scratch"


def summarize(rows: Sequence[Row], baseline: str = SCRATCH) -> list[Row]:
    """Return a row for each method and number of labels.

    Parameters
    ----------
    rows
        Rows from `fewshot_job`.
    baseline
        Name of the method with which others are compared; probes are compared with the
        probe of it.

    Returns
    -------
    list of dict
        Each row has ``method`` and ``labels``; for each measure, the mean over draws of
        the mean over loops of the mean over frames; ``spread``, the standard deviation
        of Dice over draws; the numbers of ``draws`` and ``patients``; and, for other
        methods than the baseline, ``gain``, ``gain_low`` and ``gain_high``: the mean
        difference of Dice on the same loop and draw, and its 95% interval by bootstrap
        over patients and draws. With a single patient, loops are resampled instead.
        ``best_dice_gain`` and ``auc_gain`` are the same for these measures.
    """
    groups = {row["loop"]: str(row.get("group", row["loop"])) for row in rows}
    table = []
    for method, labels in dict.fromkeys((r["method"], r["labels"]) for r in rows):
        own = by_loop(rows, method, labels)
        summary: Row = {"method": method, "labels": labels}
        for measure in measures_of(own):
            summary[measure] = float(np.mean(list(_by_draw(own, measure).values())))
        spread = list(_by_draw(own, "dice").values())
        summary["spread"] = float(np.std(spread, ddof=1)) if len(spread) > 1 else None
        summary["draws"] = len(spread)
        summary["patients"] = len({groups[loop] for _, loop in own})
        base = f"{PROBE}{baseline}" if method.startswith(PROBE) else baseline
        if method != base:
            summary |= _gains(own, by_loop(rows, base, labels), groups)
        table.append(summary)
    return table


def by_loop(
    rows: Sequence[Row], method: str, labels: int
) -> dict[Key, dict[str, float]]:
    """Return the mean of each measure over the frames of each draw and loop."""
    found: dict[Key, list[Row]] = {}
    for row in rows:
        if row["method"] == method and row["labels"] == labels:
            found.setdefault((row["seed"], row["loop"]), []).append(row)
    return {
        key: {m: float(np.mean([row[m] for row in group])) for m in _measures(group)}
        for key, group in found.items()
    }


def _measures(rows: Sequence[Row]) -> list[str]:
    """Return the measures that all rows have."""
    return [*MEASURES, *(m for m in OPTIONAL if all(m in row for row in rows))]


def measures_of(loops: Mapping[Key, Mapping[str, float]]) -> list[str]:
    """Return the measures that are known of all draws and loops."""
    return _measures([dict(values) for values in loops.values()])


def _by_draw(
    loops: Mapping[Key, Mapping[str, float]], measure: str
) -> dict[int, float]:
    seeds = dict.fromkeys(seed for seed, _ in loops)
    return {
        seed: float(np.mean([v[measure] for (s, _), v in loops.items() if s == seed]))
        for seed in seeds
    }


def _gains(
    own: Mapping[Key, Mapping[str, float]],
    other: Mapping[Key, Mapping[str, float]],
    groups: Mapping[str, str],
) -> Row:
    """Return the paired gains in Dice, and in optional measures that both have."""
    if not any(key in other for key in own):
        return {}
    both = [m for m in OPTIONAL if m in measures_of(own) and m in measures_of(other)]
    found: Row = {}
    for measure in ["dice", *both]:
        name = "gain" if measure == "dice" else f"{measure}_gain"
        pairs = {k: own[k][measure] - other[k][measure] for k in own if k in other}
        low, high = bootstrap_interval(pairs, groups)
        gain = float(np.mean(list(pairs.values())))
        found |= {name: gain, f"{name}_low": low, f"{name}_high": high}
    return found


def bootstrap_interval(
    differences: Mapping[Key, float],
    groups: Mapping[str, str] | None = None,
    draws: int = DRAWS,
) -> tuple[float, float]:
    """Return the 95% interval of a mean over draws and loops.

    Parameters
    ----------
    differences
        Differences by draw of labels and loop. Draws are resampled, because the frames
        that happen to be labelled differ, and so are patients, because the loops of one
        patient are alike.
    groups
        Patient of each loop; None, or a single patient, resamples loops.
    draws
        Number of draws of the bootstrap.
    """
    seeds = sorted({seed for seed, _ in differences})
    loops = sorted({loop for _, loop in differences})
    grid: NDArray[np.float64] = np.full((len(seeds), len(loops)), np.nan)
    for (seed, loop), value in differences.items():
        grid[seeds.index(seed), loops.index(loop)] = value
    units = _units(loops, groups or {})
    rng = np.random.default_rng(0)
    means = []
    for _ in range(draws):
        rows = rng.integers(len(seeds), size=len(seeds))
        chosen = rng.integers(len(units), size=len(units))
        columns = np.concatenate([units[unit] for unit in chosen])
        means.append(np.nanmean(grid[np.ix_(rows, columns)]))
    low, high = np.percentile(means, INTERVAL)
    return float(low), float(high)


def _units(loops: Sequence[str], groups: Mapping[str, str]) -> list[NDArray[np.intp]]:
    """Return the places of the loops of each patient; of each loop if there is one."""
    kinds = np.array([groups.get(loop, loop) for loop in loops])
    if len(set(kinds)) < 2:
        kinds = np.array(loops)
    return [np.flatnonzero(kinds == kind) for kind in dict.fromkeys(kinds.tolist())]
