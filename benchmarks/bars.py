"""The bars of the flow benchmarks: what is asked, what was measured, was it reached.

A row is ``{what, bar, measured, ratio, passed}``; `ratio` is what was measured over
what it is compared with, or None.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from flow_methods import METHODS, NETWORK, STILL

Table = dict[str, dict[str, float]]
Sums = dict[str, np.ndarray]
NAMED = ("dis", "dis-strong", "tvl1", "tvl1-50")
LEAST_AUC_GAIN = 0.10
LEAST_DICE = 0.82
LEAST_AGREEMENT = 0.85
# Another generator's vessels are asked to come out in the same order, no more
VESSEL_RATIO = {"package": 0.6, "simple": 1.0}
GENERATOR = {"package": "held-out synthetic pairs: ", "simple": "second generator: "}
REAL = "real loops, gap {gap}: "


def bar(
    what: str, asked: str, measured: str, ratio: float | None, passed: bool
) -> dict[str, Any]:
    """Return one row of the table of bars."""
    return {
        "what": what,
        "bar": asked,
        "measured": measured,
        "ratio": None if ratio is None else round(ratio, 3),
        "passed": bool(passed),
    }


def best(table: Table, measure: str, names, largest: bool) -> tuple[str, float]:
    """Return the title and value of the best of some methods that were measured."""
    found = {n: table[n][measure] for n in names if measure in table.get(n, {})}
    name = (max if largest else min)(found, key=found.__getitem__)
    return METHODS[name].title, found[name]


def real_bars(table: Table) -> list[dict[str, Any]]:
    """Return the bars on real loops; none if the network or its peers are missing."""
    if NETWORK not in table or not any(name in table for name in NAMED):
        return []
    rows = []
    for gap in (1, 2):
        if f"photometric_{gap}" in table[NETWORK]:
            rows += [photometric_bar(table, gap), *outline_bars(table, gap)]
    if "dice_1" in table[NETWORK]:
        rows += [dice_bar(table), *agreement_bars(table)]
    return rows


def photometric_bar(table: Table, gap: int) -> dict[str, Any]:
    measure = f"photometric_{gap}"
    own, (title, other) = table[NETWORK][measure], best(table, measure, NAMED, False)
    return bar(
        REAL.format(gap=gap) + "photometric error on moving vessels",
        "below DIS and TV-L1",
        f"{own:.2f} gray levels; {title} {other:.2f}",
        own / other,
        own < other,
    )


def outline_bars(table: Table, gap: int) -> list[dict[str, Any]]:
    """Return the two bars of outlines.

    Standing still counts as a peer with its 0.5: classical flow is worse than chance at
    a vessel's edge, since its own edges lie a window away from it.
    """
    peers = (*NAMED, STILL)
    rows = []
    for name, words in (
        ("auc_boundary", "flow-boundary strength"),
        ("auc_relative", "flow minus background flow"),
    ):
        measure = f"{name}_{gap}"
        own, (title, other) = table[NETWORK][measure], best(table, measure, peers, True)
        rows.append(
            bar(
                REAL.format(gap=gap) + f"AUC of {words} for vessel edges",
                "0.10 above DIS, TV-L1 and chance",
                f"{own:.3f}; {title} {other:.3f}",
                own / other,
                own >= other + LEAST_AUC_GAIN,
            )
        )
    return rows


def dice_bar(table: Table) -> dict[str, Any]:
    classical = [name for name in table if name not in (NETWORK, STILL)]
    own, (title, other) = (
        table[NETWORK]["dice_1"],
        best(table, "dice_1", classical, True),
    )
    return bar(
        REAL.format(gap=1) + "Dice of the later mask brought back",
        f"{LEAST_DICE}",
        f"{own:.3f}; {title} {other:.3f}",
        own / other,
        own >= LEAST_DICE,
    )


def agreement_bars(table: Table) -> list[dict[str, Any]]:
    classical = [name for name in table if name not in (NETWORK, STILL)]
    own, strict = (table[NETWORK][name] for name in ("agree_1", "agree_on_vessel_1"))
    title, other = best(table, "agree_on_vessel_1", classical, True)
    return [
        bar(
            REAL.format(gap=1) + "vessel pixels whose way there and back agrees",
            f"{LEAST_AGREEMENT:.0%}",
            f"{own:.1%}",
            own / LEAST_AGREEMENT,
            own >= LEAST_AGREEMENT,
        ),
        bar(
            REAL.format(gap=1)
            + "those that also end on a vessel (no bar of the issue: "
            "standing still agrees with itself)",
            "above all classical",
            f"{strict:.1%}; {title} {other:.1%}",
            strict / other,
            strict > other,
        ),
    ]


def synthetic_bars(
    generator: str, table: Table, sums: Mapping[str, Sums]
) -> list[dict[str, Any]]:
    """Return the bars of one generator: on vessels, near them, far from them.

    Parameters
    ----------
    generator
        ``"package"`` or ``"simple"``.
    table
        Mean error in px of each method and region.
    sums
        For each region ``(N, 2)``: pixels and sum of errors of each pair; only of the
        methods that were measured in this run.
    """
    classical = [name for name in table if name not in (NETWORK, STILL)]
    if NETWORK not in table or not classical:
        return []
    factor = VESSEL_RATIO[generator]
    rows = []
    for region, words, limit in (
        ("vessel", "vessels moving over 2 px", factor),
        ("near", "background within 12 px", 1.0),
        ("far", "background farther", 1.0),
    ):
        peers = [*classical, STILL] if region == "near" else classical
        what = GENERATOR[generator] + words
        rows.append(error_bar(table, sums, peers, what, region, limit))
    return rows


def error_bar(
    table: Table,
    sums: Mapping[str, Sums],
    peers: Sequence[str],
    what: str,
    region: str,
    limit: float,
) -> dict[str, Any]:
    """Return one bar of end-point error against the best of `peers` in this region."""
    other = min(peers, key=lambda name: table[name][region])
    own, best_error = table[NETWORK][region], table[other][region]
    measured = f"{own:.2f} px; {METHODS[other].title} {best_error:.2f} px"
    if NETWORK in sums and other in sums:
        low, high = ratio_interval(sums[NETWORK][region], sums[other][region])
        measured += f"; ratio {low:.2f} to {high:.2f}"
    ratio = own / best_error
    strict = region == "near"
    asked = f"at most {limit:g} of the best"
    if strict:
        asked = "below all, and below standing still"
    passed = ratio < limit if strict else ratio <= limit
    return bar(what, asked, measured, ratio, passed)


def ratio_interval(
    own: np.ndarray, other: np.ndarray, draws: int = 2000
) -> tuple[float, float]:
    """Return the 95% interval of the errors' ratio, pairs drawn anew (bootstrap)."""
    chosen = np.random.default_rng(0).integers(len(own), size=(draws, len(own)))
    errors, others = (sums[chosen].sum(axis=1) for sums in (own, other))
    ratios = (errors[:, 1] / errors[:, 0]) / (others[:, 1] / others[:, 0])
    low, high = np.percentile(ratios, (2.5, 97.5))
    return float(low), float(high)
