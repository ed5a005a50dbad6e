"""Divide the error of the flow on moving vessels by its cause, with exact truth.

    python benchmarks/flow_errors.py --pairs 200     # all, about half an hour
    python benchmarks/flow_errors.py                 # 60

The pairs are spread over the 200 of ``flow_synthetic.py``, generator ``package``, and
the pixels are the same: vessels that move more than 2 px. `flow_causes` says how pixels
are divided, `flow_oracles` which parts of the network are replaced by the truth. Sums
of pairs are kept in a scratch folder, so that a run that was cut goes on.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from exact_pairs import ExactPair, exact_pairs
from flow_causes import FAILURES, PLACES, along_and_across, failures, places
from flow_measures import regions
from flow_methods import NETWORK
from flow_oracles import ORACLES, layers, network, oracle_flows
from flow_rows import (
    HERE,
    PACKAGE,
    Row,
    Rows,
    flow_method,
    measured,
    parser,
    write_report,
)
from synthetic_pairs import Chunk, chunks

ALL_PAIRS = 200  # of flow_synthetic.py; pairs of a chunk show one scene
PEER = "dis"  # the best classical method on these pixels
CELLS = tuple((place, failure) for place in PLACES for failure in FAILURES)
# sums over the pixels of a cell: of end-point errors in px, of the parts of the
# registered layer's error along and across the vessel, and of their squares
SUMS = (NETWORK, PEER, *ORACLES, "along", "across", "along2", "across2")
SOURCES = ("exact_pairs.py", "flow_causes.py", "flow_oracles.py", "flow_errors.py")


def main() -> None:
    made = parser(__doc__, "flow_errors")
    made.add_argument("--pairs", type=int, default=60)
    made.add_argument("--size", type=int, default=512)
    options = made.parse_args()
    chosen = spread(chunks("package", ALL_PAIRS, options.size), options.pairs)
    tasks = {c.key: c for c in chosen}
    sources = (
        *(HERE / name for name in SOURCES),
        HERE / "synthetic_pairs.py",
        *sorted((PACKAGE / "synthesis").rglob("*.py")),
    )
    rows = Rows("flow_errors", options.cache, options.weights, sources)
    found = measured(tasks, [NETWORK], measure, rows)[NETWORK]
    report = {
        "pairs": sum(chunk.count for chunk in chosen),
        "size": options.size,
        "weights": options.weights.name if options.weights else "shipped",
        "rows": [],
        "cells": total([row["cells"] for row in found]),
    }
    write_report(options.out, report)


def spread(every: Sequence[Chunk], pairs: int) -> list[Chunk]:
    """Return chunks of at least so many pairs, evenly spread over all of them."""
    count = min(len(every), -(-pairs // every[0].count))
    places = np.linspace(0, len(every) - 1, count).round().astype(int)
    return [every[place] for place in places]


def measure(
    chunk: Chunk, methods: Sequence[str], weights: Path | None
) -> dict[str, Row]:
    """Return the sums over the pixels of each cell, of all pairs of a chunk."""
    tables = [pair_sums(pair, weights) for pair in exact_pairs(chunk)]
    return {name: {"cells": total(tables)} for name in methods}


def pair_sums(pair: ExactPair, weights: Path | None) -> dict[str, dict[str, float]]:
    """Return for each cell with pixels their number and the sums of `SUMS`."""
    fast = regions(pair.flow, pair.mask)["vessel"]
    if not fast.any():
        return {}
    model = network(weights)
    found = layers(model, pair.first, pair.second)
    flows = oracle_flows(model, pair, found)
    flows[NETWORK] = found.mixture(found.vessel)[0].numpy()
    flows[PEER] = flow_method(PEER, None)(pair.first, pair.second)
    sizes = {n: np.linalg.norm(f - pair.flow, axis=0) for n, f in flows.items()}
    layer = flows["shape"]
    sizes["along"], sizes["across"] = along_and_across(layer - pair.flow, pair.along)
    sizes |= {f"{name}2": sizes[name] ** 2 for name in ("along", "across")}
    share = found.share[0, 0].numpy()
    failed = failures(share, layer, pair.flow, pair.along)
    return cell_sums(places(pair), failed, fast, sizes)


def cell_sums(
    where: dict[str, np.ndarray],
    failed: dict[str, np.ndarray],
    chosen: np.ndarray,
    sizes: dict[str, np.ndarray],
) -> dict[str, dict[str, float]]:
    """Return the sums over each cell of two divisions.

    Parameters
    ----------
    where, failed
        Pixels ``(H, W)`` bool of each part of either division.
    chosen
        Pixels ``(H, W)`` bool that count.
    sizes
        What is added up ``(H, W)``, by name.

    Returns
    -------
    dict
        By ``"place failure"``: ``pixels``, and the sum of each of `sizes`; cells
        without pixels are left out.
    """
    found = {}
    for place, failure in CELLS:
        here = where[place] & failed[failure] & chosen
        if here.any():
            sums = {n: float(s[here].sum(dtype=np.float64)) for n, s in sizes.items()}
            found[f"{place} {failure}"] = {"pixels": float(here.sum())} | sums
    return found


def total(tables: Sequence[dict[str, dict[str, float]]]) -> dict[str, dict[str, float]]:
    """Return the sum of the tables of some pairs, cell by cell."""
    cells = [f"{place} {failure}" for place, failure in CELLS]
    return {
        cell: {name: sum(t[cell][name] for t in tables if cell in t)
               for name in ("pixels", *SUMS)}
        for cell in cells
        if any(cell in t for t in tables)
    }  # fmt: skip


if __name__ == "__main__":
    main()
