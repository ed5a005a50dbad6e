"""Flow methods on synthetic angiograms whose flow is known, of two generators.

    python benchmarks/flow_synthetic.py              # 200 pairs of each, an hour or two
    python benchmarks/flow_synthetic.py --quick      # 24
    ... --generators package --methods still pwcnet dis-strong --weights own.safetensors

Held-out seeds; 512 x 512 px. Error is averaged over all pixels of a region (see
`flow_measures.regions`) of all pairs. The second generator, `simple_angiograms`, shares
no code with the one that the network learnt from. Methods that are not named keep the
values of an earlier report, if that of `still` tells that the pairs are the same.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from bars import Table, synthetic_bars
from flow_methods import METHODS, STILL
from flow_rows import (
    HERE,
    PACKAGE,
    Row,
    Rows,
    earlier_report,
    measured,
    parser,
    write_report,
)
from synthetic_pairs import GENERATORS, chunks, measure

QUICK_PAIRS = 24


def main() -> None:
    options = parse_options()
    count = QUICK_PAIRS if options.quick else options.pairs
    sums = {}
    for generator in options.generators:
        tasks = {c.key: c for c in chunks(generator, count, options.size)}
        found = measured(tasks, options.methods, measure, rows_of(generator, options))
        sums[generator] = {name: stacked(found[name]) for name in options.methods}
    which = {"pairs": count, "size": options.size}
    tables = {}
    for generator, methods in sums.items():
        found = {name: means(table) for name, table in methods.items()}
        tables[generator] = earlier(options.out, which, generator, found) | found
    report = which | {
        "weights": options.weights.name if options.weights else "shipped",
        "rows": [row for g in sums for row in synthetic_bars(g, tables[g], sums[g])],
        "generators": tables,
    }
    show(tables)
    write_report(options.out, report)


def parse_options() -> argparse.Namespace:
    made = parser(__doc__, "flow_synthetic")
    made.add_argument("--pairs", type=int, default=200)
    made.add_argument("--quick", action="store_true", help=f"{QUICK_PAIRS} pairs")
    made.add_argument("--size", type=int, default=512)
    made.add_argument(
        "--generators", nargs="+", choices=list(GENERATORS), default=list(GENERATORS)
    )
    return made.parse_args()


def rows_of(generator: str, options: argparse.Namespace) -> Rows:
    """Return where rows are kept; they depend on the generator's own code."""
    own = {
        "package": tuple(sorted((PACKAGE / "synthesis").rglob("*.py"))),
        "simple": (HERE / "simple_angiograms.py",),
    }
    sources = (HERE / "synthetic_pairs.py", *own[generator])
    name = f"flow_synthetic-{generator}"
    return Rows(name, options.cache, options.weights, sources)


def stacked(rows: list[Row]) -> dict[str, np.ndarray]:
    """Return for each region ``(N, 2)``: pixels and sum of errors of each pair."""
    pairs = [pair for row in rows for pair in row["pairs"]]
    return {name: np.array([pair[name] for pair in pairs], float) for name in pairs[0]}


def earlier(out: Path, which: Mapping[str, Any], generator: str, found: Table) -> Table:
    """Return the rows of an earlier report if its pairs are those of `found`."""
    report = earlier_report(out, which)
    table: Table = report.get("generators", {}).get(generator, {})
    same = STILL in found and found[STILL] == table.get(STILL)
    return table if same else {}


def means(table: dict[str, np.ndarray]) -> dict[str, float]:
    """Return the mean error in px of each region that has pixels."""
    totals = {name: sums.sum(axis=0) for name, sums in table.items()}
    return {name: float(e / n) for name, (n, e) in totals.items() if n}


def show(generators: dict) -> None:
    for generator, table in generators.items():
        names = list(next(iter(table.values())))
        print(f"{generator:22}" + " ".join(f"{name:>8}" for name in names))
        for method, row in table.items():
            cells = " ".join(f"{row[name]:8.3f}" for name in names)
            print(f"{METHODS[method].title:22}{cells}")


if __name__ == "__main__":
    main()
